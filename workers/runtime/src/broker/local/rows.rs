//! The SQL of the queues. Each function runs inside the caller's transaction.

use jiff::Timestamp;
use messages::{Calls, Cause, Queue};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::broker::TAKE_BYTES;
use crate::{Depth, Headers, Message};

/// A leased row.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) seq: i64,
    pub(super) crashes: u32,
    pub(super) message: Message,
}

pub(super) fn insert(connection: &Connection, message: &Message, now: Timestamp) -> rusqlite::Result<()> {
    let headers = &message.headers;
    connection
        .prepare_cached(
            "insert into messages
                 (queue, due_at, message_id, attempt, crashes, replays, first_seen, origin, cause, calls)
             values (:queue, :due_at, :message_id, :attempt, 0, :replays, :first_seen, :origin, :cause, :calls)",
        )?
        .execute(named_params! {
            ":queue": message.queue.as_str(),
            ":due_at": now.as_millisecond(),
            ":message_id": headers.message_id,
            ":attempt": headers.attempt,
            ":replays": headers.replays,
            ":first_seen": headers.first_seen.as_millisecond(),
            ":origin": headers.origin.as_ref().map(Queue::as_str),
            ":cause": cause_text(headers.cause.as_ref()),
            ":calls": calls_text(&headers.calls),
        })?;
    let seq = connection.last_insert_rowid();
    connection
        .prepare_cached("insert into bodies values (?1, ?2)")?
        .execute(params![seq, &message.body[..]])?;
    Ok(())
}

/// Leases up to `max` ready messages of `queue` to `owner`, oldest first.
pub(super) fn lease(
    connection: &Connection,
    queue: &Queue,
    owner: i64,
    max: usize,
    now: Timestamp,
) -> rusqlite::Result<Vec<Leased>> {
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let seqs: Vec<i64> = connection
        .prepare_cached(
            "select seq from messages where queue = ?1 and owner is null and due_at <= ?2
             order by due_at, seq limit ?3",
        )?
        .query_map(params![queue.as_str(), now.as_millisecond(), max], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut take = connection.prepare_cached("update messages set owner = ?1 where seq = ?2")?;
    let mut read = connection.prepare_cached(
        "select seq, queue, message_id, attempt, crashes, replays, first_seen, origin, cause, calls, due_at, body
         from messages join bodies using (seq) where seq = ?1",
    )?;
    let (mut leased, mut bytes) = (Vec::with_capacity(seqs.len()), 0);
    for seq in seqs {
        if bytes >= TAKE_BYTES {
            break;
        }
        take.execute([owner, seq])?;
        let row = read.query_row([seq], read_row)?;
        bytes += row.message.body.len();
        leased.push(row);
    }
    Ok(leased)
}

/// Returns the number of the last row.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("select coalesce(max(seq), 0) from messages")?.query_row([], |row| row.get(0))
}

/// Reads up to `some` messages of `queue` without an owner, in rows after the start and up to the end of the span, in
/// order of publishing. Leases those that match. Returns the last row read, `None` at the end.
pub(super) fn select(
    connection: &Connection,
    queue: &Queue,
    owner: i64,
    (at, end): (i64, i64),
    some: usize,
    predicate: impl Fn(&Message) -> bool,
) -> rusqlite::Result<(Option<i64>, Vec<Leased>)> {
    let some = i64::try_from(some).unwrap_or(i64::MAX);
    // A scan by row, since the index would sort all rows for each batch.
    let mut read = connection.prepare_cached(
        "select seq, queue, message_id, attempt, crashes, replays, first_seen, origin, cause, calls, due_at, body
         from messages not indexed join bodies using (seq)
         where seq > ?1 and seq <= ?2 and queue = ?3 and owner is null order by seq limit ?4",
    )?;
    let rows: Vec<Leased> =
        read.query_map(params![at, end, queue.as_str(), some], read_row)?.collect::<Result<_, _>>()?;
    let last = rows.last().map(|row| row.seq);
    let matching: Vec<Leased> = rows.into_iter().filter(|row| predicate(&row.message)).collect();
    let mut take = connection.prepare_cached("update messages set owner = ?1 where seq = ?2")?;
    for row in &matching {
        take.execute([owner, row.seq])?;
    }
    Ok((last, matching))
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Leased> {
    let time = |name| -> rusqlite::Result<Option<Timestamp>> {
        row.get(name).map(|millis| Timestamp::from_millisecond(millis).ok())
    };
    let queue = Queue::named(row.get::<_, String>("queue")?);
    let cause: Option<String> = row.get("cause")?;
    let calls: Option<String> = row.get("calls")?;
    let headers = Headers {
        message_id: row.get("message_id")?,
        attempt: row.get("attempt")?,
        origin: row.get::<_, Option<String>>("origin")?.map(Queue::named),
        cause: cause.and_then(|text| serde_json::from_str(&text).ok()),
        replays: row.get("replays")?,
        first_seen: time("first_seen")?.unwrap_or(Timestamp::UNIX_EPOCH),
        calls: calls.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        died_at: time("due_at")?.filter(|_| queue == Queue::dead()),
    };
    let body: Vec<u8> = row.get("body")?;
    Ok(Leased {
        seq: row.get("seq")?,
        crashes: row.get("crashes")?,
        message: Message { queue, headers, body: body.into() },
    })
}

/// Removes a message that `owner` holds; false when the lease was lost.
pub(super) fn remove(connection: &Connection, seq: i64, owner: i64) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("delete from messages where seq = ?1 and owner = ?2")?
        .execute([seq, owner])?;
    if removed == 1 {
        connection.prepare_cached("delete from bodies where seq = ?1")?.execute([seq])?;
    }
    Ok(removed == 1)
}

/// Parks a held message until `due` with its new headers; false when the lease was lost.
pub(super) fn park(
    connection: &Connection,
    seq: i64,
    owner: i64,
    headers: &Headers,
    due: Timestamp,
) -> rusqlite::Result<bool> {
    let parked = connection
        .prepare_cached(
            "update messages set owner = null, due_at = ?3, attempt = ?4, cause = ?5, calls = ?6
             where seq = ?1 and owner = ?2",
        )?
        .execute(params![
            seq,
            owner,
            due.as_millisecond(),
            headers.attempt,
            cause_text(headers.cause.as_ref()),
            calls_text(&headers.calls),
        ])?;
    Ok(parked == 1)
}

/// Moves a held message to the dead letters; false when the lease was lost.
pub(super) fn dead_letter(
    connection: &Connection,
    seq: i64,
    owner: i64,
    dead: &Message,
) -> rusqlite::Result<bool> {
    let moved = connection
        .prepare_cached(
            "update messages set owner = null, queue = ?3, attempt = ?4, origin = ?5, cause = ?6, calls = ?7, crashes = 0,
                 due_at = coalesce(?8, due_at)
             where seq = ?1 and owner = ?2",
        )?
        .execute(params![
            seq,
            owner,
            dead.queue.as_str(),
            dead.headers.attempt,
            dead.headers.origin.as_ref().map(Queue::as_str),
            cause_text(dead.headers.cause.as_ref()),
            calls_text(&dead.headers.calls),
            // A dead letter is due from its time of death.
            dead.headers.died_at.map(Timestamp::as_millisecond),
        ])?;
    Ok(moved == 1)
}

/// Requeues a held message with the calls made for it; false when the lease was lost.
pub(super) fn requeue_after(
    connection: &Connection,
    seq: i64,
    owner: i64,
    calls: &Calls,
) -> rusqlite::Result<bool> {
    let back = connection
        .prepare_cached("update messages set owner = null, calls = ?3 where seq = ?1 and owner = ?2")?
        .execute(params![seq, owner, calls_text(calls)])?;
    Ok(back == 1)
}

/// Requeues a held message unchanged; false when the lease was lost.
pub(super) fn requeue(connection: &Connection, seq: i64, owner: i64) -> rusqlite::Result<bool> {
    let back = connection
        .prepare_cached("update messages set owner = null where seq = ?1 and owner = ?2")?
        .execute([seq, owner])?;
    Ok(back == 1)
}

/// Requeues everything that `owner` holds and removes the owner; `crashed` counts a crash for each message.
pub(super) fn release(connection: &Connection, owner: i64, crashed: bool) -> rusqlite::Result<()> {
    connection
        .prepare_cached("update messages set owner = null, crashes = crashes + ?2 where owner = ?1")?
        .execute(params![owner, crashed])?;
    connection.prepare_cached("delete from consumers where owner = ?1")?.execute([owner])?;
    connection.prepare_cached("delete from cards where owner = ?1")?.execute([owner])?;
    connection.prepare_cached("delete from owners where id = ?1")?.execute([owner])?;
    Ok(())
}

/// Records that `owner` consumes from `queues`, or stopped to.
pub(super) fn subscribe(
    connection: &Connection,
    owner: i64,
    queues: &[Queue],
    on: bool,
) -> rusqlite::Result<()> {
    let sql = match on {
        true => "insert into consumers values (?1, ?2)",
        false => {
            "delete from consumers where rowid =
             (select rowid from consumers where owner = ?1 and queue = ?2 limit 1)"
        }
    };
    let mut statement = connection.prepare_cached(sql)?;
    queues.iter().try_for_each(|queue| statement.execute(params![owner, queue.as_str()]).map(|_| ()))
}

/// Writes the report of `owner`.
pub(super) fn write_worker_info(connection: &Connection, owner: i64, info: &str) -> rusqlite::Result<()> {
    let sql = "insert into cards values (?1, ?2) on conflict do update set card = excluded.card";
    connection.prepare_cached(sql)?.execute(params![owner, info]).map(|_| ())
}

/// Removes the report of `owner`.
pub(super) fn remove_worker_info(connection: &Connection, owner: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("delete from cards where owner = ?1")?.execute([owner]).map(|_| ())
}

/// Returns the reports of all registered owners.
pub(super) fn worker_infos(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "select card from cards join owners on owners.id = cards.owner order by owner";
    connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Records that the holds of `role` are lifted.
pub(super) fn lift(connection: &Connection, role: &str, at: i64) -> rusqlite::Result<()> {
    let sql = "insert into lifts values (?1, ?2) on conflict do update set at = excluded.at";
    connection.prepare_cached(sql)?.execute(params![role, at]).map(|_| ())
}

/// Returns the roles whose holds were lifted after `since`, with the times in ms.
pub(super) fn lifted(connection: &Connection, since: i64) -> rusqlite::Result<Vec<(String, i64)>> {
    let sql = "select role, at from lifts where at > ?1";
    connection.prepare_cached(sql)?.query_map([since], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Number of messages in all queues, including those on rungs.
pub(super) fn everything(connection: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = connection.query_row("select count(*) from messages", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Makes messages ready whose due time is beyond every rung, as after a wrong clock.
pub(super) fn release_from_the_future(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let now = now.as_millisecond();
    let sql = "select exists (select 1 from messages where queue = ?1 and owner is null and due_at > ?2)";
    for queue in Queue::all() {
        let (queue, late) = (queue.as_str(), now.saturating_add(LATE_MS));
        if connection.prepare_cached(sql)?.query_row(params![queue, late], |row| row.get(0))? {
            let sql = "update messages set due_at = ?3 where queue = ?1 and owner is null and due_at > ?2";
            connection.prepare_cached(sql)?.execute(params![queue, late, now])?;
        }
    }
    Ok(())
}

/// Returns true when an unregistered owner holds messages.
pub(super) fn has_orphans(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "select exists (select 1 from messages where owner is not null and owner not in (select id from owners))";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// Requeues the messages of unregistered owners and counts a crash for each.
pub(super) fn release_orphans(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "update messages set owner = null, crashes = crashes + 1
               where owner is not null and owner not in (select id from owners)";
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// Number of messages in `queue`, ready or held, counted up to `limit`.
pub(super) fn count_up_to(connection: &Connection, queue: &Queue, limit: usize) -> rusqlite::Result<usize> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found: i64 = connection
        .prepare_cached("select count(*) from (select 1 from messages where queue = ?1 limit ?2)")?
        .query_row(params![queue.as_str(), limit], |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or(0))
}

pub(super) fn depth(connection: &Connection, queue: &Queue, now: Timestamp) -> rusqlite::Result<Depth> {
    let sql = "select count(*) filter (where owner is null and due_at <= ?2),
                      count(*) filter (where owner is not null),
                      count(*) filter (where owner is null and due_at > ?2)
               from messages where queue = ?1";
    let consumers: i64 = connection
        .prepare_cached("select count(*) from consumers where queue = ?1")?
        .query_row([queue.as_str()], |row| row.get(0))?;
    connection.prepare_cached(sql)?.query_row(params![queue.as_str(), now.as_millisecond()], |row| {
        let count = |column| row.get::<_, i64>(column).map(|count| count.unsigned_abs());
        Ok(Depth {
            ready: count(0)?,
            leased: Some(count(1)?),
            delayed: Some(count(2)?),
            consumers: consumers.unsigned_abs(),
        })
    })
}

pub(super) fn parked(connection: &Connection, now: Timestamp) -> rusqlite::Result<u64> {
    let sql = "select count(*) from messages where owner is null and due_at > ?1";
    let count: i64 = connection.prepare_cached(sql)?.query_row([now.as_millisecond()], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

pub(super) fn purge(connection: &Connection, queue: &Queue) -> rusqlite::Result<()> {
    let sql = "delete from bodies where seq in (select seq from messages where queue = ?1 and owner is null)";
    connection.execute(sql, [queue.as_str()])?;
    connection.execute("delete from messages where queue = ?1 and owner is null", [queue.as_str()])?;
    Ok(())
}

/// Returns the due time in ms of the next parked message of `queue`.
pub(super) fn next_due(connection: &Connection, queue: &Queue) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "select due_at from messages where queue = ?1 and owner is null order by due_at limit 1",
        )?
        .query_row([queue.as_str()], |row| row.get(0))
        .optional()
}

/// Longer than the longest default rung, which is 6 h.
const LATE_MS: i64 = 24 * 3_600 * 1_000;

fn cause_text(cause: Option<&Cause>) -> Option<String> {
    cause.and_then(|cause| serde_json::to_string(cause).ok())
}

fn calls_text(calls: &Calls) -> Option<String> {
    (!calls.is_none()).then(|| serde_json::to_string(calls).ok()).flatten()
}
