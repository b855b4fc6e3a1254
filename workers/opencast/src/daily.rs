//! Upstream's dialect: reads a day until it is complete, and proves its two ends.
//!
//! Pages are unordered and may repeat or omit actions, so completeness is judged by different actions. A day begins and
//! ends with the second of the request (see [`crate::completeness`]). So it is requested again when the server's clock
//! turns to the next minute: at second 59 for the end, at second 0 for the beginning. The job waits up to a minute for
//! the turn, because a deferred job would lose what it has read. Concurrent days share a turn, and one of them asks for
//! the server's time.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use messages::{Cause, CauseClass};
use runtime::clock;
use tracing::{debug, info};

use crate::actions::{
    MAX_PAGES, PAGE_BYTES, READINGS, Tally, check_bounds, endless, identify, read_page, send_page, stride,
    too_many_pages, unreachable,
};
use crate::atlas::OpencastError;
use crate::client::OpencastResponse;
use crate::completeness::{Completeness, End};
use crate::endpoint::{Endpoint, Request};
use crate::window;
use crate::worker::OpencastContext;

/// Maximum turns of a minute to wait for, because calls of other jobs may interfere.
const TURNS: u32 = 4;
/// Maximum pages read within one second.
const LOOKS: u32 = 4;
/// Maximum requests for the server's time until a second is reached.
const PROBES: u32 = 60;
/// Pause between two of these requests.
const PROBE: Duration = Duration::from_millis(100);
/// Maximum bytes of pages that wait to be sent while a second lasts.
const MOST_UNSENT: usize = 32 << 20;
/// Resolution of a `Date` header.
const FRACTION: SignedDuration = SignedDuration::from_secs(1);
/// Time for which a received server time counts as the current one.
const FRESH: Duration = Duration::from_millis(500);

/// A day being read.
struct Day {
    date: Date,
    asked: Request,
    completeness: Completeness,
    /// Count in the last answer. If missing, one more than the rows so far, until a page is empty.
    total: u64,
    /// Highest count of any answer.
    most_counted: u64,
    /// True if an answer has no count; then nothing can be proven.
    is_silent: bool,
    /// Highest average bytes per row of a page.
    row_bytes: u64,
    /// Observed maximum of rows per page.
    most: u64,
    /// Server time of the last answer; `None` if it has none.
    heard: Option<Timestamp>,
    /// Pages to send later.
    unsent: Vec<(String, OpencastResponse)>,
}

/// Reads a day. It is complete if as many different actions as counted arrived, so one reading may suffice; two equal
/// readings prove nothing, because both may omit the same action. `is_known` is false if the dialect is unknown because
/// the server has no actions so far. If this day has none either, its ends need no proof.
pub(crate) async fn read(
    ctx: &mut OpencastContext<'_>,
    date: Date,
    is_known: bool,
) -> Result<Tally, OpencastError> {
    let mut day = Day::of(ctx, date)?;
    let least = u64::from(ctx.opencast.page_size);
    let mut limit = least;
    for reading in 1..=READINGS {
        let before = day.completeness.came();
        day.read(ctx, reading, limit).await?;
        if day.completeness.is_read() && !(day.is_silent && day.completeness.came() > before) {
            break;
        }
        limit = day.limit(least);
        info!(job.id = %ctx.job.id, reading, "not all user actions of {date} came, the day is read again");
    }
    if !is_known && day.completeness.came() == 0 {
        return Ok(Tally::all(0));
    }
    if day.is_silent {
        return Ok(day.untold());
    }
    for turn in 1..=TURNS {
        let before = day.completeness.came();
        if day.completeness.is_whole() {
            break;
        }
        debug!(job.id = %ctx.job.id, turn, "the turn of the minute is waited for");
        day.turn(ctx, turn).await?;
        if day.heard.is_some() && !day.completeness.is_over() && !day.completeness.is_whole() {
            // Actions added since the reading were counted at the turn, too.
            day.read(ctx, READINGS + turn, day.limit(least)).await?;
        }
        // Actions that a slow page omitted may arrive at the turn; others will not.
        if day.heard.is_none() || day.completeness.misses() && day.completeness.came() == before {
            break;
        }
    }
    Ok(day.completeness.tally(day.heard.is_some()))
}

impl Day {
    fn of(ctx: &OpencastContext<'_>, date: Date) -> Result<Self, OpencastError> {
        let zone = &ctx.opencast.timezone;
        let midnight = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).ok();
        let begin = midnight(date).ok_or_else(unreachable)?;
        let end = date.tomorrow().ok().and_then(midnight).ok_or_else(unreachable)?;
        Ok(Self {
            date,
            asked: Request::of(Endpoint::Actions).with("day", window::day(date)),
            completeness: Completeness::of(begin, end, clock::now()),
            total: 0,
            most_counted: 0,
            is_silent: false,
            row_bytes: 1,
            most: u64::MAX,
            heard: None,
            unsent: Vec::new(),
        })
    }

    /// Returns the page size of the next reading. A single page has no borders at which actions get lost. For a day too
    /// large for one page, large pages only use memory.
    fn limit(&self, least: u64) -> u64 {
        let page = self.on_one_page();
        if page >= self.total { page.max(least) } else { least }
    }

    /// Reads the day once.
    async fn read(
        &mut self,
        ctx: &mut OpencastContext<'_>,
        reading: u32,
        limit: u64,
    ) -> Result<(), OpencastError> {
        let mut offset = 0;
        for number in 1..=MAX_PAGES {
            let before = self.completeness.came();
            let rows = self.page(ctx, format!("{reading}.{number}"), limit, offset).await?;
            self.send(ctx).await?;
            let end = offset + rows;
            offset += stride(rows, reading > 1);
            let came = self.completeness.came();
            // Without a count, a repeated page would never end.
            let is_stuck = self.is_silent && reading == 1 && rows > 0 && came == before;
            if is_stuck || offset > 2 * came + 10 * limit {
                return Err(endless(Endpoint::Actions));
            }
            check_bounds(came, (!self.is_silent).then_some(self.most_counted), limit)?;
            if rows == 0 || end >= self.total {
                return Ok(());
            }
        }
        Err(too_many_pages(Endpoint::Actions))
    }

    /// Reads one page and returns its number of rows. Keeps the page if it has anything new.
    async fn page(
        &mut self,
        ctx: &mut OpencastContext<'_>,
        part: String,
        limit: u64,
        offset: u64,
    ) -> Result<u64, OpencastError> {
        let answer = self.ask(ctx, limit, offset).await?;
        let page = read_page(&answer)?;
        let rows = page.rows.len() as u64;
        self.total = page.total.unwrap_or(offset + rows + u64::from(rows > 0));
        match page.total {
            Some(total) => {
                self.completeness.counted(answer.server_time, total);
                self.most_counted = self.most_counted.max(total);
            }
            None => self.is_silent = true,
        }
        if rows < limit && offset + rows < self.total {
            self.most = self.most.min(rows.max(1));
        }
        self.row_bytes = self.row_bytes.max((answer.body.get().len() as u64).div_ceil(rows.max(1)));
        let mut news = false;
        for row in page.rows {
            let (id, created) = identify(row);
            news |= self.completeness.note(id, created, row.get());
        }
        if news {
            self.unsent.push((part, answer));
        }
        Ok(rows)
    }

    /// Returns the tally of a day without counts.
    fn untold(&self) -> Tally {
        let text = "the server does not say how many user actions a day has (no total), so nothing proves that all came; is OPENCAST_DIALECT=upstream right?";
        let doubt = Some(Cause::new(CauseClass::NotReadyExpired, text));
        Tally { promised: None, got: self.completeness.came(), doubt }
    }

    async fn ask(
        &mut self,
        ctx: &mut OpencastContext<'_>,
        limit: u64,
        offset: u64,
    ) -> Result<OpencastResponse, OpencastError> {
        let answer = ctx.get(&self.asked.clone().with("limit", limit).with("offset", offset)).await?;
        self.heard = answer.server_time.map(|server_time| server_time.before);
        Ok(answer)
    }

    async fn send(&mut self, ctx: &mut OpencastContext<'_>) -> Result<(), OpencastError> {
        for (part, answer) in std::mem::take(&mut self.unsent) {
            send_page(ctx, self.date, &part, &answer, &read_page(&answer)?).await?;
        }
        Ok(())
    }

    /// Waits for the turn of the minute, if the server sends its time, and reads the unproven ends. Sends the pages
    /// afterwards, because a second is short.
    async fn turn(&mut self, ctx: &mut OpencastContext<'_>, turn: u32) -> Result<(), OpencastError> {
        for end in [End::Last, End::First] {
            if (self.completeness.misses() || !self.completeness.has(end))
                && self.wait(ctx, end.second()).await?
            {
                self.look(ctx, end, turn).await?;
            }
        }
        self.send(ctx).await
    }

    /// Waits for a second of the server's minute; returns false if the server sends no time or does not reach it.
    async fn wait(&mut self, ctx: &mut OpencastContext<'_>, second: i64) -> Result<bool, OpencastError> {
        let dates = ctx.opencast.client.dates();
        for _ in 0..PROBES {
            let (Some(_), Some((said, at))) = (self.heard, dates.heard()) else { return Ok(false) };
            let left = (second - said.as_second()).rem_euclid(60);
            if left == 0 && at.elapsed() < FRESH {
                return Ok(true);
            }
            // The server's time is now at least this, and at most a second later.
            let gone = SignedDuration::try_from(at.elapsed()).unwrap_or_default();
            let left = SignedDuration::from_secs(left) - FRACTION - gone;
            tokio::time::sleep(Duration::try_from(left).unwrap_or_default().max(PROBE)).await;
            let _asking = dates.asking.lock().await;
            // Another day has asked meanwhile.
            if dates.heard().is_some_and(|(_, heard)| heard > at) {
                continue;
            }
            let answer = self.ask(ctx, 1, 0).await?;
            self.total = read_page(&answer)?.total.unwrap_or(0);
            self.completeness.counted(answer.server_time, self.total);
        }
        Ok(false)
    }

    /// Reads one end while the server's clock shows its second: the first or last rows, in case the list is ordered by
    /// time, and as much of the day as fits into one page.
    async fn look(
        &mut self,
        ctx: &mut OpencastContext<'_>,
        end: End,
        turn: u32,
    ) -> Result<(), OpencastError> {
        let least = u64::from(ctx.opencast.page_size);
        for number in 1..=LOOKS {
            let page = self.on_one_page().max(least);
            let is_large = page < self.total;
            let limit = if number == 1 || is_large && number == 2 { least } else { page };
            let is_last = (end == End::Last) != (is_large && number % 2 == 0);
            let offset = if is_last { self.total.saturating_sub(limit) } else { 0 };
            self.page(ctx, format!("{end:?}{turn}.{number}").to_lowercase(), limit, offset).await?;
            let unsent: usize = self.unsent.iter().map(|(_, answer)| answer.body.get().len()).sum();
            if unsent > MOST_UNSENT {
                self.send(ctx).await?;
            }
            let shows = self.heard.map(|said| said.as_second().rem_euclid(60));
            if self.completeness.has(end) || shows != Some(end.second()) {
                break;
            }
        }
        Ok(())
    }

    /// Returns the page size for the whole day and additions, limited by the message size and the server's maximum.
    fn on_one_page(&self) -> u64 {
        (self.total + self.total / 10 + 100).min(PAGE_BYTES / self.row_bytes).min(self.most)
    }
}
