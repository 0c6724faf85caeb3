-- How far the sandbox's engine clock is ahead of the system's; one row.
create table sandbox_clock (
    single_row boolean primary key default true check (single_row),
    ahead      interval not null default '0'
);
insert into sandbox_clock default values;
