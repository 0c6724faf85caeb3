-- Who the digests of a licence's seat rules are: personal data, written in the transaction of the rules, gone with the
-- organization's erasure. Which digests are in which list is in the log.
create table seat_rule_names (
    license_id      uuid not null,
    member          text not null,  -- user:<digest> or machine:<digest>
    organization_id uuid not null,
    name            text not null,
    primary key (license_id, member)
);

create index seat_rule_names_of_organization on seat_rule_names (organization_id);
