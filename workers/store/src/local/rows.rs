//! Documents as rows: upserts where the newest version wins, and reads.

use super::indices;
use super::sql::{Selection, range, value};
use crate::batch::ANSWER;
use crate::query::Mark;
use crate::{Batch, DocumentKind, Hit, Item, Span, Verdict};
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde_json::value::RawValue;

/// Rows deleted per transaction.
const SOME: i64 = 1_000;
/// Names of the indices in a range. They are few and lead the key, so the query jumps from one to the next instead of
/// reading all documents.
const INDICES: &str = "with recursive indices (name) as (
       select min(index_name) from documents where index_name >= ?1 and index_name < ?2
       union all
       select (select min(index_name) from documents where index_name > name and index_name < ?2)
       from indices where name is not null)";

/// SQLite's limit of 1 GB per row, with room for the other columns.
const LARGEST: usize = 900_000_000;

/// Verdicts of the items that do not fit their template.
pub(super) fn refused(batch: &Batch) -> Vec<Option<Verdict>> {
    batch.items().map(|item| refusal(&item)).collect()
}

fn refusal(item: &Item<'_>) -> Option<Verdict> {
    if item.is_deletion {
        return None;
    }
    let size = item.source.len();
    if size > LARGEST {
        return Some(Verdict::TooLarge {
            reason: format!("{size} bytes are more than the local file takes"),
        });
    }
    item.kind.check(item.source).err().map(|reason| Verdict::Refused { reason })
}

/// Writes every item that has no verdict yet, unless a newer version exists.
pub(super) fn write(
    connection: &Connection,
    prefix: &str,
    batch: &Batch,
    verdicts: Vec<Option<Verdict>>,
) -> rusqlite::Result<Vec<Verdict>> {
    let mut upsert = connection.prepare_cached(
        "insert into documents (index_name, id, version, body, answer) values (?1, ?2, ?3, ?4, ?5)
         on conflict (index_name, id) do update
         set version = excluded.version, body = excluded.body, answer = excluded.answer
         where excluded.version >= documents.version",
    )?;
    let mut index = String::new();
    let write = |(item, verdict): (Item<'_>, Option<Verdict>)| {
        if let Some(verdict) = verdict {
            return Ok(verdict);
        }
        index.clear();
        index.push_str(prefix);
        index.push_str(item.index);
        if item.is_deletion {
            return delete(connection, &index, &item);
        }
        let document = without_nul(item.without_answer());
        let body = ToSqlOutput::Borrowed(ValueRef::Text(&document));
        let answer = item.answer.map(|text| BASE64.decode(text)).transpose();
        let answer = answer.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let written = upsert.execute(params![index, item.id, item.version, body, answer])?;
        Ok(if written == 1 { Verdict::Indexed } else { Verdict::Stale })
    };
    batch.items().zip(verdicts).map(write).collect()
}

/// Replaces NUL by U+FFFD: SQLite versions differ in how they read JSON after a NUL, and indices hold such values.
pub(super) fn without_nul(document: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    const NUL: &[u8] = br"\u0000";
    if !document.windows(NUL.len()).any(|some| some == NUL) {
        return document;
    }
    let mut document = document.into_owned();
    let mut at = 0;
    while at + NUL.len() <= document.len() {
        at += match &document[at..at + NUL.len()] {
            NUL => {
                document[at + 2..at + NUL.len()].copy_from_slice(b"fffd");
                NUL.len()
            }
            // An escaped backslash does not start another escape.
            [b'\\', ..] => 2,
            _ => 1,
        };
    }
    Cow::Owned(document)
}

/// Deletes a document unless a newer version exists.
fn delete(connection: &Connection, index: &str, item: &Item<'_>) -> rusqlite::Result<Verdict> {
    let sql = "delete from documents where index_name = ?1 and id = ?2 and version <= ?3";
    connection.prepare_cached(sql)?.execute(params![index, item.id, item.version])?;
    let sql = "select exists (select 1 from documents where index_name = ?1 and id = ?2)";
    let is_there = connection.prepare_cached(sql)?.query_row([index, item.id], |row| row.get(0))?;
    Ok(if is_there { Verdict::Stale } else { Verdict::Indexed })
}

/// Returns the document with this id from any index of its kind.
pub(super) fn get(
    connection: &Connection,
    prefix: &str,
    kind: DocumentKind,
    id: &str,
) -> rusqlite::Result<Option<Hit>> {
    let sql = format!(
        "{INDICES} select index_name, id, version, body, answer from indices join documents on index_name = name and id = ?3"
    );
    let (first, behind) = range(prefix, kind);
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row(params![first, behind, id], |row| hit(row, prefix)).optional()
}

/// Returns the selected documents sorted by the expression `order`, and the last one's sort value.
pub(super) fn hits(
    connection: &Connection,
    prefix: &str,
    selection: &Selection,
    order: &str,
    limit: usize,
) -> rusqlite::Result<(Vec<Hit>, Option<Mark>)> {
    // The inner query can be answered by a covering index; only its rows are read.
    let sql = format!(
        "select index_name, id, version, {}, {}, {} from documents where rowid in
             (select rowid from documents where {} order by {order} limit {limit})
         order by {order}",
        selection.body,
        selection.answer,
        selection.sorted_by(),
        selection.conditions(),
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(selection.values()))?;
    let (mut hits, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        hits.push(hit(row, prefix)?);
        last = match row.get_ref(5)? {
            ValueRef::Integer(number) => Some(Mark::Number(number)),
            value @ ValueRef::Text(_) => Some(Mark::Text(text(value))),
            _ => None,
        };
    }
    Ok((hits, last))
}

/// Number of selected documents.
pub(super) fn count(connection: &Connection, selection: &Selection) -> rusqlite::Result<u64> {
    let sql = format!("select count(*) from documents where {}", selection.conditions());
    let mut statement = connection.prepare_cached(&sql)?;
    let count: i64 = statement.query_row(params_from_iter(selection.values()), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Number of selected documents per value of a field, with their range of time.
pub(super) fn spans(
    connection: &Connection,
    selection: &Selection,
    value: &str,
    time: &str,
) -> rusqlite::Result<Vec<Span>> {
    let sql = format!(
        "select {value}, count(*), min({time}), max({time}) from documents where {} group by {value}
         having {value} is not null order by 2 desc, 1 limit 10000",
        selection.conditions()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let time = |millis: Option<i64>| Timestamp::from_millisecond(millis?).ok();
    let rows = statement.query_map(params_from_iter(selection.values()), |row| {
        Ok(Span {
            value: text(row.get_ref(0)?),
            count: row.get::<_, i64>(1)?.unsigned_abs(),
            first: time(row.get(2)?),
            last: time(row.get(3)?),
        })
    })?;
    rows.collect()
}

/// Sums of fields over the selected documents.
pub(super) fn sum(
    connection: &Connection,
    selection: &Selection,
    fields: &[&'static str],
) -> rusqlite::Result<Vec<i64>> {
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("select {} from documents where {}", added(fields), selection.conditions());
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row(params_from_iter(selection.values()), |row| {
        (0..fields.len()).map(|column| row.get(column)).collect()
    })
}

/// Sums of fields over the selected documents, per value of `by`.
pub(super) fn sums(
    connection: &Connection,
    selection: &Selection,
    by: &str,
    fields: &[&'static str],
) -> rusqlite::Result<Vec<(String, Vec<i64>)>> {
    let sums = if fields.is_empty() { "null".to_owned() } else { added(fields) };
    let sql = format!(
        "select {by}, {sums} from documents where {} group by {by} having {by} is not null limit 10000",
        selection.conditions()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(selection.values()), |row| {
        let sums = (1..=fields.len()).map(|column| row.get(column));
        Ok((text(row.get_ref(0)?), sums.collect::<Result<_, _>>()?))
    })?;
    rows.collect()
}

fn added(fields: &[&'static str]) -> String {
    let sum = |field: &&'static str| format!("coalesce(sum(cast({} as integer)), 0)", value(field));
    fields.iter().map(sum).collect::<Vec<_>>().join(", ")
}

/// A value as text. A keyword field may hold a number in the document.
pub(super) fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Null => String::new(),
    }
}

/// Indices of a kind that are old by name and hold no version of `received` or later.
pub(super) fn old_indices(
    connection: &Connection,
    prefix: &str,
    is_old: impl Fn(&str) -> bool,
    kind: DocumentKind,
    received: i64,
) -> rusqlite::Result<Vec<String>> {
    let (first, behind) = range(prefix, kind);
    let mut statement =
        connection.prepare(&format!("{INDICES} select name from indices where name is not null"))?;
    let names = statement.query_map(params![first, behind], |row| row.get(0))?;
    let mut young = connection
        .prepare("select exists (select 1 from documents where index_name = ?1 and version >= ?2)")?;
    let mut old = Vec::new();
    for name in names {
        let name: String = name?;
        if is_old(name.strip_prefix(prefix).unwrap_or(&name))
            && !young.query_row(params![name, received], |row| row.get::<_, bool>(0))?
        {
            old.push(name);
        }
    }
    Ok(old)
}

/// Deletes up to [`SOME`] rows of an index with versions below `received`; returns their number.
pub(super) fn delete_some(connection: &Connection, index: &str, received: i64) -> rusqlite::Result<u64> {
    let sql = "delete from documents where rowid in
               (select rowid from documents where index_name = ?1 and version < ?2 limit ?3)";
    Ok(connection.prepare_cached(sql)?.execute(params![index, received, SOME])? as u64)
}

/// Deletes rows by index and id, up to a version; returns their number.
pub(super) fn remove(connection: &Connection, rows: &[(String, String, i64)]) -> rusqlite::Result<u64> {
    let sql = "delete from documents where index_name = ?1 and id = ?2 and version <= ?3";
    let mut delete = connection.prepare_cached(sql)?;
    let mut gone = 0;
    for (index, id, version) in rows {
        gone += delete.execute(params![index, id, version])? as u64;
    }
    Ok(gone)
}

/// Deletes the documents, views and indices of a prefix.
pub(super) fn wipe(connection: &Connection, prefix: &str) -> rusqlite::Result<()> {
    for kind in DocumentKind::ALL {
        let (first, behind) = range(prefix, kind);
        connection
            .execute("delete from documents where index_name >= ?1 and index_name < ?2", [first, behind])?;
        connection.execute_batch(&format!("drop view if exists \"{prefix}{}\"", kind.name()))?;
    }
    indices::remove(connection, prefix)
}

/// Tests that the file is writable; changes nothing.
pub(super) fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("update ua_schema set version = version where part = 'documents'", []).map(|_| ())
}

fn hit(row: &Row<'_>, prefix: &str) -> rusqlite::Result<Hit> {
    let index: String = row.get(0)?;
    let mut body: String = row.get(3)?;
    if let Some(answer) = row.get_ref(4)?.as_blob_or_null()? {
        // `answer` is the last field of its document, as in a search engine.
        body.truncate(body.trim_end().len().saturating_sub(1));
        body.push_str(&format!(",\"{ANSWER}\":\""));
        BASE64.encode_string(answer, &mut body);
        body.push_str("\"}");
    }
    let damaged = |error: serde_json::Error| FromSqlConversionFailure(3, Type::Text, Box::new(error));
    Ok(Hit {
        index: index.strip_prefix(prefix).map_or_else(|| index.clone(), str::to_owned),
        id: row.get(1)?,
        version: row.get(2)?,
        source: RawValue::from_string(body).map_err(damaged)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_replaced_and_an_escaped_backslash_is_none() {
        for (text, wanted) in [
            (r#"{"a":"x\u0000y\u0000"}"#, r#"{"a":"x\ufffdy\ufffd"}"#),
            (r#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#),
            (r#"{"a":"\\\u0000\u001b"}"#, r#"{"a":"\\\ufffd\u001b"}"#),
            (r#"{"a":"0000"}"#, r#"{"a":"0000"}"#),
        ] {
            assert_eq!(without_nul(text.as_bytes().into()), wanted.as_bytes(), "{text}");
        }
    }
}
