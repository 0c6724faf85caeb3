-- What people call the machines of a node-locked licence: personal data (a name, a host name), written in the
-- transaction of the machine's activation, gone with its deactivation or with the organization's erasure. Which
-- machines are bound is in the log.
create table license_machines (
    license_id         uuid not null,
    fingerprint_digest text not null,
    organization_id    uuid not null,
    name               text not null,
    primary key (license_id, fingerprint_digest)
);

create index license_machines_of_organization on license_machines (organization_id);
