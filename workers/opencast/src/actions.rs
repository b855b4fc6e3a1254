//! The job of a date's user actions: read page by page, each page sent as received with what is known of its episodes.
//!
//! Neither dialect promises an order, so what counts is which actions came, not how many rows: they are told apart by
//! their ids. Upstream's pages may repeat one action and leave out another, so a date is read again until as many
//! different actions came as there are, and the pages that brought nothing new are not sent again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use messages::opencast::ActionsContext;
use messages::{CauseClass, Mpid, RawKind};
use opencast_wire::{Action, Fault, Page, actions};
use runtime::errand::Raw;
use runtime::{Failure, clock};
use serde_json::value::RawValue;
use tracing::{info, warn};

use crate::atlas::{NO_TRACKING, Reason, Refusal};
use crate::client::Answer;
use crate::endpoint::{Endpoint, Request};
use crate::episodes;
use crate::probe::Dialect;
use crate::reading::{Seen, hash};
use crate::window::{self, Window};
use crate::worker::Errand;

/// How often a list without an order is read until all of it came.
pub(crate) const READINGS: u32 = 5;
/// A window of more pages than this does not end.
const MAX_PAGES: u64 = 100_000;

/// What was promised and what came.
#[derive(Debug, Clone, Copy)]
struct Tally {
    promised: u64,
    got: u64,
}

/// Reads the date, or what of it came after `since`.
pub(crate) async fn fetch(
    errand: &mut Errand<'_>,
    date: Date,
    since: Option<Timestamp>,
) -> Result<(), Refusal> {
    let opencast = errand.opencast;
    window::check(date, &opencast.timezone, clock::now()).map_err(Failure::reject)?;
    let found = opencast
        .find_dialect(&mut errand.errand.calls)
        .await
        .inspect_err(|refusal| say_absent(errand, refusal));
    let tally = match found? {
        Some(Dialect::Dce { counts }) => {
            let whole = Window::of(date, &opencast.timezone).ok_or_else(unreachable)?;
            let part = since.map(|since| whole.since(since, &opencast.timezone, clock::now()));
            read_window(errand, part.unwrap_or(whole), part.is_some(), counts).await?
        }
        Some(Dialect::Upstream) | None => read_day(errand, date).await?,
    };
    errand.errand.finish(Some(tally.promised), tally.got, None).await?;
    info!(job.id = %errand.job.id, got = tally.got, "fetched {} user actions of {date}", tally.got);
    Ok(())
}

/// Says once in a process that there is no user tracking. The job that asked is a dead letter; others go on.
fn say_absent(errand: &Errand<'_>, refusal: &Refusal) {
    if refusal.reason == Reason::Absent && errand.opencast.is_first_to_say_absent() {
        warn!("no user actions are fetched: {NO_TRACKING}");
    }
}

/// DCE's dialect: a window, page by page until one is not full.
async fn read_window(
    errand: &mut Errand<'_>,
    window: Window,
    partial: bool,
    counts: bool,
) -> Result<Tally, Refusal> {
    let (start, end) = (window::stamp(window.start), window::stamp(window.end));
    // A part of the date must not take the place of the whole date's pages in the archive.
    let name = if partial { format!("from{start}") } else { "page".to_owned() };
    let asked = Request::of(Endpoint::Actions).with("start", &start).with("end", &end);
    let (mut seen, mut offset, mut total, mut idle) = (Seen::default(), 0, None, false);
    for number in 1..=MAX_PAGES {
        let answer = errand
            .get(&asked.clone().with("limit", errand.opencast.page_size).with("offset", offset))
            .await?;
        let page = read_page(&answer)?;
        let rows = page.rows.len() as u64;
        total = page.total.or(total);
        if rows == 0 {
            break;
        }
        let news = note(&mut seen, &page.rows);
        if !news && idle {
            return Err(endless());
        }
        idle = !news;
        let full = rows
            >= page
                .limit
                .filter(|limit| *limit > 0)
                .unwrap_or(u64::MAX)
                .min(u64::from(errand.opencast.page_size));
        send_page(errand, &format!("{name}.{number}"), &answer, &page).await?;
        offset += rows;
        if !full {
            break;
        }
        if number == MAX_PAGES {
            return Err(endless());
        }
    }
    let got = seen.count();
    Ok(Tally { promised: total.filter(|_| counts).unwrap_or(got), got })
}

/// Upstream's dialect: a day, read until all of it came.
async fn read_day(errand: &mut Errand<'_>, date: Date) -> Result<Tally, Refusal> {
    let asked = Request::of(Endpoint::Actions).with("day", window::day(date));
    let (mut seen, mut promised) = (Seen::default(), 0);
    for reading in 1..=READINGS {
        let mut offset = 0;
        for number in 1..=MAX_PAGES {
            let request = asked.clone().with("limit", errand.opencast.page_size).with("offset", offset);
            let answer = errand.get(&request).await?;
            let page = read_page(&answer)?;
            let rows = page.rows.len() as u64;
            offset += rows;
            promised = page.total.unwrap_or(offset);
            if note(&mut seen, &page.rows) {
                send_page(errand, &format!("{reading}.{number}"), &answer, &page).await?;
            }
            if rows == 0 || offset >= promised {
                break;
            }
            if number == MAX_PAGES {
                return Err(endless());
            }
        }
        if seen.count() >= promised {
            break;
        }
        info!(job.id = %errand.job.id, reading, "{} of {promised} user actions of {date} came, the day is read again", seen.count());
    }
    Ok(Tally { promised, got: seen.count() })
}

fn read_page(answer: &Answer) -> Result<Page<'_>, Refusal> {
    actions::page(&answer.body).map_err(|fault| odd(Endpoint::Actions, fault))
}

/// Notes the rows of a page; true when one of them is new or has changed. A row without an id is told by its text.
fn note(seen: &mut Seen, rows: &[&RawValue]) -> bool {
    let mut news = false;
    for row in rows {
        let id = Action::read(row).map_or_else(|_| hash(row.get()), |action| action.id.cast_unsigned());
        news |= seen.note(id, row.get());
    }
    news
}

/// Sends a page as received, with what is known of the episodes it names.
async fn send_page(
    errand: &mut Errand<'_>,
    part: &str,
    answer: &Answer,
    page: &Page<'_>,
) -> Result<(), Refusal> {
    let actions = page.rows.iter().filter_map(|row| Action::read(row).ok());
    let named: BTreeSet<Mpid> = actions.filter_map(|action| action.mpid.parse().ok()).collect();
    let mut context = ActionsContext { episodes: BTreeMap::new() };
    for mpid in named {
        if let Some(facts) = episodes::look_up(errand, &mpid).await? {
            context.episodes.insert(mpid, (*facts).clone());
        }
    }
    let raw = Raw {
        part,
        kind: RawKind::OpencastActions,
        endpoint: Endpoint::Actions.name(),
        received_at: answer.received_at,
        context: &context,
        body: &answer.body,
    };
    Ok(errand.errand.send_raw(&raw).await?)
}

/// An answer that is not what its endpoint promises.
pub(crate) fn odd(endpoint: Endpoint, fault: Fault) -> Refusal {
    let text = format!("{} answered with something else: {fault}", endpoint.name());
    Refusal::retry(Reason::Other, CauseClass::BadShape, text)
}

fn endless() -> Refusal {
    let text = format!("{} gives the same actions again and again", Endpoint::Actions.name());
    Refusal::retry(Reason::Other, CauseClass::BadShape, text)
}

/// For what cannot be: a date at the end of time.
pub(crate) fn unreachable() -> Refusal {
    Refusal::reject(Reason::Other, CauseClass::BadShape, "there is no such date")
}
