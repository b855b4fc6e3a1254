//! Reads what the store's receipts say is held.

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::{JobId, Receipt};
use store::{Kind, Query, Store};

/// Receipts read at once.
const PAGE: usize = 2_000;

/// The UTC date of now.
pub fn today() -> Date {
    TimeZone::UTC.to_datetime(runtime::clock::now()).date()
}

/// Hands over the receipts of all jobs that belong to the dates from `from` to `to`, both included, one by one:
/// there may be hundreds of thousands.
///
/// # Errors
/// When the store is away or a row is not a receipt.
pub async fn receipts(store: &Store, from: Date, to: Date, each: impl FnMut(Receipt)) -> anyhow::Result<()> {
    read(store, Query::all(Kind::Harvests).between("date", from, to), each).await
}

/// As [`receipts`], of list jobs alone.
///
/// # Errors
/// As [`receipts`].
pub async fn lists(store: &Store, from: Date, to: Date, each: impl FnMut(Receipt)) -> anyhow::Result<()> {
    let kinds = ["meetings", "webinars"].map(str::to_owned).into();
    read(store, Query::all(Kind::Harvests).between("date", from, to).with_any("kind", kinds), each).await
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

/// The receipts of these jobs, as far as there are any.
///
/// # Errors
/// When the store is away or a row is not a receipt.
pub async fn receipts_of(store: &Store, jobs: &[JobId]) -> anyhow::Result<Vec<Receipt>> {
    let mut receipts = Vec::new();
    for job in jobs {
        if let Some(hit) = store.get(Kind::Harvests, job.as_str()).await? {
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
