//! The rows of the table of actions that a call selects, in either dialect. Nothing is stored: a table is a range of
//! places.

use std::cell::Cell;

use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp};

use super::super::settings::Dialect;
use super::super::world::{Action, Day, date_at};
use super::answer::OpencastAnswer;
use super::params::Params;
use super::shared::Shared;

/// Maximum number of rows to examine for one answer.
const MOST_LOOKED_AT: u64 = 5_000_000;
const MINUTE_MS: i64 = 60_000;
const SECOND_MS: i64 = 1_000;

/// Consecutive places of consecutive dates, before filtering.
pub(super) struct Table<'a> {
    shared: &'a Shared,
    first: Date,
    /// Rows before the first selected one, counted from the start of the first date.
    skipped: u64,
    /// Rows up to the last selected one, counted likewise.
    end: u64,
    /// The last used date, with its distance from the first.
    day: Cell<Option<(u64, Day)>>,
}

impl<'a> Table<'a> {
    /// The fork selects by `start` and `end`; upstream by `day`, unless `id` and `type` are given. Otherwise the
    /// whole table.
    pub(super) fn asked(shared: &'a Shared, params: &Params) -> Result<Self, OpencastAnswer> {
        let now_ms = shared.now_ms();
        let (kind, day) = (params.get("type"), params.get("day"));
        if shared.settings.dialect == Dialect::Dce {
            let (start, end) = (params.get("start"), params.get("end"));
            if start.is_some() || end.is_some() {
                let start_ms = start.map_or(Ok(i64::MIN), |text| instant(shared, text))?;
                let end_ms = end.map_or(Ok(i64::MAX), |text| instant(shared, text))?;
                // Both included, in whole seconds.
                return Ok(Self::window(shared, start_ms, end_ms.saturating_add(SECOND_MS), now_ms));
            }
        }
        let by_id = params.get("id").is_some() && kind.is_some();
        match day.filter(|_| !by_id) {
            Some(day) => Self::day(shared, day, now_ms),
            None => Ok(Self::window(shared, i64::MIN, i64::MAX, now_ms)),
        }
    }

    fn day(shared: &'a Shared, text: &str, now_ms: i64) -> Result<Self, OpencastAnswer> {
        let date = Date::strptime("%Y%m%d", text).ok().filter(|_| text.len() == 8);
        let date = date.ok_or_else(OpencastAnswer::bad_request)?;
        let (Some(day), Some(next)) =
            (shared.world.day(date), date.tomorrow().ok().and_then(|next| shared.world.day(next)))
        else {
            return Err(OpencastAnswer::bad_request());
        };
        let (mut start_ms, mut end_ms) = (day.start_ms, next.start_ms);
        if shared.settings.ragged_day {
            // From 00:00 to 23:59, both included and both with the current second of the clock.
            let second_ms = now_ms.rem_euclid(MINUTE_MS) / SECOND_MS * SECOND_MS;
            start_ms += second_ms;
            end_ms = end_ms - MINUTE_MS + second_ms + SECOND_MS;
        }
        Ok(Self::window(shared, start_ms, end_ms, now_ms))
    }

    /// Actions from `start_ms` (included) to `end_ms` (excluded), up to now.
    fn window(shared: &'a Shared, start_ms: i64, end_ms: i64, now_ms: i64) -> Self {
        let zone = &shared.world.zone;
        let end_ms = end_ms.min(now_ms.saturating_add(1));
        let first =
            if start_ms == i64::MIN { shared.first } else { date_at(start_ms, zone).max(shared.first) };
        let last = date_at(end_ms, zone);
        let before = |date: Date, ms| shared.world.day(date).map_or(0, |day| u64::from(day.before(ms)));
        let skipped = before(first, start_ms);
        let days = first.until(last).map_or(0, |span| span.get_days());
        let end = match u64::try_from(days) {
            Ok(days) => days * u64::from(shared.world.per_day()) + before(last, end_ms),
            Err(_) => 0,
        };
        Self { shared, first, skipped: skipped.min(end), end, day: Cell::new(None) }
    }

    pub(super) fn date(&self) -> Date {
        self.first
    }

    pub(super) fn len(&self) -> u64 {
        self.end - self.skipped
    }

    /// The action at a place; `None` only beyond the end of the calendar.
    pub(super) fn action(&self, place: u64) -> Option<Action> {
        let per_day = u64::from(self.shared.world.per_day()).max(1);
        let place = self.skipped + place;
        let day = self.day_at(place / per_day)?;
        Some(self.shared.world.action(&day, (place % per_day) as u32))
    }

    fn day_at(&self, distance: u64) -> Option<Day> {
        if let Some((known, day)) = self.day.get()
            && known == distance
        {
            return Some(day);
        }
        let date = self.first.checked_add(Span::new().try_days(distance as i64).ok()?).ok()?;
        let day = self.shared.world.day(date)?;
        self.day.set(Some((distance, day)));
        Some(day)
    }

    /// The filter that requires looking at rows. An `id` without a `type` is ignored.
    pub(super) fn filter<'p>(&self, params: &'p Params) -> Option<Filter<'p>> {
        let kind = params.get("type")?;
        Some(Filter { kind, mpid: params.get("id") })
    }

    pub(super) fn matching(&self, wanted: &Filter<'_>) -> Result<Rows, OpencastAnswer> {
        if self.len() > MOST_LOOKED_AT {
            return Err(OpencastAnswer::error(503, "Too many rows to be filtered"));
        }
        let is_wanted = |place: &u64| {
            let Some(action) = self.action(*place) else { return false };
            let world = &self.shared.world;
            action.kind == wanted.kind && wanted.mpid.is_none_or(|mpid| action.session.mpid(world) == mpid)
        };
        Ok(Rows::Some((0..self.len()).filter(is_wanted).collect()))
    }
}

/// Condition on rows.
pub(super) struct Filter<'a> {
    kind: &'a str,
    mpid: Option<&'a str>,
}

/// Places of a table, all or selected.
pub(super) enum Rows {
    All(u64),
    Some(Vec<u64>),
}

impl Rows {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::All(count) => *count,
            Self::Some(places) => places.len() as u64,
        }
    }

    pub(super) fn place(&self, rank: u64) -> u64 {
        match self {
            Self::All(_) => rank,
            Self::Some(places) => places.get(rank as usize).copied().unwrap_or_default(),
        }
    }
}

/// Parses `YYYYMMDDHHmmss` in the server's zone. In a repeated hour it is the second, as in Java.
fn instant(shared: &Shared, text: &str) -> Result<i64, OpencastAnswer> {
    let time = DateTime::strptime("%Y%m%d%H%M%S", text).ok().filter(|_| text.len() == 14);
    let time = time.ok_or_else(OpencastAnswer::bad_request)?;
    let instant = shared.world.zone.to_ambiguous_timestamp(time).later();
    instant.map(Timestamp::as_millisecond).map_err(|_| OpencastAnswer::bad_request())
}
