//! Upstream's dialect: a day, read until all of it came, and its two ends proven.
//!
//! Pages come in no order and may repeat one action and leave out another, so what counts is how many different actions
//! came ([`crate::proof`]). And a day begins and ends with the second at which it is asked ([`crate::minute`]), so it is asked once more
//! when the server's clock goes from one minute to the next: at second 59 for the end, at second 0 for the beginning.
//! That is waited for, up to a minute: what was read meanwhile would be lost with any other way of waiting. Days that are
//! read at once wait for the same turn, and one of them asks what time it is for all.

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
use crate::atlas::Refusal;
use crate::client::Answer;
use crate::endpoint::{Endpoint, Request};
use crate::proof::{End, Proof};
use crate::window;
use crate::worker::Errand;

/// For how many turns of a minute the ends are waited for: the calls of other jobs may come between.
const TURNS: u32 = 4;
/// How many pages are read in one second.
const LOOKS: u32 = 4;
/// How often it is asked what time it is until a second has come.
const PROBES: u32 = 60;
/// The pause between.
const PROBE: Duration = Duration::from_millis(100);
/// How many bytes of pages wait to be sent while a second lasts.
const MOST_UNSENT: usize = 32 << 20;
/// What a `Date` leaves out.
const FRACTION: SignedDuration = SignedDuration::from_secs(1);
/// For how long the time that was heard is taken for the time it is.
const FRESH: Duration = Duration::from_millis(500);

/// A day being read.
struct Day {
    date: Date,
    asked: Request,
    proof: Proof,
    /// How many actions the last answer counted; where it did not, one more than those before it, until none come.
    total: u64,
    /// The most that any answer counted.
    most_counted: u64,
    /// An answer did not count: nothing can be proven.
    is_silent: bool,
    /// The most bytes that a row of a page took in the mean.
    row_bytes: u64,
    /// How many rows the server gives at once, as far as it has shown.
    most: u64,
    /// What the server's clock showed at the last answer; `None` when it does not tell.
    heard: Option<Timestamp>,
    /// Pages that are sent when there is time for it.
    unsent: Vec<(String, Answer)>,
}

/// Reads a day. As many different actions as there are is all of them, so one reading may be enough; two that agree may
/// both have missed the same. `is_known` is false where nothing tells which dialect the server speaks, since it has no
/// actions at all: if this day has none either, there is nothing whose ends would have to be proven.
pub(crate) async fn read(errand: &mut Errand<'_>, date: Date, is_known: bool) -> Result<Tally, Refusal> {
    let mut day = Day::of(errand, date)?;
    let least = u64::from(errand.opencast.page_size);
    let mut limit = least;
    for reading in 1..=READINGS {
        let before = day.proof.came();
        day.read(errand, reading, limit).await?;
        if day.proof.is_read() && !(day.is_silent && day.proof.came() > before) {
            break;
        }
        limit = day.limit(least);
        info!(job.id = %errand.job.id, reading, "not all user actions of {date} came, the day is read again");
    }
    if !is_known && day.proof.came() == 0 {
        return Ok(Tally::all(0));
    }
    if day.is_silent {
        return Ok(day.untold());
    }
    for turn in 1..=TURNS {
        let before = day.proof.came();
        if day.proof.is_whole() {
            break;
        }
        debug!(job.id = %errand.job.id, turn, "the turn of the minute is waited for");
        day.turn(errand, turn).await?;
        if day.heard.is_some() && !day.proof.is_over() && !day.proof.is_whole() {
            // What was added since the reading was counted at the turn, too.
            day.read(errand, READINGS + turn, day.limit(least)).await?;
        }
        // What an earlier second counted and a slow page lost may come at the turn; what does not will not.
        if day.heard.is_none() || day.proof.misses() && day.proof.came() == before {
            break;
        }
    }
    Ok(day.proof.tally(day.heard.is_some()))
}

impl Day {
    fn of(errand: &Errand<'_>, date: Date) -> Result<Self, Refusal> {
        let zone = &errand.opencast.timezone;
        let midnight = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).ok();
        let begin = midnight(date).ok_or_else(unreachable)?;
        let end = date.tomorrow().ok().and_then(midnight).ok_or_else(unreachable)?;
        Ok(Self {
            date,
            asked: Request::of(Endpoint::Actions).with("day", window::day(date)),
            proof: Proof::of(begin, end, clock::now()),
            total: 0,
            most_counted: 0,
            is_silent: false,
            row_bytes: 1,
            most: u64::MAX,
            heard: None,
            unsent: Vec::new(),
        })
    }

    /// How many rows to ask for at once. On one page nothing can fall between two. Of a day too large for one, large pages
    /// would only take memory.
    fn limit(&self, least: u64) -> u64 {
        let page = self.on_one_page();
        if page >= self.total { page.max(least) } else { least }
    }

    /// Reads the day once.
    async fn read(&mut self, errand: &mut Errand<'_>, reading: u32, limit: u64) -> Result<(), Refusal> {
        let mut offset = 0;
        for number in 1..=MAX_PAGES {
            let before = self.proof.came();
            let rows = self.page(errand, format!("{reading}.{number}"), limit, offset).await?;
            self.send(errand).await?;
            let end = offset + rows;
            offset += stride(rows, reading > 1);
            let came = self.proof.came();
            // Without a count, the same page again and again would never end.
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

    /// Reads one page; returns how many rows it has. It is kept when it brings something new.
    async fn page(
        &mut self,
        errand: &mut Errand<'_>,
        part: String,
        limit: u64,
        offset: u64,
    ) -> Result<u64, Refusal> {
        let answer = self.ask(errand, limit, offset).await?;
        let page = read_page(&answer)?;
        let rows = page.rows.len() as u64;
        self.total = page.total.unwrap_or(offset + rows + u64::from(rows > 0));
        match page.total {
            Some(total) => {
                self.proof.counted(answer.served, total);
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
            news |= self.proof.note(id, created, row.get());
        }
        if news {
            self.unsent.push((part, answer));
        }
        Ok(rows)
    }

    /// What came of a day whose answers do not say how many actions there are.
    fn untold(&self) -> Tally {
        let text = "the server does not say how many user actions a day has (no total), so nothing proves that all came; is OPENCAST_DIALECT=upstream right?";
        let doubt = Some(Cause::new(CauseClass::NotReadyExpired, text));
        Tally { promised: None, got: self.proof.came(), doubt }
    }

    async fn ask(&mut self, errand: &mut Errand<'_>, limit: u64, offset: u64) -> Result<Answer, Refusal> {
        let answer = errand.get(&self.asked.clone().with("limit", limit).with("offset", offset)).await?;
        self.heard = answer.served.map(|served| served.before);
        Ok(answer)
    }

    async fn send(&mut self, errand: &mut Errand<'_>) -> Result<(), Refusal> {
        for (part, answer) in std::mem::take(&mut self.unsent) {
            send_page(errand, self.date, &part, &answer, &read_page(&answer)?).await?;
        }
        Ok(())
    }

    /// Waits for the turn of the minute, if the server tells the time, and reads the ends that are not proven. What they
    /// bring is sent afterwards: a second is short.
    async fn turn(&mut self, errand: &mut Errand<'_>, turn: u32) -> Result<(), Refusal> {
        for end in [End::Last, End::First] {
            if (self.proof.misses() || !self.proof.has(end)) && self.wait(errand, end.second()).await? {
                self.look(errand, end, turn).await?;
            }
        }
        self.send(errand).await
    }

    /// Waits until the server's clock shows a second of its minute; false when it does not come to that.
    async fn wait(&mut self, errand: &mut Errand<'_>, second: i64) -> Result<bool, Refusal> {
        let dates = errand.opencast.client.dates();
        for _ in 0..PROBES {
            let (Some(_), Some((said, at))) = (self.heard, dates.heard()) else { return Ok(false) };
            let left = (second - said.as_second()).rem_euclid(60);
            if left == 0 && at.elapsed() < FRESH {
                return Ok(true);
            }
            // By now it is at least so late there, and at most a second later.
            let gone = SignedDuration::try_from(at.elapsed()).unwrap_or_default();
            let left = SignedDuration::from_secs(left) - FRACTION - gone;
            tokio::time::sleep(Duration::try_from(left).unwrap_or_default().max(PROBE)).await;
            let _asking = dates.asking.lock().await;
            // Another day has asked meanwhile.
            if dates.heard().is_some_and(|(_, heard)| heard > at) {
                continue;
            }
            let answer = self.ask(errand, 1, 0).await?;
            self.total = read_page(&answer)?.total.unwrap_or(0);
            self.proof.counted(answer.served, self.total);
        }
        Ok(false)
    }

    /// Reads one end as long as the server's clock shows its second: where it is when there is an order after all, oldest
    /// first or newest first, and as much of the day as one page may hold.
    async fn look(&mut self, errand: &mut Errand<'_>, end: End, turn: u32) -> Result<(), Refusal> {
        let least = u64::from(errand.opencast.page_size);
        for number in 1..=LOOKS {
            let page = self.on_one_page().max(least);
            let is_large = page < self.total;
            let limit = if number == 1 || is_large && number == 2 { least } else { page };
            let is_last = (end == End::Last) != (is_large && number % 2 == 0);
            let offset = if is_last { self.total.saturating_sub(limit) } else { 0 };
            self.page(errand, format!("{end:?}{turn}.{number}").to_lowercase(), limit, offset).await?;
            let unsent: usize = self.unsent.iter().map(|(_, answer)| answer.body.get().len()).sum();
            if unsent > MOST_UNSENT {
                self.send(errand).await?;
            }
            let shows = self.heard.map(|said| said.as_second().rem_euclid(60));
            if self.proof.has(end) || shows != Some(end.second()) {
                break;
            }
        }
        Ok(())
    }

    /// How many rows to ask for so that the day, and what is added meanwhile, is one page, if one may be so large.
    fn on_one_page(&self) -> u64 {
        (self.total + self.total / 10 + 100).min(PAGE_BYTES / self.row_bytes).min(self.most)
    }
}
