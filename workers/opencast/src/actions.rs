//! The job of a date's user actions: read page by page, each page sent as received with what is known of its episodes.
//!
//! Neither dialect promises an order, so what counts is which actions came, not how many rows: they are told apart by
//! their ids. A date is read again until it is known that all of them came, and the pages that brought nothing new are
//! not sent again. How each dialect is read: [`crate::daily`], [`crate::windowed`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::opencast::{ActionsContext, Task};
use messages::{Cause, CauseClass, Mpid, RawKind};
use opencast_wire::{Action, Fault, Page, actions};
use runtime::errand::Raw;
use runtime::{Failure, clock};
use serde_json::value::RawValue;
use tracing::{info, warn};

use crate::Opencast;
use crate::atlas::{NO_TRACKING, Reason, Refusal};
use crate::client::Answer;
use crate::endpoint::Endpoint;
use crate::probe::Dialect;
use crate::reading::hash;
use crate::window;
use crate::worker::Errand;
use crate::{daily, episodes, windowed};

/// How often a list without an order is read until all of it came.
pub(crate) const READINGS: u32 = 8;
/// A page travels as one message: it may not become larger than this.
pub(crate) const PAGE_BYTES: u64 = 10 << 20;
/// A window of more pages than this does not end.
pub(crate) const MAX_PAGES: u64 = 100_000;

/// By how many rows to go on after a page of so many, if the list is read `again` since some did not come. Then pages
/// overlap by a quarter: a row that changes its place by less than that across a border of two pages is on one of both.
pub(crate) fn stride(rows: u64, again: bool) -> u64 {
    if again { rows - rows / 4 } else { rows }
}

/// What was promised and what came.
#[derive(Debug)]
pub(crate) struct Tally {
    /// `None` when nobody could say.
    pub(crate) promised: Option<u64>,
    pub(crate) got: u64,
    /// What speaks against its being all, if it is not the number.
    pub(crate) doubt: Option<Cause>,
}

impl Tally {
    /// All there is.
    pub(crate) fn all(got: u64) -> Self {
        Self { promised: Some(got), got, doubt: None }
    }
}

/// Reads the date, or what of it came after `since`. A date that is settled is read whole, whenever its job was planned:
/// its receipt is the last. Where there is no user tracking, and `or_catalogue` says so, all episodes are asked for.
pub(crate) async fn fetch(
    errand: &mut Errand<'_>,
    date: Date,
    since: Option<Timestamp>,
    or_catalogue: bool,
) -> Result<(), Refusal> {
    let (opencast, now) = (errand.opencast, clock::now());
    window::check(date, &opencast.timezone, now).map_err(Failure::reject)?;
    let since = since.filter(|_| !window::is_settled(date, &opencast.timezone, now));
    let dialect = match find_dialect(errand).await {
        Err(Refusal { reason: Reason::Absent, failure: Failure::Reject { cause } }) => {
            if or_catalogue {
                let date = TimeZone::UTC.to_datetime(now).date();
                errand.plan("catalogue", vec![Task::Catalogue { date }]).await?;
            }
            return Ok(errand.errand.finish_without(cause).await?);
        }
        found => found?,
    };
    let tally = match dialect {
        Some(Dialect::Dce { counts }) => windowed::read(errand, date, since, counts).await,
        Some(Dialect::Upstream) => daily::read(errand, date, true).await,
        None => daily::read(errand, date, false).await,
    };
    let Tally { promised, got, doubt } = tally.map_err(|refusal| forget(opencast, refusal))?;
    let is_short = promised.is_none_or(|promised| got < promised);
    match doubt.or_else(|| unanswered(errand).filter(|_| !is_short)) {
        Some(doubt) => errand.errand.finish_with(promised, got, None, Some(doubt)).await?,
        None => errand.errand.finish(promised, got, None).await?,
    }
    info!(job.id = %errand.job.id, got, "fetched {got} user actions of {date}");
    Ok(())
}

/// The dialect in force. That there is no user tracking is said once in a process, and by the receipt of each job that
/// asked; others go on, which they would not where a server refuses what it does not have as it refuses a stranger.
async fn find_dialect(errand: &mut Errand<'_>) -> Result<Option<Dialect>, Refusal> {
    let (opencast, calls) = (errand.opencast, errand.errand.calls());
    let Err(mut refusal) = opencast.find_dialect(calls).await else { return Ok(opencast.dialect()) };
    if refusal.reason == Reason::Closed && opencast.lacks_tracking(calls).await {
        refusal = Refusal::reject(Reason::Absent, CauseClass::PlanMissing, NO_TRACKING);
    }
    if refusal.reason == Reason::Absent && opencast.is_first_to_say_absent() {
        warn!("no user actions are fetched: {NO_TRACKING}");
    }
    Err(refusal)
}

/// What speaks against a date whose actions came, some of them without what is known of their episodes.
fn unanswered(errand: &Errand<'_>) -> Option<Cause> {
    let (mpid, cause) = errand.unanswered.first_key_value()?;
    let others = if errand.unanswered.len() > 1 { " and others" } else { "" };
    let text = format!("all actions came, but nothing of episode {mpid}{others}: {}", cause.text);
    Some(Cause::new(cause.class, text))
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

pub(crate) fn read_page(answer: &Answer) -> Result<Page<'_>, Refusal> {
    actions::page(&answer.body).map_err(|fault| odd(Endpoint::Actions, fault))
}

/// By what a row is told from others, and when it was made. A row that cannot be read is told by its text.
pub(crate) fn identify(row: &RawValue) -> (u64, Option<Timestamp>) {
    match Action::read(row) {
        Ok(action) => (action.id.cast_unsigned(), Some(action.created)),
        Err(_) => (hash(row.get()), None),
    }
}

/// Sends a page as received, with what is known of the episodes it names.
pub(crate) async fn send_page(
    errand: &mut Errand<'_>,
    date: Date,
    part: &str,
    answer: &Answer,
    page: &Page<'_>,
) -> Result<(), Refusal> {
    let mut named = BTreeSet::new();
    for action in page.rows.iter().filter_map(|row| Action::read(row).ok()) {
        check_zone(&action, &errand.opencast.timezone)?;
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
        received: None,
    };
    Ok(errand.errand.send_raw(&raw).await?)
}

/// Refuses to go on when the server's local time is not that of the zone it is said to be in: its dates would begin and
/// end at other times than ours.
pub(crate) fn check_zone(action: &Action<'_>, zone: &TimeZone) -> Result<(), Failure> {
    let ours = zone.to_offset(action.created);
    match action.offset.filter(|theirs| *theirs != ours) {
        None => Ok(()),
        Some(theirs) => {
            let (name, at) = (zone.iana_name().unwrap_or("a zone without a name"), action.created);
            let cause = format!(
                "OPENCAST_TIMEZONE is {name}, which was at UTC{ours} on {at:.0}, but the server's own time was at UTC{theirs}: set OPENCAST_TIMEZONE to the server's zone"
            );
            Err(Failure::Halt { cause })
        }
    }
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

pub(crate) fn endless() -> Refusal {
    let text = format!("{} gives the same actions again and again", Endpoint::Actions.name());
    Refusal::retry(Reason::Other, CauseClass::BadShape, text)
}

/// For what cannot be: a date at the end of time.
pub(crate) fn unreachable() -> Refusal {
    Refusal::reject(Reason::Other, CauseClass::BadShape, "there is no such date")
}
