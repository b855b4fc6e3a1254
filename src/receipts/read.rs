//! Reads receipts as coverage.

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::{JobId, MeetingUuid, Receipt};
use serde::Deserialize;
use store::{DocumentKind, Query, Store};

/// Receipts per request to the store.
const PAGE: usize = 2_000;

/// Returns the current date in UTC.
pub fn today() -> Date {
    today_at(runtime::clock::now())
}

/// Returns the UTC date of a time.
pub fn today_at(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

/// The participant count in a meeting's document.
#[derive(Deserialize)]
struct Counted {
    meeting_uuid: MeetingUuid,
    participant_sessions: Option<u64>,
}

/// Returns the listed number of participants of each meeting that began on a date.
///
/// # Errors
/// If the store is unreachable.
pub async fn participants(store: &Store, date: Date) -> anyhow::Result<Vec<(MeetingUuid, u64)>> {
    let (query, mut counts) = (Query::all(DocumentKind::Meetings).with("start_time", date), Vec::new());
    let mut after = None;
    loop {
        let (hits, next) = store.scan(&query, PAGE, after).await?;
        // Rows without a count cannot be compared.
        let rows = hits.iter().filter_map(|hit| serde_json::from_str::<Counted>(hit.source.get()).ok());
        counts.extend(rows.filter_map(|row| Some((row.meeting_uuid, row.participant_sessions?))));
        match next {
            Some(next) => after = Some(next),
            None => return Ok(counts),
        }
    }
}

/// Calls `each` with every receipt of the dates from `from` to `to`, both included. One by one, because there may be
/// hundreds of thousands.
///
/// # Errors
/// If the store is unreachable, or a row is not a receipt.
pub async fn receipts(store: &Store, from: Date, to: Date, each: impl FnMut(Receipt)) -> anyhow::Result<()> {
    read(store, Query::all(DocumentKind::Harvests).between("date", from, to), each).await
}

/// Like [`receipts`], only for list jobs.
///
/// # Errors
/// As [`receipts`].
pub async fn lists(store: &Store, from: Date, to: Date, each: impl FnMut(Receipt)) -> anyhow::Result<()> {
    let kinds = ["meetings", "webinars"].map(str::to_owned).into();
    read(store, Query::all(DocumentKind::Harvests).between("date", from, to).with_any("kind", kinds), each)
        .await
}

/// Like [`receipts`], only for Opencast's user actions.
///
/// # Errors
/// As [`receipts`].
pub async fn lectures(store: &Store, from: Date, to: Date, each: impl FnMut(Receipt)) -> anyhow::Result<()> {
    read(store, Query::all(DocumentKind::Harvests).between("date", from, to).with("kind", "actions"), each)
        .await
}

async fn read(store: &Store, query: Query, mut each: impl FnMut(Receipt)) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let (hits, next) = store.scan(&query, PAGE, after).await?;
        for hit in hits {
            each(parse(&hit)?);
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Returns the receipts of these jobs; omits jobs without one.
///
/// # Errors
/// If the store is unreachable, or a row is not a receipt.
pub async fn receipts_of(store: &Store, jobs: &[JobId]) -> anyhow::Result<Vec<Receipt>> {
    let mut receipts = Vec::new();
    for some in jobs.chunks(PAGE) {
        let ids: Vec<&str> = some.iter().map(JobId::as_str).collect();
        for hit in store.get_many(DocumentKind::Harvests, &ids).await? {
            receipts.push(parse(&hit)?);
        }
    }
    Ok(receipts)
}

fn parse(hit: &store::Hit) -> anyhow::Result<Receipt> {
    serde_json::from_str(hit.source.get()).with_context(|| {
        format!(
            "the row {} of the index harvests is no receipt of this ua: was it written by another version?",
            hit.id
        )
    })
}
