//! The `from`/`to` window of a listing, with Zoom's limits: one month long, six months back.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

use super::answer::ZoomAnswer;
use super::query::Params;
use crate::clock::{date_of, first_second};
use crate::world::{Day, Meeting, World};

/// A valid window.
#[derive(Debug)]
pub(super) struct Window<'a> {
    /// As sent; answers repeat it.
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// `None` when a date lacks zero-padding: Zoom then returns no rows and no error.
    span: Option<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    first: Date,
    last: Date,
    /// Unix seconds, both inclusive.
    start: i64,
    end: i64,
}

impl<'a> Window<'a> {
    pub(super) fn parse(params: &'a Params, today: Date) -> Result<Self, ZoomAnswer> {
        let (from, to) = (required(params, "from")?, required(params, "to")?);
        let (Some(lower), Some(upper)) = (instant(from, false), instant(to, true)) else {
            if unpadded(from) || unpadded(to) {
                return Ok(Self { from, to, span: None });
            }
            let field = if instant(from, false).is_none() { "from" } else { "to" };
            return Err(ZoomAnswer::bad_field(field, "must be a date of the form yyyy-mm-dd"));
        };
        let span = Span { first: day_of(lower), last: day_of(upper), start: lower, end: upper };
        check(span, today)?;
        Ok(Self { from, to, span: Some(span) })
    }

    /// Meetings that started in the window, ended before `now`, and satisfy `wanted`.
    pub(super) fn find(
        &self,
        world: &World,
        now: Timestamp,
        rows: fn(&Day) -> &[Meeting],
        wanted: impl Fn(&Meeting) -> bool,
    ) -> Vec<Meeting> {
        let Some(span) = self.span else { return Vec::new() };
        let (now, mut found) = (now.as_second(), Vec::new());
        let last = span.last.min(day_of(now));
        let mut date = span.first;
        while date <= last {
            let day = world.day(date);
            let inside = |meeting: &&Meeting| {
                (span.start..=span.end).contains(&meeting.start) && meeting.end() <= now && wanted(meeting)
            };
            found.extend(rows(&day).iter().filter(inside).copied());
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        found
    }
}

fn check(span: Span, today: Date) -> Result<(), ZoomAnswer> {
    if span.start > span.end {
        return Err(ZoomAnswer::bad_field("from", "must not be later than to"));
    }
    if span.first.checked_add(1.month()).is_ok_and(|most| span.last > most) {
        return Err(ZoomAnswer::bad_field("to", "must be within one month of from"));
    }
    if today.checked_sub(6.months()).is_ok_and(|least| span.first < least) {
        return Err(ZoomAnswer::bad_field("from", "must be within the last six months"));
    }
    Ok(())
}

fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, ZoomAnswer> {
    params.get(name).ok_or_else(|| ZoomAnswer::bad_field(name, "is required"))
}

/// Unix seconds of `yyyy-mm-dd` (its first or last second) or `yyyy-mm-dd HH:mm:ss`.
fn instant(text: &str, end: bool) -> Option<i64> {
    if text.len() == 10 {
        let start = first_second(Date::strptime("%Y-%m-%d", text).ok()?);
        return Some(if end { start + 86_399 } else { start });
    }
    if text.len() != 19 {
        return None;
    }
    let time = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    Some(Offset::UTC.to_timestamp(time).ok()?.as_second())
}

/// Returns true for a date without zero-padding, such as 2026-1-2.
fn unpadded(text: &str) -> bool {
    text.len() < 10 && text.split('-').count() == 3 && Date::strptime("%Y-%m-%d", text).is_ok()
}

fn day_of(second: i64) -> Date {
    Timestamp::from_second(second).map_or(Date::MAX, date_of)
}
