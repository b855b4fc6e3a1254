//! The job of a date's user actions: read page by page, each page sent as received with what is known of its episodes.
//!
//! Neither dialect promises an order, so what counts is which actions came, not how many rows: they are told apart by
//! their ids. Upstream's pages may repeat one action and leave out another, so a date is read again until as many
//! different actions came as there are, and the pages that brought nothing new are not sent again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::opencast::ActionsContext;
use messages::{CauseClass, Mpid, RawKind};
use opencast_wire::{Action, Fault, Page, actions};
use runtime::errand::Raw;
use runtime::{Failure, clock};
use serde_json::value::RawValue;
use tracing::{info, warn};

use crate::Opencast;
use crate::atlas::{NO_TRACKING, Reason, Refusal};
use crate::client::Answer;
use crate::endpoint::{Endpoint, Request};
use crate::episodes;
use crate::probe::Dialect;
use crate::reading::{Seen, hash};
use crate::window::{self, Window};
use crate::worker::Errand;

/// How often a list without an order is read until all of it came.
pub(crate) const READINGS: u32 = 8;
/// A page travels as one message: it may not become larger than this.
const PAGE_BYTES: u64 = 10 << 20;
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
    let dialect = match find_dialect(errand).await {
        Err(Refusal { reason: Reason::Absent, failure: Failure::Reject { cause } }) => {
            return Ok(errand.errand.finish_without(cause).await?);
        }
        found => found?,
    };
    let tally = match dialect {
        Some(Dialect::Dce { counts }) => {
            let whole = Window::of(date, &opencast.timezone).ok_or_else(unreachable)?;
            let part = since.map(|since| whole.since(since, &opencast.timezone, clock::now()));
            let asked = Part { date, window: part.unwrap_or(whole), partial: part.is_some(), counts };
            read_window(errand, asked).await
        }
        Some(Dialect::Upstream) | None => read_day(errand, date).await,
    };
    let tally = tally.map_err(|refusal| forget(opencast, refusal))?;
    errand.errand.finish(Some(tally.promised), tally.got, None).await?;
    info!(job.id = %errand.job.id, got = tally.got, "fetched {} user actions of {date}", tally.got);
    Ok(())
}

/// The dialect in force. That there is no user tracking is said once in a process, and by the receipt of each job that
/// asked; others go on, which they would not where a server refuses what it does not have as it refuses a stranger.
async fn find_dialect(errand: &mut Errand<'_>) -> Result<Option<Dialect>, Refusal> {
    let (opencast, calls) = (errand.opencast, &mut errand.errand.calls);
    let Err(mut refusal) = opencast.find_dialect(calls).await else { return Ok(opencast.dialect()) };
    if refusal.reason == Reason::Closed && opencast.lacks_tracking(calls).await {
        refusal = Refusal::reject(Reason::Absent, CauseClass::PlanMissing, NO_TRACKING);
    }
    if refusal.reason == Reason::Absent && opencast.is_first_to_say_absent() {
        warn!("no user actions are fetched: {NO_TRACKING}");
    }
    Err(refusal)
}

/// A date or a part of it, as DCE's dialect is asked for it.
struct Part {
    date: Date,
    window: Window,
    partial: bool,
    /// Whether `total` counts what is in the window.
    counts: bool,
}

/// DCE's dialect: a window, page by page until one is not full.
async fn read_window(errand: &mut Errand<'_>, part: Part) -> Result<Tally, Refusal> {
    let (start, end) = (window::stamp(part.window.start), window::stamp(part.window.end));
    // A part of the date must not take the place of the whole date's pages in the archive.
    let name = if part.partial { format!("from{start}") } else { "page".to_owned() };
    let asked = Request::of(Endpoint::Actions).with("start", &start).with("end", &end);
    let (most, mut seen, mut offset) = (u64::from(errand.opencast.page_size), Seen::default(), 0);
    let (mut total, mut idle) = (None, false);
    for number in 1..=MAX_PAGES {
        let answer = errand.get(&asked.clone().with("limit", most).with("offset", offset)).await?;
        let page = read_page(&answer)?;
        let rows = page.rows.len() as u64;
        total = page.total.or(total);
        let news = note(&mut seen, &page.rows);
        if rows > 0 && !news && idle {
            return Err(endless());
        }
        idle = !news;
        if rows > 0 {
            send_page(errand, part.date, &format!("{name}.{number}"), &answer, &page).await?;
        }
        offset += rows;
        // A server may give smaller pages than it is asked for.
        if rows < page.limit.filter(|limit| *limit > 0).unwrap_or(most).min(most) || rows == 0 {
            let got = seen.count();
            return Ok(Tally { promised: total.filter(|_| part.counts).unwrap_or(got), got });
        }
    }
    Err(endless())
}

/// Upstream's dialect: a day, read until all of it came. As many different actions as there are is all of them, so one
/// reading may be enough; two that agree may both have missed the same.
async fn read_day(errand: &mut Errand<'_>, date: Date) -> Result<Tally, Refusal> {
    let mut day = Day {
        asked: Request::of(Endpoint::Actions).with("day", window::day(date)),
        seen: Seen::default(),
        date,
        promised: 0,
        row_bytes: 1,
    };
    let mut limit = u64::from(errand.opencast.page_size);
    for reading in 1..=READINGS {
        day.read(errand, reading, limit).await?;
        let (got, promised) = (day.seen.count(), day.promised);
        if got >= promised {
            break;
        }
        // On one page nothing can fall between two.
        limit = day.on_one_page().max(limit);
        info!(job.id = %errand.job.id, reading, "{got} of {promised} user actions of {date} came, the day is read again");
    }
    Ok(Tally { promised: day.promised, got: day.seen.count() })
}

/// A day being read.
struct Day {
    date: Date,
    asked: Request,
    seen: Seen,
    promised: u64,
    /// The most bytes that a row of a page took in the mean.
    row_bytes: u64,
}

impl Day {
    /// Reads the day once.
    async fn read(&mut self, errand: &mut Errand<'_>, reading: u32, limit: u64) -> Result<(), Refusal> {
        let mut offset = 0;
        for number in 1..=MAX_PAGES {
            let answer = errand.get(&self.asked.clone().with("limit", limit).with("offset", offset)).await?;
            let page = read_page(&answer)?;
            let rows = page.rows.len() as u64;
            offset += rows;
            self.promised = page.total.unwrap_or(offset);
            self.row_bytes = self.row_bytes.max((answer.body.get().len() as u64).div_ceil(rows.max(1)));
            if note(&mut self.seen, &page.rows) {
                send_page(errand, self.date, &format!("{reading}.{number}"), &answer, &page).await?;
            }
            if rows == 0 || offset >= self.promised {
                return Ok(());
            }
        }
        Err(endless())
    }

    /// How many rows to ask for so that the day, and what is added meanwhile, is one page, if one may be so large.
    fn on_one_page(&self) -> u64 {
        (self.promised + self.promised / 10 + 100).min(PAGE_BYTES / self.row_bytes)
    }
}

/// User tracking that was there and is gone: whoever asks next finds that out, and does not take it for the date's.
fn forget(opencast: &Opencast, refusal: Refusal) -> Refusal {
    match &refusal.failure {
        Failure::Reject { cause } if cause.class == CauseClass::PlanMissing => {
            opencast.decide(None);
            Refusal::retry(Reason::Absent, CauseClass::PlanMissing, NO_TRACKING)
        }
        _ => refusal,
    }
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
    date: Date,
    part: &str,
    answer: &Answer,
    page: &Page<'_>,
) -> Result<(), Refusal> {
    let mut named = BTreeSet::new();
    for action in page.rows.iter().filter_map(|row| Action::read(row).ok()) {
        if is_of_another_date(&action, date, &errand.opencast.timezone) {
            // A server that was changed under a running process: whatever it speaks now, it is found out anew.
            errand.opencast.decide(None);
            let text = format!("{} hands out actions of other dates than {date}", Endpoint::Actions.name());
            return Err(Refusal::retry(Reason::Other, CauseClass::BadShape, text));
        }
        named.extend(action.mpid.parse::<Mpid>());
    }
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

/// True when an action is so far from the date that no time zone explains it.
fn is_of_another_date(action: &Action<'_>, date: Date, zone: &TimeZone) -> bool {
    let of = zone.to_datetime(action.created).date();
    of < date.yesterday().unwrap_or(date) || of > date.tomorrow().unwrap_or(date)
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
