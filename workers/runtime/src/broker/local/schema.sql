-- The queues. Bodies lie apart, so that leasing and parking rewrite a small row only.
create table if not exists messages (
    seq        integer primary key,
    queue      text    not null,
    due_at     integer not null, -- milliseconds; in the past: ready
    owner      integer,          -- who holds it; null: nobody
    message_id text    not null,
    attempt    integer not null,
    crashes    integer not null,
    replays    integer not null,
    first_seen integer not null, -- milliseconds
    origin     text,
    cause      text,
    calls      text              -- API calls made for it, as JSON; null: none
) strict;
create index if not exists messages_next on messages (queue, owner, due_at, seq);
create index if not exists messages_held on messages (owner) where owner is not null;
create table if not exists bodies (
    seq  integer primary key,
    body blob not null
) strict;
-- Processes that have the file open. Each holds a lock on its own file while it lives.
create table if not exists owners (
    id integer primary key autoincrement
) strict;
-- Who takes from what, for those who look.
create table if not exists consumers (
    owner integer not null,
    queue text    not null
) strict;
-- What the processes at work say of themselves.
create table if not exists cards (
    owner integer primary key,
    card  text not null
) strict;
-- When holds were lifted last, by role.
create table if not exists lifts (
    role text primary key,
    at   integer not null -- milliseconds
) strict;
-- What a leader keeps, see broker/lead.rs.
create table if not exists kept (
    lead  text primary key,
    state blob not null
) strict;
-- What a leader is asked to do. Whoever asked removes the row with its answer.
create table if not exists orders (
    seq     integer primary key autoincrement,
    lead    text    not null,
    sent_at integer not null, -- milliseconds
    body    blob    not null,
    answer  blob
) strict;
-- Cancelled runs: their jobs are not begun any more.
create table if not exists cancelled (
    run text primary key,
    at  integer not null -- milliseconds
) strict;
