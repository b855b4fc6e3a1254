//! DCE's dialect: reads a window in the server's local time, page by page until one is empty.
//!
//! If `total` counts the window, that many different actions are complete. Otherwise two consecutive readings must
//! agree.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Cause, CauseClass};
use runtime::clock;

use crate::actions::{
    MAX_PAGES, READINGS, Tally, check_bounds, endless, identify, read_page, send_page, stride,
    too_many_pages, unreachable,
};
use crate::atlas::OpencastError;
use crate::endpoint::{Endpoint, Request};
use crate::reading::Seen;
use crate::window::{self, OVERLAP, Window};
use crate::worker::OpencastContext;

/// A date or a part of it, being read.
struct Stretch {
    date: Date,
    asked: Request,
    /// Name of its pages in the archive: pages of a part must not overwrite those of the whole date.
    name: String,
    seen: Seen,
    /// Count in the last answer.
    total: Option<u64>,
    /// Later actions are ignored when readings are compared, because the date may not be over.
    settled: Timestamp,
}

/// Reads a date, or its actions after `since`. `counts`: whether `total` counts the window.
pub(crate) async fn read(
    ctx: &mut OpencastContext<'_>,
    date: Date,
    since: Option<Timestamp>,
    counts: bool,
) -> Result<Tally, OpencastError> {
    let mut stretch = Stretch::of(ctx, date, since)?;
    for reading in 1..=READINGS {
        let news = stretch.read(ctx, reading, counts).await?;
        let got = stretch.seen.count();
        let agrees = reading > 1 && !news;
        let is_all = stretch.total.filter(|_| counts).map_or(agrees, |total| got >= total);
        if is_all {
            return Ok(Tally::all(got));
        }
    }
    let (got, promised) = (stretch.seen.count(), stretch.total.filter(|_| counts));
    let text = "the server does not say how many actions there are, and no two readings agree";
    let doubt = promised.is_none().then(|| Cause::new(CauseClass::NotReadyExpired, text));
    Ok(Tally { promised, got, doubt })
}

impl Stretch {
    fn of(ctx: &OpencastContext<'_>, date: Date, since: Option<Timestamp>) -> Result<Self, OpencastError> {
        let (zone, now) = (&ctx.opencast.timezone, clock::now());
        let whole = Window::of(date, zone).ok_or_else(unreachable)?;
        let part = since.map(|since| whole.since(since, zone, now));
        let window = part.unwrap_or(whole);
        let (start, end) = (window::stamp(window.start), window::stamp(window.end));
        Ok(Self {
            date,
            name: if part.is_some() { format!("from{start}") } else { "page".to_owned() },
            asked: Request::of(Endpoint::Actions).with("start", start).with("end", end),
            seen: Seen::default(),
            total: None,
            settled: now.saturating_sub(OVERLAP).unwrap_or(now),
        })
    }

    /// Reads the window once; returns true if it has an action, older than [`Stretch::settled`], that no earlier
    /// reading had. `counts` as in [`read`].
    async fn read(
        &mut self,
        ctx: &mut OpencastContext<'_>,
        reading: u32,
        counts: bool,
    ) -> Result<bool, OpencastError> {
        let most = u64::from(ctx.opencast.page_size);
        let (mut offset, mut idle, mut unknown) = (0, false, false);
        for number in 1..=MAX_PAGES {
            let answer = ctx.get(&self.asked.clone().with("limit", most).with("offset", offset)).await?;
            let page = read_page(&answer)?;
            let rows = page.rows.len() as u64;
            self.total = page.total.or(self.total);
            if rows == 0 {
                return Ok(unknown);
            }
            let before = self.seen.count();
            let mut news = false;
            for row in &page.rows {
                let (id, created) = identify(row);
                let known = self.seen.count();
                news |= self.seen.note(id, row.get());
                let is_new = self.seen.count() > known;
                unknown |= is_new && created.is_none_or(|created| created <= self.settled);
            }
            // The server repeats the page, whatever the offset.
            let is_stuck = reading == 1 && self.seen.count() == before && idle;
            if is_stuck || offset > 2 * self.seen.count() + 10 * most {
                return Err(endless(Endpoint::Actions));
            }
            check_bounds(self.seen.count(), self.total.filter(|_| counts), most)?;
            idle = self.seen.count() == before;
            if news {
                let part = if reading == 1 { String::new() } else { format!("{reading}.") };
                let part = format!("{}.{part}{number}", self.name);
                send_page(ctx, self.date, &part, &answer, &page).await?;
            }
            // The second reading must agree with the first, and mostly does.
            offset += stride(rows, reading > 2);
        }
        Err(too_many_pages(Endpoint::Actions))
    }
}
