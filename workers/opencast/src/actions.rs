//! The job of a date's user actions: reads pages and sends each as received, with the facts of its episodes.
//!
//! Neither dialect guarantees an order, so completeness is judged by the ids of different actions, not by the number of
//! rows. A date is read again until it is complete; pages without anything new are not sent again. The dialects are in
//! [`crate::daily`] and [`crate::windowed`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use messages::opencast::{ActionsContext, Task};
use messages::{Cause, CauseClass, Mpid, RawKind};
use opencast_wire::{Action, Fault, Page, actions};
use runtime::job_context::Raw;
use runtime::{Failure, clock};
use serde_json::value::RawValue;
use tracing::{info, warn};

use crate::Opencast;
use crate::atlas::{NO_TRACKING, OpencastError, Reason};
use crate::capabilities::{Dialect, Rights};
use crate::client::OpencastResponse;
use crate::config::{offset_name, time_zone_name};
use crate::endpoint::Endpoint;
use crate::episodes::Lookup;
use crate::reading::hash;
use crate::window;
use crate::worker::OpencastContext;
use crate::{daily, episodes, windowed};

/// Maximum readings of an unordered list.
pub(crate) const READINGS: u32 = 8;
/// Maximum bytes of a page, which is sent as one message.
pub(crate) const PAGE_BYTES: u64 = 10 << 20;
/// Pages after which a window counts as endless.
pub(crate) const MAX_PAGES: u64 = 10_000;
/// Maximum actions of a date. Each uses some 20 bytes while the date is read.
pub(crate) const MOST_ROWS: u64 = 5_000_000;
/// Delay before a server without user tracking is asked again, while it may be starting.
const ASKED_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// Allowed lead of an action's time over the local clock.
const AHEAD: SignedDuration = SignedDuration::from_hours(48);
/// Opencast did not exist before this time.
const FIRST: Timestamp = Timestamp::constant(1_100_000_000, 0);

/// Returns the offset from a page of `rows` to the next. If a list is read `again` because rows were missing, pages
/// overlap by a quarter: then a row that moves by less across a page border is still on one of the pages.
pub(crate) fn stride(rows: u64, again: bool) -> u64 {
    if again { rows - rows / 4 } else { rows }
}

/// Promised and received actions.
#[derive(Debug)]
pub(crate) struct Tally {
    /// `None` if unknown.
    pub(crate) promised: Option<u64>,
    pub(crate) got: u64,
    /// Reason against completeness, other than the number.
    pub(crate) doubt: Option<Cause>,
}

impl Tally {
    /// Returns a complete tally.
    pub(crate) fn all(got: u64) -> Self {
        Self { promised: Some(got), got, doubt: None }
    }
}

/// Reads the date, or its actions after `since`. A settled date is always read completely, because its receipt is
/// final. Without user tracking, plans the catalogue of episodes if `or_catalogue` is set.
pub(crate) async fn fetch(
    ctx: &mut OpencastContext<'_>,
    date: Date,
    since: Option<Timestamp>,
    or_catalogue: bool,
) -> Result<(), OpencastError> {
    let (opencast, now) = (ctx.opencast, clock::now());
    window::check(date, &opencast.timezone, now).map_err(Failure::reject)?;
    let since = since.filter(|_| !window::is_settled(date, &opencast.timezone, now));
    let dialect = match find_dialect(ctx, date).await {
        Err(OpencastError { reason: Reason::Absent, failure: Failure::Reject { cause } }) => {
            if or_catalogue {
                let date = TimeZone::UTC.to_datetime(now).date();
                ctx.plan("catalogue", vec![Task::Catalogue { date }]).await?;
            }
            return Ok(ctx.base.finish_without(cause).await?);
        }
        found => found?,
    };
    let tally = match dialect {
        Some(Dialect::Dce { counts }) => windowed::read(ctx, date, since, counts).await,
        Some(Dialect::Upstream) => daily::read(ctx, date, true).await,
        None => daily::read(ctx, date, false).await,
    };
    let Tally { promised, got, doubt } = tally.map_err(|error| forget(opencast, error))?;
    tell_unseen(ctx, got).await;
    let is_short = promised.is_none_or(|promised| got < promised);
    match doubt.or_else(|| unanswered(ctx).filter(|_| !is_short)) {
        Some(doubt) => ctx.base.finish_with(promised, got, None, Some(doubt)).await?,
        None => ctx.base.finish(promised, got, None).await?,
    }
    info!(job.id = %ctx.job.id, got, "fetched {got} user actions of {date}");
    Ok(())
}

/// Returns the server's dialect. A starting node may lack user tracking, so the job is deferred until the absence has
/// lasted. Then it is logged once per process, and the receipt of each job contains it; other jobs continue.
async fn find_dialect(ctx: &mut OpencastContext<'_>, date: Date) -> Result<Option<Dialect>, OpencastError> {
    let (opencast, calls) = (ctx.opencast, ctx.base.calls());
    let found = opencast.find_dialect(date, calls).await;
    if let Some(found) = opencast.unless_absent(found, calls).await? {
        opencast.saw_tracking();
        return Ok(found);
    }
    if !opencast.lacked_tracking(Instant::now()) {
        let why =
            "the server has no /usertracking so far; it is asked again, since it may be starting".to_owned();
        return Err(Failure::Defer { until: clock::now().checked_add(ASKED_AGAIN).ok(), why }.into());
    }
    if opencast.is_first_to_say_absent() {
        warn!("no user actions are fetched: {NO_TRACKING}");
    }
    Err(OpencastError::reject(Reason::Absent, CauseClass::PlanMissing, NO_TRACKING))
}

/// Adds the finding about actions whose episodes searches do not show.
async fn tell_unseen(ctx: &mut OpencastContext<'_>, got: u64) {
    if ctx.unseen.is_empty() {
        return;
    }
    // A failure of this call must not fail the date.
    let rights = ctx.opencast.look_up_rights(ctx.base.calls()).await;
    let why = match rights.unwrap_or(Rights::Unknown) {
        Rights::All => "they were deleted, or are not published",
        Rights::Some => {
            "the user lacks ROLE_ADMIN and sees only those whose access list names one of its roles"
        }
        Rights::Unknown => "they were deleted, are not published, or are not for this user to see",
    };
    let (actions, episodes) = (ctx.unseen.len(), ctx.unseen.values().collect::<BTreeSet<_>>().len());
    let (of, are) =
        if episodes == 1 { ("1 episode", "is") } else { (&*format!("{episodes} episodes"), "are") };
    let text = format!("{actions} of {got} actions belong to {of} that {are} not visible in /search: {why}");
    ctx.base.find("episodes-not-visible", text);
}

/// Returns why a date with all its actions is incomplete: some lack the facts of their episodes.
fn unanswered(ctx: &OpencastContext<'_>) -> Option<Cause> {
    let (mpid, cause) = ctx.unanswered.first_key_value()?;
    let others = if ctx.unanswered.len() > 1 { " and others" } else { "" };
    let text = format!("all actions came, but nothing of episode {mpid}{others}: {}", cause.text);
    Some(Cause::new(cause.class, text))
}

/// Forgets the dialect if user tracking has disappeared, and retries: the next attempt detects it again.
fn forget(opencast: &Opencast, error: OpencastError) -> OpencastError {
    match &error.failure {
        Failure::Reject { cause } if cause.class == CauseClass::PlanMissing => {
            opencast.decide(None);
            OpencastError::retry(Reason::Absent, CauseClass::PlanMissing, NO_TRACKING)
        }
        _ => error,
    }
}

pub(crate) fn read_page(answer: &OpencastResponse) -> Result<Page<'_>, OpencastError> {
    actions::page(&answer.body).map_err(|fault| odd(Endpoint::Actions, fault))
}

/// Returns a row's id and time; an unreadable row's id is the hash of its text.
pub(crate) fn identify(row: &RawValue) -> (u64, Option<Timestamp>) {
    match Action::read(row) {
        Ok(action) => (action.id.cast_unsigned(), action.created),
        Err(_) => (hash(row.get()), None),
    }
}

/// Sends a page as received, with the facts of the episodes it names.
pub(crate) async fn send_page(
    ctx: &mut OpencastContext<'_>,
    date: Date,
    part: &str,
    answer: &OpencastResponse,
    page: &Page<'_>,
) -> Result<(), OpencastError> {
    let rows: Vec<_> = page.rows.iter().filter_map(|row| Action::read(row).ok()).collect();
    if let Some(cause) = zone_fault(&rows, ctx.opencast) {
        // The zone matched for other dates, so only the time zone databases may differ about the past.
        return Err(match ctx.opencast.agreed_on_zone() {
            true => OpencastError::retry(Reason::Other, CauseClass::BadShape, cause),
            false => Failure::Halt { cause }.into(),
        });
    }
    if are_of_another_date(&rows, date, &ctx.opencast.timezone) {
        // The server may have changed while the process runs, so the dialect is detected again.
        ctx.opencast.decide(None);
        let text = format!("{} hands out actions of other dates than {date}", Endpoint::Actions.name());
        return Err(OpencastError::retry(Reason::Other, CauseClass::BadShape, text));
    }
    let mut context = ActionsContext { episodes: BTreeMap::new() };
    let mut named: BTreeMap<Mpid, Vec<i64>> = BTreeMap::new();
    for action in &rows {
        if let Some(mpid) = action.mpid.as_deref().and_then(|mpid| mpid.parse().ok()) {
            named.entry(mpid).or_default().push(action.id);
        }
    }
    for (mpid, ids) in named {
        match episodes::look_up(ctx, &mpid).await? {
            Lookup::Found(facts) => {
                for id in &ids {
                    ctx.unseen.remove(id);
                }
                context.episodes.insert(mpid, (*facts).clone());
            }
            Lookup::Unseen => ctx.unseen.extend(ids.into_iter().map(|id| (id, hash(mpid.as_str())))),
            Lookup::Unanswered => {}
        }
    }
    let raw = Raw {
        part,
        kind: RawKind::OpencastActions,
        endpoint: Endpoint::Actions.name(),
        received_at: answer.received_at,
        context: &context,
        body: &answer.body,
        received: answer.received.as_deref(),
    };
    Ok(ctx.base.send_raw(&raw).await?)
}

/// Returns the error text if the server's UTC offset differs from the configured zone's, which would shift its dates.
/// `None` if any row agrees, because a single row may be wrong.
pub(crate) fn zone_fault(rows: &[Action<'_>], opencast: &Opencast) -> Option<String> {
    let zone = &opencast.timezone;
    let said = rows.iter().filter_map(|row| row.created.zip(row.offset));
    let (mut fault, mut agrees) = (None, false);
    for (at, theirs) in said {
        let ours = zone.to_offset(at);
        agrees |= ours == theirs;
        fault = fault.or((ours != theirs).then_some((at, ours, theirs)));
    }
    if agrees {
        opencast.agrees_on_zone();
        return None;
    }
    let (at, ours, theirs) = fault?;
    Some(format!(
        "OPENCAST_TIMEZONE is {}, which was at UTC{ours} on {at:.0}, but the server's own time was at UTC{theirs}: set OPENCAST_TIMEZONE to the server's zone, or to {} if the time zone database of its Java is out of date",
        time_zone_name(zone),
        offset_name(theirs)
    ))
}

/// True if all actions are further from the date than a time zone explains. Ignores impossible times.
fn are_of_another_date(rows: &[Action<'_>], date: Date, zone: &TimeZone) -> bool {
    let latest = clock::now().saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let times = rows.iter().filter_map(|row| row.created).filter(|time| (FIRST..=latest).contains(time));
    let near = date.yesterday().unwrap_or(date)..=date.tomorrow().unwrap_or(date);
    let mut dates = times.map(|time| zone.to_datetime(time).date()).peekable();
    dates.peek().is_some() && dates.all(|of| !near.contains(&of))
}

/// Returns the error of an answer in an unexpected format.
pub(crate) fn odd(endpoint: Endpoint, fault: Fault) -> OpencastError {
    let text = format!("{} answered with something else: {fault}", endpoint.name());
    OpencastError::retry(Reason::Other, CauseClass::BadShape, text)
}

/// Returns the error of a list that repeats itself.
pub(crate) fn endless(endpoint: Endpoint) -> OpencastError {
    let text = format!("{} gives the same rows again and again", endpoint.name());
    OpencastError::reject(Reason::Other, CauseClass::BadShape, text)
}

/// Returns the error of a list with too many pages.
pub(crate) fn too_many_pages(endpoint: Endpoint) -> OpencastError {
    let text = format!("{} goes on after {MAX_PAGES} pages", endpoint.name());
    OpencastError::reject(Reason::Other, CauseClass::BadShape, text)
}

/// Rejects a list that has far more actions than the server counts, or than a date can have.
pub(crate) fn check_bounds(came: u64, total: Option<u64>, limit: u64) -> Result<(), OpencastError> {
    let name = Endpoint::Actions.name();
    if total.is_some_and(|total| came > total.saturating_mul(2).saturating_add(10 * limit)) {
        let text = format!("{name} has handed out {came} actions, though it counts {}", total.unwrap_or(0));
        return Err(OpencastError::reject(Reason::Other, CauseClass::BadShape, text));
    }
    if came > MOST_ROWS {
        let text = format!("{name} has more than {MOST_ROWS} actions of one date");
        return Err(OpencastError::reject(Reason::Other, CauseClass::TooLarge, text));
    }
    Ok(())
}

/// Returns the error of a date at the end of the calendar.
pub(crate) fn unreachable() -> OpencastError {
    OpencastError::reject(Reason::Other, CauseClass::BadShape, "there is no such date")
}
