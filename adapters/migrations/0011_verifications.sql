-- Each finished `usher events verify`: what it counted, and up to a hundred of the things it found wrong.
create table verifications (
    id          bigint generated always as identity primary key,
    started_at  timestamptz not null,
    finished_at timestamptz not null,
    ok          boolean not null,
    counts      jsonb not null,
    findings    jsonb not null
);
