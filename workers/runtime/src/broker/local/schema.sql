-- The queues. Bodies have their own table, so that leasing and parking rewrite only a small row.
create table if not exists messages (
    seq        integer primary key,
    queue      text    not null,
    due_at     integer not null, -- milliseconds; ready when in the past
    owner      integer,          -- the process that holds it; null if ready or parked
    message_id text    not null,
    attempt    integer not null,
    crashes    integer not null,
    replays    integer not null,
    first_seen integer not null, -- milliseconds
    origin     text,
    cause      text,
    calls      text              -- API calls made for it, as JSON; null without calls
) strict;
create index if not exists messages_next on messages (queue, owner, due_at, seq);
create index if not exists messages_held on messages (owner) where owner is not null;
create table if not exists bodies (
    seq  integer primary key,
    body blob not null
) strict;
-- Processes that have the file open. Each holds a lock on its own file until it ends.
create table if not exists owners (
    id integer primary key autoincrement
) strict;
-- The consumers of each queue, for `Depth::consumers`.
create table if not exists consumers (
    owner integer not null,
    queue text    not null
) strict;
-- Presence reports of the processes.
create table if not exists cards (
    owner integer primary key,
    card  text not null
) strict;
-- Time at which holds were last lifted, by role.
create table if not exists lifts (
    role text primary key,
    at   integer not null -- milliseconds
) strict;
-- The persisted state of each leader, see broker/lead.rs.
create table if not exists kept (
    lead  text primary key,
    state blob not null
) strict;
-- Requests to a leader. The sender deletes the row with its reply.
create table if not exists orders (
    seq     integer primary key autoincrement,
    lead    text    not null,
    sent_at integer not null, -- milliseconds
    body    blob    not null,
    answer  blob
) strict;
-- Cancelled runs, whose jobs are not started.
create table if not exists cancelled (
    run text primary key,
    at  integer not null -- milliseconds
) strict;
