-- Which processes of the engine are alive; the database's own clock, whatever the sandbox says.
create table process_beats (
    kind     text not null,
    instance text not null,
    beat_at  timestamptz not null,
    primary key (kind, instance)
);
