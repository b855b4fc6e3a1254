//! The state machine of an account's quota: rates, the day's count, shares, pauses. One and the same in a process
//! of its own and for a fleet. Pure: both clocks are handed in.

mod orders;
mod told;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use self::told::Doubts;
use super::book::DayCount;
use super::news::{grouped, paused};
use super::pace::Bucket;
use super::way::Way;
use super::{Account, Book, Meter, MeterNews, News, Order, Pace, Pause};

/// Seconds of calls that are counted ahead, so that a crash never leaves too low a count behind.
const AHEAD: f64 = 1.0;

/// The two clocks: one that never goes back, in seconds, and the time of day of this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Now {
    pub(crate) seconds: f64,
    pub(crate) time: Timestamp,
}

/// What comes of asking for a token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Draw {
    /// One call may be made.
    Granted,
    /// Ask again after this time.
    Wait(Duration),
    /// The count has to be kept first.
    Unkept,
    /// None for now. `until` is by this machine's clock.
    Held(Pause),
}

/// An account's quota.
#[derive(Debug)]
pub(crate) struct Ledger {
    account: Account,
    book: Book,
    paces: Vec<Pace>,
    buckets: Vec<Bucket>,
    /// The count that is kept: it is not gone beyond. `None` where nothing is kept.
    kept: Option<u64>,
    /// Something else than the count has changed since it was kept.
    changed: bool,
    /// What the API has said once; it counts when it is said again.
    doubts: Doubts,
    /// How far away the fleet is.
    way: Way,
}

impl Ledger {
    /// Goes on with what was kept. The buckets are empty.
    pub(crate) fn new(account: Account, book: Book, now: Now) -> Self {
        let buckets = vec![Bucket::empty(now.seconds); account.meters.len()];
        let (kept, way) = (Some(book.used), Way::new(f64::from(book.room_ms) / 1e3));
        let (paces, doubts) = (Vec::new(), Doubts::default());
        let mut ledger = Self { kept, account, book, paces, buckets, changed: true, doubts, way };
        ledger.pace();
        ledger.turn(now);
        ledger
    }

    /// Begins anew, for a process of its own: nothing is kept.
    pub(crate) fn unkept(account: Account, now: Now) -> Self {
        Self { kept: None, ..Self::new(account, Book::default(), now) }
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn pace_of(&self, meter: usize) -> Pace {
        self.paces[meter]
    }

    /// Asks for a token of a meter.
    pub(crate) fn draw(&mut self, meter: usize, now: Now) -> Draw {
        self.turn(now);
        if let Some(pause) = self.pause_of(meter, now) {
            return Draw::Held(pause);
        }
        let daily = self.account.meters[meter].daily;
        if daily && self.kept.is_some_and(|kept| self.book.used >= kept) {
            return Draw::Unkept;
        }
        match self.buckets[meter].take(&self.paces[meter], now.seconds) {
            Ok(()) => {
                self.book.used = self.book.used.saturating_add(u64::from(daily));
                Draw::Granted
            }
            Err(wait) => Draw::Wait(wait),
        }
    }

    /// Tokens were not used. Those that came back `at_once` are given out again, as if they had never been. Other processes
    /// name the numbers: they may be any.
    pub(crate) fn give_back(&mut self, meter: usize, count: u64, at_once: bool) {
        let (Some(of), Some(bucket)) = (self.account.meters.get(meter), self.buckets.get_mut(meter)) else {
            return;
        };
        if of.daily {
            self.book.used = self.book.used.saturating_sub(count);
        }
        if at_once {
            bucket.put_back(&self.paces[meter], count);
        }
    }

    /// What has to be kept now, if anything: the book, with the count of the next moment added.
    pub(crate) fn to_keep(&self) -> Option<Book> {
        let ahead = self.ahead();
        let short = self.kept? < self.book.used.saturating_add(ahead / 2);
        (self.changed || short)
            .then(|| Book { used: self.book.used.saturating_add(ahead), ..self.book.clone() })
    }

    /// `book` is being kept: what changes from now on has to be kept again.
    pub(crate) fn keeping(&mut self) {
        self.changed = false;
    }

    /// `book` is safe.
    pub(crate) fn has_kept(&mut self, book: &Book) {
        if book.day == self.book.day {
            self.kept = Some(book.used);
        }
    }

    /// Keeping failed: it is still to be done.
    pub(crate) fn has_not_kept(&mut self) {
        self.changed = true;
    }

    /// The book with its exact count, to end with.
    pub(crate) fn close(&self) -> Book {
        self.book.clone()
    }

    /// Does what is ordered; a refusal says what is wrong with it.
    pub(crate) fn obey(&mut self, order: Order, now: Now) -> Result<(), String> {
        self.turn(now);
        let before = self.book.clone();
        match order {
            Order::Show => {}
            Order::Set { shares, reserve } => self.set(shares, reserve)?,
            Order::Pause { meters, pause } => self.pause(meters, &pause, now)?,
            Order::Resume { meters } => self.resume(meters)?,
            Order::Observed { used, day, skew_ms } => {
                self.learn_skew(skew_ms, now);
                self.learn_used(used, day, now);
            }
            Order::Spent { until } => self.spend(until, now),
        }
        self.changed |= before != self.book;
        self.pace();
        Ok(())
    }

    /// Takes note of how far away the farthest process is, in seconds there and back; `None` when none is known.
    pub(crate) fn hear_way(&mut self, farthest: Option<f64>, now: Now) {
        if self.way.note(farthest, now.seconds) {
            let room_ms = (self.way.room * 1e3).ceil() as u32;
            self.changed |= room_ms != self.book.room_ms;
            self.book.room_ms = room_ms;
            self.pace();
        }
    }

    /// How things stand.
    pub(crate) fn news(&mut self, waiting: u64, now: Now) -> News {
        self.turn(now);
        let meters = self.account.meters.iter().enumerate().map(|(place, meter)| MeterNews {
            name: meter.name.to_owned(),
            share: self.share(place),
            per_minute: self.paces[place].rate * 60.0,
            used: meter.daily.then_some(self.book.used),
            allowed: meter.daily.then(|| self.allowed(place)),
            pause: self.pause_of(place, now),
        });
        News {
            source: self.account.source.to_owned(),
            account: self.account.label.clone(),
            at: now.time,
            day: self.book.day,
            reserve: self.reserve(),
            meters: meters.collect(),
            waiting,
            keeper: Some(std::process::id()),
            skew_ms: self.book.skew_ms,
        }
    }

    /// Why a meter gives nothing, if so.
    fn pause_of(&self, meter: usize, now: Now) -> Option<Pause> {
        let Meter { name, daily, .. } = &self.account.meters[meter];
        if let Some(pause) = self.book.pauses.get(*name) {
            return Some(pause.clone());
        }
        if !daily {
            return None;
        }
        let mut counts = format!("{} of {} used", grouped(self.book.used), grouped(self.allowed(meter)));
        if self.book.uncounted > 0 {
            let _ = write!(counts, ", {} of them by the API's word", grouped(self.book.uncounted));
        }
        if self.book.used >= self.allowed(meter) {
            let why = format!("daily limit, {counts}");
            return Some(Pause { until: Some(self.local(self.midnight(), now)), why });
        }
        let until = self.book.spent_until?;
        let why = format!("daily limit, spent says the API, by our count {counts}");
        Some(Pause { until: Some(self.local(until, now)), why })
    }

    fn allowed(&self, meter: usize) -> u64 {
        // The small addend keeps binary fractions from losing a call.
        let share = (self.account.per_day as f64 * self.share(meter) + 1e-6) as u64;
        share.min(self.account.per_day.saturating_sub(self.reserve()))
    }

    fn reserve(&self) -> u64 {
        self.book.reserve.unwrap_or(self.account.reserve)
    }

    fn share(&self, meter: usize) -> f64 {
        self.book.shares.get(self.account.meters[meter].name).copied().unwrap_or(self.account.share)
    }

    fn pace(&mut self) {
        let paces = self.account.meters.iter().enumerate();
        let pace =
            |(place, meter): (usize, &Meter)| Pace::new(meter, self.share(place)).for_way(meter, &self.way);
        self.paces = paces.map(pace).collect();
    }

    fn ahead(&self) -> u64 {
        let daily = self.account.meters.iter().zip(&self.paces).filter(|(meter, _)| meter.daily);
        (daily.map(|(_, pace)| pace.rate * AHEAD + pace.depth).sum::<f64>()).ceil() as u64
    }

    /// Ends what is over: the day, pauses.
    fn turn(&mut self, now: Now) {
        let today = Offset::UTC.to_datetime(self.api(now.time)).date();
        let yesterday = self.book.day.yesterday().unwrap_or(Date::MIN);
        // A clock that is put back by a little does not begin the day anew.
        if today > self.book.day || today < yesterday {
            let Book { day, used, uncounted, .. } = self.book;
            let before =
                (day == today.yesterday().unwrap_or(today)).then_some(DayCount { day, used, uncounted });
            self.begin_day(DayCount { day: today, used: 0, uncounted: 0 }, before);
        }
        let time = self.api(now.time);
        self.book.spent_until = self.book.spent_until.filter(|until| *until > time);
        self.book.pauses.retain(|_, pause| pause.until.is_none_or(|until| until > now.time));
    }

    /// The API's clock shows the day that has ended by ours: it goes on, with what was counted since.
    fn take_back(&mut self, now: Now) {
        let today = Offset::UTC.to_datetime(self.api(now.time)).date();
        if let Some(before) = self.book.before.filter(|before| before.day == today) {
            let used = before.used.saturating_add(self.book.used);
            let uncounted = before.uncounted.saturating_add(self.book.uncounted);
            self.begin_day(DayCount { used, uncounted, ..before }, None);
        }
    }

    fn begin_day(&mut self, count: DayCount, before: Option<DayCount>) {
        let DayCount { day, used, uncounted } = count;
        self.book = Book { day, used, uncounted, before, spent_until: None, ..self.book.clone() };
        (self.kept, self.changed) = (self.kept.map(|_| 0), true);
    }

    /// A time of this machine by the API's clock.
    fn api(&self, time: Timestamp) -> Timestamp {
        time.checked_add(SignedDuration::from_millis(self.book.skew_ms)).unwrap_or(time)
    }

    /// A time by the API's clock by this machine's; never one that has passed.
    fn local(&self, time: Timestamp, now: Now) -> Timestamp {
        time.checked_sub(SignedDuration::from_millis(self.book.skew_ms)).unwrap_or(time).max(now.time)
    }

    /// When the day began, by the API's clock.
    fn begin(&self) -> Timestamp {
        Offset::UTC.to_timestamp(self.book.day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MIN)
    }

    fn midnight(&self) -> Timestamp {
        let tomorrow = self.book.day.checked_add(1.day()).unwrap_or(Date::MAX);
        Offset::UTC.to_timestamp(tomorrow.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
    }
}

/// What a job is told that has to wait for a pause to end.
pub(crate) fn hold(account: &Account, meter: usize, pause: &Pause) -> crate::Failure {
    let why = paused(account.meters[meter].name, pause);
    crate::Failure::Hold { until: pause.until, why, meter: Some(meter) }
}

#[cfg(test)]
mod tests;
