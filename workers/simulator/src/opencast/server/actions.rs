//! `/usertracking/actions.json`: which rows are meant, in which order, and how they are written, in either dialect.

use std::cell::Cell;

use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp};
use serde::Serialize;

use super::super::jettison::{Attribute, Text};
use super::super::settings::{Dialect, Disorder, Settings};
use super::super::world::{Action, Day, Playing, date_at, permuted};
use super::answer::Answer;
use super::params::Params;
use super::shared::Shared;
use crate::world::mix;

const DEFAULT_LIMIT: u32 = 10;
/// Rows that stand near each other and change places.
const NEIGHBOURS: u64 = 16;
/// Rows that are looked at for one answer when only looking tells which are meant.
const MOST_LOOKED_AT: u64 = 5_000_000;
const OMITTED: &str = "-omitted-";
const MINUTE_MS: i64 = 60_000;

/// `GET /usertracking/actions.json`
pub(super) fn list(shared: &Shared, params: &Params) -> Result<Answer, Answer> {
    let limit = params.number("limit")?.filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT);
    let limit = shared.settings.page_limit.map_or(limit, |most| most.min(limit));
    let offset = params.number("offset")?.unwrap_or(0);
    let table = Table::asked(shared, params)?;
    let settled = shared.readings(table.date(), offset == 0) > 1;
    let rows = match table.filter(params) {
        Some(wanted) => table.matching(&wanted)?,
        None => Rows::All(table.len()),
    };
    let (from, to) = (u64::from(offset).min(rows.len()), u64::from(offset) + u64::from(limit));
    let key = mix(shared.settings.seed, shared.next_call());
    let disorder = match shared.settings.dialect {
        Dialect::Dce => Disorder::Stable,
        Dialect::Upstream => shared.settings.disorder,
    };
    let places =
        (from..to.min(rows.len())).map(|rank| rows.place(displaced(rank, rows.len(), key, disorder)));
    let writer = Writer { shared, settled };
    let page: Vec<_> = places.filter_map(|place| Some(writer.row(&table.action(place)?))).collect();
    let attribute = |value| Attribute { value, is_text: shared.settings.attributes_are_text() };
    let envelope = Envelope {
        total: attribute(rows.len()),
        offset: attribute(offset.into()),
        limit: attribute(limit.into()),
        action: OneOrMany(&page),
    };
    Ok(Answer::json(&Actions { actions: envelope }))
}

/// Where a row stands in this call's order.
fn displaced(rank: u64, count: u64, key: u64, disorder: Disorder) -> u64 {
    match disorder {
        Disorder::Stable => rank,
        Disorder::Full => permuted(rank, count, key),
        Disorder::Local => {
            let first = rank - rank % NEIGHBOURS;
            first + permuted(rank - first, NEIGHBOURS.min(count - first), mix(key, first))
        }
    }
}

/// Consecutive places of consecutive dates: what a call means before types are looked at.
struct Table<'a> {
    shared: &'a Shared,
    first: Date,
    /// Rows before the first one meant, counted from the beginning of the first date.
    skipped: u64,
    /// Rows of all dates up to the last one meant, counted likewise.
    end: u64,
    /// The date that was needed last, with its distance from the first.
    day: Cell<Option<(u64, Day)>>,
}

impl<'a> Table<'a> {
    /// The fork knows windows. The released server knows days, unless an id is asked for, and all else is everything.
    fn asked(shared: &'a Shared, params: &Params) -> Result<Self, Answer> {
        let now_ms = shared.now_ms();
        let (kind, day) = (params.get("type"), params.get("day"));
        if shared.settings.dialect == Dialect::Dce {
            let (start, end) = (params.get("start"), params.get("end"));
            if start.is_some() || end.is_some() {
                let start_ms = start.map_or(Ok(i64::MIN), |text| instant(shared, text))?;
                let end_ms = end.map_or(Ok(i64::MAX), |text| instant(shared, text))?;
                // Seconds, both inclusive.
                return Ok(Self::window(shared, start_ms, end_ms.saturating_add(1_000), now_ms));
            }
        }
        let by_id = params.get("id").is_some() && kind.is_some();
        match day.filter(|_| !by_id) {
            Some(day) => Self::day(shared, day, now_ms),
            None => Ok(Self::window(shared, i64::MIN, i64::MAX, now_ms)),
        }
    }

    fn day(shared: &'a Shared, text: &str, now_ms: i64) -> Result<Self, Answer> {
        let date = Date::strptime("%Y%m%d", text).ok().filter(|_| text.len() == 8);
        let date = date.ok_or_else(Answer::bad_request)?;
        let (Some(day), Some(next)) =
            (shared.world.day(date), date.tomorrow().ok().and_then(|next| shared.world.day(next)))
        else {
            return Err(Answer::bad_request());
        };
        let mut end_ms = next.start_ms;
        if shared.settings.ragged_day_end {
            // The end is taken to be 23:59, with the seconds that the clock shows just now.
            end_ms = end_ms - MINUTE_MS + now_ms.rem_euclid(MINUTE_MS) / 1_000 * 1_000;
        }
        Ok(Self::window(shared, day.start_ms, end_ms, now_ms))
    }

    /// What was made from `start_ms` until before `end_ms`, and before now.
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

    fn date(&self) -> Date {
        self.first
    }

    fn len(&self) -> u64 {
        self.end - self.skipped
    }

    /// `None` only beyond the end of the calendar.
    fn action(&self, place: u64) -> Option<Action> {
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

    /// What only looking at rows tells. An id alone is not looked at.
    fn filter<'p>(&self, params: &'p Params) -> Option<Filter<'p>> {
        let kind = params.get("type")?;
        Some(Filter { kind, mpid: params.get("id") })
    }

    fn matching(&self, wanted: &Filter<'_>) -> Result<Rows, Answer> {
        if self.len() > MOST_LOOKED_AT {
            return Err(Answer::error(503, "Too many rows to be filtered"));
        }
        let is_wanted = |place: &u64| {
            let Some(action) = self.action(*place) else { return false };
            let world = &self.shared.world;
            action.kind == wanted.kind && wanted.mpid.is_none_or(|mpid| action.session.mpid(world) == mpid)
        };
        Ok(Rows::Some((0..self.len()).filter(is_wanted).collect()))
    }
}

/// What rows must be like.
struct Filter<'a> {
    kind: &'a str,
    mpid: Option<&'a str>,
}

/// Places of a table, all or picked.
enum Rows {
    All(u64),
    Some(Vec<u64>),
}

impl Rows {
    fn len(&self) -> u64 {
        match self {
            Self::All(count) => *count,
            Self::Some(places) => places.len() as u64,
        }
    }

    fn place(&self, rank: u64) -> u64 {
        match self {
            Self::All(_) => rank,
            Self::Some(places) => places.get(rank as usize).copied().unwrap_or_default(),
        }
    }
}

/// `YYYYMMDDHHmmss` on the server's clock, as Java reads it: of an hour that comes twice, the second.
fn instant(shared: &Shared, text: &str) -> Result<i64, Answer> {
    let time = DateTime::strptime("%Y%m%d%H%M%S", text).ok().filter(|_| text.len() == 14);
    let time = time.ok_or_else(Answer::bad_request)?;
    let instant = shared.world.zone.to_ambiguous_timestamp(time).later();
    instant.map(Timestamp::as_millisecond).map_err(|_| Answer::bad_request())
}

#[derive(Serialize)]
struct Actions<'a> {
    actions: Envelope<'a>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    total: Attribute,
    offset: Attribute,
    limit: Attribute,
    #[serde(skip_serializing_if = "OneOrMany::is_empty")]
    action: OneOrMany<'a>,
}

/// One row is an object, more are an array.
struct OneOrMany<'a>(&'a [Row]);

impl OneOrMany<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for OneOrMany<'_> {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [one] => one.serialize(out),
            many => many.serialize(out),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: i64,
    #[serde(serialize_with = "element")]
    mediapackage_id: String,
    session_id: SessionRow,
    inpoint: u32,
    outpoint: u32,
    length: u32,
    #[serde(rename = "type", serialize_with = "element")]
    kind: &'static str,
    is_playing: PlayingRow,
    created: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionRow {
    #[serde(serialize_with = "element")]
    session_id: String,
    #[serde(serialize_with = "element")]
    user_id: String,
    #[serde(serialize_with = "element")]
    user_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Text<'static>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PlayingRow {
    Number(u8),
    Bool(bool),
}

fn element<S: serde::Serializer>(text: impl AsRef<str>, out: S) -> Result<S::Ok, S::Error> {
    Text(text.as_ref()).serialize(out)
}

/// Writes actions as this server does.
struct Writer<'a> {
    shared: &'a Shared,
    /// Whether footprints have come to their end.
    settled: bool,
}

impl Writer<'_> {
    fn row(&self, action: &Action) -> Row {
        let Shared { settings, world, .. } = self.shared;
        let session = &action.session;
        let kept = |text: String| if settings.omitted { OMITTED.to_owned() } else { text };
        // A footprint is read half-way through at first.
        let length = action.outpoint - action.inpoint;
        let length = if self.settled { length } else { length / 2 };
        Row {
            id: action.id,
            mediapackage_id: session.mpid(world).into_owned(),
            session_id: SessionRow {
                session_id: kept(session.id()),
                user_id: kept(session.huid()),
                user_ip: kept(session.address()),
                user_agent: session.agent().map(Text),
            },
            inpoint: action.inpoint,
            outpoint: action.inpoint + length,
            length,
            kind: action.kind,
            is_playing: playing(action.playing, settings),
            created: self.created(action.created_ms),
        }
    }

    /// A time with the zone's offset: whole seconds in the fork and up to generation 14, milliseconds after that.
    fn created(&self, ms: i64) -> String {
        let Settings { dialect, generation, .. } = self.shared.settings;
        let fractions = dialect == Dialect::Upstream && generation >= 15 && ms % 1_000 != 0;
        let format = if fractions { "%Y-%m-%dT%H:%M:%S.%3f%:z" } else { "%Y-%m-%dT%H:%M:%S%:z" };
        let instant = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        instant.to_zoned_datetime(self.shared.world.zone.clone()).strftime(format).to_string()
    }
}

fn playing(playing: Playing, settings: &Settings) -> PlayingRow {
    match (settings.dialect, playing) {
        (Dialect::Dce, Playing::No) => PlayingRow::Number(0),
        (Dialect::Dce, Playing::Yes) => PlayingRow::Number(1),
        (Dialect::Dce, Playing::Live) => PlayingRow::Number(2),
        (Dialect::Upstream, playing) => PlayingRow::Bool(playing == Playing::Yes),
    }
}
