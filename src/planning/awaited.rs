//! Episodes that are looked up once more: a recording that is to be had later than its lecture's date was harvested, and
//! that nobody watches again, would never have its time.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::Date;
use messages::Mpid;
use serde::Deserialize;
use store::{Grouping, Hit, Kind, Query, Store};

/// Days for which an episode is waited for after its start.
const YOUNG_DAYS: i32 = 14;
/// Days for which one is waited for after it was watched, however old it is.
const SEEN_DAYS: i32 = 2;
/// Episodes looked up in one firing at most: the others come with the next.
const MOST: usize = 5_000;
/// Episodes, or names of some, in one answer of the store.
const PAGE: usize = 500;
/// What is long in an episode, and of no use here.
const LONG: [&str; 6] = ["title", "course", "description", "slides", "presenter_still", "presentation_still"];

/// What an episode's document says of its recording.
#[derive(Deserialize)]
struct Held {
    mpid: Mpid,
    available: Option<serde::de::IgnoredAny>,
}

/// The episodes of the last days, and those that were watched in them, of which it is not known since when their
/// recordings are to be had.
///
/// # Errors
/// When the store is away.
pub(super) async fn episodes(store: &Store, today: Date) -> anyhow::Result<Vec<Mpid>> {
    let mut awaited = BTreeSet::new();
    young(store, today, &mut awaited).await?;
    seen(store, today, &mut awaited).await?;
    Ok(awaited.into_iter().take(MOST).collect())
}

async fn young(store: &Store, today: Date, awaited: &mut BTreeSet<Mpid>) -> anyhow::Result<()> {
    let since = today.saturating_sub(YOUNG_DAYS.days());
    let query = Query::all(Kind::Episodes).between("start", since, today);
    let (query, mut after) = (LONG.into_iter().fold(query, Query::without), None);
    loop {
        let (hits, next) = store.scan(&query, PAGE, after).await?;
        awaited.extend(hits.iter().filter_map(waits));
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn seen(store: &Store, today: Date, awaited: &mut BTreeSet<Mpid>) -> anyhow::Result<()> {
    let since = today.saturating_sub(SEEN_DAYS.days());
    let query = Query::all(Kind::Useractions).between("@timestamp", since, today);
    let (grouping, mut place) = (Grouping::by(&["mpid"]), None);
    loop {
        let (groups, next) = store.tally(&query, &grouping, PAGE, place).await?;
        let mpids: Vec<&str> =
            groups.iter().filter_map(|group| group.words.first()).map(String::as_str).collect();
        let hits = store.get_many(Kind::Episodes, &mpids).await?;
        awaited.extend(hits.iter().filter_map(waits));
        match next {
            Some(next) => place = Some(next),
            None => return Ok(()),
        }
    }
}

/// The episode of a document, if it waits for its recording.
fn waits(hit: &Hit) -> Option<Mpid> {
    let held: Held = serde_json::from_str(hit.source.get()).ok()?;
    held.available.is_none().then_some(held.mpid)
}
