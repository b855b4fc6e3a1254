//! Writes documents as rows: one column per selected field. A document without the time that dates select by is
//! selected by another time. Documents without any time are counted: no row is left out silently.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde_json::Value;
use store::{DocumentKind, Hit, Query, Store};

use super::sheet::{Cell, Sheet};
use crate::cli::Target;
use crate::exit::Outcome;
use crate::{output, units};

/// Documents per request to the store.
const PAGE: usize = 1_000;

/// A column's name and the JSON pointer to its value.
pub(super) type Column = (&'static str, &'static str);

/// The requested dates and the fields to select by.
pub(super) struct Dates {
    pub(super) from: Option<Date>,
    pub(super) to: Option<Date>,
    /// The field that dates select by.
    pub(super) field: &'static str,
    /// JSON pointers to other times of a document, best first.
    pub(super) others: &'static [&'static str],
}

/// Writes the documents of a query within these dates, in no particular order.
///
/// # Errors
/// If the dates are reversed, the store is unreachable, or the table cannot be written.
pub(super) async fn write(
    store: &Store,
    query: Query,
    dates: &Dates,
    columns: &[Column],
    target: &Target,
) -> anyhow::Result<Outcome> {
    let (from, to) = super::dates(dates.from, dates.to)?;
    let names: Vec<&'static str> = columns.iter().map(|(name, _)| *name).collect();
    let mut sheet = Sheet::open(target, &names)?;
    let mut row = |document: &Value| {
        let cells = columns.iter().map(|(_, at)| cell(document.pointer(at)));
        sheet.row(&cells.collect::<Vec<_>>())
    };
    let mut dated = query.clone();
    dated.ranges.push((dates.field, from, to));
    each(store, &dated, async |page| page.iter().try_for_each(&mut row)).await?;
    let mut unknown = 0;
    if dates.from.is_some() || dates.to.is_some() {
        let undated = query.missing(dates.field);
        each(store, &undated, async |page| {
            let begun = meetings_begun(store, undated.kind, &page).await?;
            for document in &page {
                match date_of(document, dates.others, &begun) {
                    Some(date) if dates.have(date) => row(document)?,
                    Some(_) => {}
                    None => unknown += 1,
                }
            }
            Ok(())
        })
        .await?;
    }
    sheet.close()?;
    if unknown > 0 {
        output::remark(&format!(
            "{} without a date left out: without --from and --to the table has all",
            units::some(unknown, "row")
        ));
    }
    Ok(Outcome::Complete)
}

impl Dates {
    fn have(&self, date: Date) -> bool {
        self.from.is_none_or(|from| from <= date) && self.to.is_none_or(|to| date <= to)
    }
}

/// Calls `take` with the documents of a query, page by page.
async fn each(
    store: &Store,
    query: &Query,
    mut take: impl AsyncFnMut(Vec<Value>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut cursor = None;
    loop {
        let (hits, next) = store.scan(query, PAGE, cursor).await?;
        let page: Result<Vec<Value>, _> =
            hits.iter().map(|hit| serde_json::from_str(hit.source.get())).collect();
        take(page?).await?;
        cursor = next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// Returns the start dates of these sessions' meetings, by uuid.
async fn meetings_begun(
    store: &Store,
    kind: DocumentKind,
    sessions: &[Value],
) -> anyhow::Result<HashMap<String, Date>> {
    let mut begun = HashMap::new();
    if kind != DocumentKind::Sessions {
        return Ok(begun);
    }
    let mut uuids: Vec<&str> = sessions.iter().filter_map(meeting_of).collect();
    uuids.sort_unstable();
    uuids.dedup();
    let note = |hit: &Hit| {
        let meeting: Value = serde_json::from_str(hit.source.get()).ok()?;
        Some((meeting_of(&meeting)?.to_owned(), date_in(meeting.get("start_time")?)?))
    };
    for uuids in uuids.chunks(500) {
        let uuids = uuids.iter().map(|uuid| (*uuid).to_owned()).collect();
        let hits = store.search(&Query::all(DocumentKind::Meetings).with_any("meeting_uuid", uuids)).await?;
        begun.extend(hits.iter().filter_map(note));
    }
    Ok(begun)
}

fn meeting_of(document: &Value) -> Option<&str> {
    document.get("meeting_uuid")?.as_str()
}

/// Returns the UTC date of a document: from its first valid time, else from the start of its meeting.
fn date_of(document: &Value, times: &[&str], begun: &HashMap<String, Date>) -> Option<Date> {
    let own = times.iter().find_map(|at| date_in(document.pointer(at)?));
    own.or_else(|| begun.get(meeting_of(document)?).copied())
}

fn date_in(time: &Value) -> Option<Date> {
    let time: Timestamp = time.as_str()?.parse().ok()?;
    Some(Offset::UTC.to_datetime(time).date())
}

fn cell(value: Option<&Value>) -> Cell<'_> {
    match value {
        None | Some(Value::Null) => Cell::Empty,
        Some(Value::String(text)) => Cell::from(&**text),
        Some(Value::Bool(flag)) => Cell::Flag(*flag),
        Some(other) => match other.as_i64() {
            Some(number) => Cell::Number(number),
            None => Cell::Text(other.to_string().into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_without_its_time_has_the_date_of_another_or_of_its_meeting() {
        let begun = HashMap::from([("a==".to_owned(), "2026-01-02".parse().unwrap())]);
        let date = |document: Value| {
            date_of(&document, &["/leave_time"], &begun).map(|date| date.to_string()).unwrap_or_default()
        };
        for (document, wanted) in [
            (json!({"meeting_uuid": "a==", "leave_time": "2026-01-03T00:30:00+01:00"}), "2026-01-02"),
            (json!({"meeting_uuid": "a==", "leave_time": "2026-01-02T23:59:59.999Z"}), "2026-01-02"),
            (json!({"meeting_uuid": "a==", "leave_time": "2026-01-03T00:00:00Z"}), "2026-01-03"),
            (json!({"meeting_uuid": "a==", "leave_time": ""}), "2026-01-02"),
            (json!({"meeting_uuid": "a=="}), "2026-01-02"),
            (json!({"meeting_uuid": "b=="}), ""),
            (json!({}), ""),
        ] {
            assert_eq!(date(document.clone()), wanted, "{document}");
        }
    }
}
