//! The state machine of an account's quota: rates, the day's count, shares, pauses. The same for a single process and
//! for a fleet. Pure: both clocks are passed in.

mod commands;
mod observations;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use self::observations::Unconfirmed;
use super::latency::LatencyAllowance;
use super::pace::Bucket;
use super::state::DayCount;
use super::status::{grouped, paused};
use super::{Account, LimitStatus, Pace, Pause, QuotaCommand, QuotaState, QuotaStatus, RateLimit};

/// Seconds of calls that are persisted in advance, so that a crash never leaves too low a count.
const AHEAD: f64 = 1.0;

/// The two clocks: a monotonic one in seconds, and this machine's time of day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Now {
    pub(crate) seconds: f64,
    pub(crate) time: Timestamp,
}

/// The result of a request for one token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Draw {
    /// One call may be made.
    Granted,
    /// Ask again after this time.
    Wait(Duration),
    /// The count must be persisted first.
    NeedsPersist,
    /// The limit is paused. `until` is by this machine's clock.
    Held(Pause),
}

/// An account's quota.
#[derive(Debug)]
pub(crate) struct Ledger {
    account: Account,
    state: QuotaState,
    paces: Vec<Pace>,
    buckets: Vec<Bucket>,
    /// The persisted count, which is never exceeded. `None` in memory.
    kept: Option<u64>,
    /// Something other than the count has changed since it was persisted.
    changed: bool,
    /// Observations that count only when they are repeated.
    unconfirmed: Unconfirmed,
    /// The delay of tokens that the rates allow for.
    latency: LatencyAllowance,
}

impl Ledger {
    /// Continues with a persisted state. The buckets are empty.
    pub(crate) fn new(account: Account, state: QuotaState, now: Now) -> Self {
        let buckets = vec![Bucket::empty(now.seconds); account.limits.len()];
        let (kept, latency) = (Some(state.used), LatencyAllowance::new(f64::from(state.room_ms) / 1e3));
        let (paces, unconfirmed) = (Vec::new(), Unconfirmed::default());
        let mut ledger = Self { kept, account, state, paces, buckets, changed: true, unconfirmed, latency };
        ledger.pace();
        ledger.turn(now);
        ledger
    }

    /// Starts with an empty state that is never persisted.
    pub(crate) fn in_memory(account: Account, now: Now) -> Self {
        Self { kept: None, ..Self::new(account, QuotaState::default(), now) }
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn pace_of(&self, limit: usize) -> Pace {
        self.paces[limit]
    }

    /// Asks for a token of a limit.
    pub(crate) fn draw(&mut self, limit: usize, now: Now) -> Draw {
        self.turn(now);
        if let Some(pause) = self.pause_of(limit, now) {
            return Draw::Held(pause);
        }
        let daily = self.account.limits[limit].daily;
        if daily && self.kept.is_some_and(|kept| self.state.used >= kept) {
            return Draw::NeedsPersist;
        }
        match self.buckets[limit].take(&self.paces[limit], now.seconds) {
            Ok(()) => {
                self.state.used = self.state.used.saturating_add(u64::from(daily));
                Draw::Granted
            }
            Err(wait) => Draw::Wait(wait),
        }
    }

    /// Returns unused tokens to the day's count, and with `at_once` also to the bucket. Tolerates any numbers, since
    /// they come from other processes.
    pub(crate) fn give_back(&mut self, limit: usize, count: u64, at_once: bool) {
        let (Some(of), Some(bucket)) = (self.account.limits.get(limit), self.buckets.get_mut(limit)) else {
            return;
        };
        if of.daily {
            self.state.used = self.state.used.saturating_sub(count);
        }
        if at_once {
            bucket.put_back(&self.paces[limit], count);
        }
    }

    /// Returns the state if it must be persisted now, with the calls of the next second added.
    pub(crate) fn to_persist(&self) -> Option<QuotaState> {
        let ahead = self.ahead();
        let short = self.kept? < self.state.used.saturating_add(ahead / 2);
        (self.changed || short)
            .then(|| QuotaState { used: self.state.used.saturating_add(ahead), ..self.state.clone() })
    }

    /// Records that persisting has begun: later changes must be persisted again.
    pub(crate) fn persisting(&mut self) {
        self.changed = false;
    }

    /// Records that `state` is persisted.
    pub(crate) fn persisted(&mut self, state: &QuotaState) {
        if state.day == self.state.day {
            self.kept = Some(state.used);
        }
    }

    /// Records that persisting failed and must be repeated.
    pub(crate) fn persist_failed(&mut self) {
        self.changed = true;
    }

    /// Returns the state with the exact count.
    pub(crate) fn close(&self) -> QuotaState {
        self.state.clone()
    }

    /// Executes a command. The error is the reason of a refusal.
    pub(crate) fn execute(&mut self, command: QuotaCommand, now: Now) -> Result<(), String> {
        self.turn(now);
        let before = self.state.clone();
        match command {
            QuotaCommand::Show => {}
            QuotaCommand::Set { shares, reserve } => self.set(shares, reserve)?,
            QuotaCommand::Pause { limits, pause } => self.pause(limits, &pause, now)?,
            QuotaCommand::Resume { limits } => self.resume(limits)?,
            QuotaCommand::Observed { used, day, skew_ms } => {
                self.learn_skew(skew_ms, now);
                self.learn_used(used, day, now);
            }
            QuotaCommand::Spent { until } => self.spend(until, now),
        }
        self.changed |= before != self.state;
        self.pace();
        Ok(())
    }

    /// Records the largest minimum round-trip time of the fleet, in seconds; `None` when none is known.
    pub(crate) fn observe_latency(&mut self, farthest: Option<f64>, now: Now) {
        if self.latency.note(farthest, now.seconds) {
            let room_ms = (self.latency.room * 1e3).ceil() as u32;
            self.changed |= room_ms != self.state.room_ms;
            self.state.room_ms = room_ms;
            self.pace();
        }
    }

    /// Returns the status.
    pub(crate) fn status(&mut self, waiting: u64, now: Now) -> QuotaStatus {
        self.turn(now);
        let limits = self.account.limits.iter().enumerate().map(|(place, limit)| LimitStatus {
            name: limit.name.to_owned(),
            share: self.share(place),
            per_minute: self.paces[place].rate * 60.0,
            used: limit.daily.then_some(self.state.used),
            allowed: limit.daily.then(|| self.allowed(place)),
            pause: self.pause_of(place, now),
        });
        QuotaStatus {
            source: self.account.source.to_owned(),
            account: self.account.label.clone(),
            at: now.time,
            day: self.state.day,
            reserve: self.reserve(),
            limits: limits.collect(),
            waiting,
            leader_pid: Some(std::process::id()),
            skew_ms: self.state.skew_ms,
        }
    }

    /// Returns the pause of a limit, if it is paused.
    fn pause_of(&self, limit: usize, now: Now) -> Option<Pause> {
        let RateLimit { name, daily, .. } = &self.account.limits[limit];
        if let Some(pause) = self.state.pauses.get(*name) {
            return Some(pause.clone());
        }
        if !daily {
            return None;
        }
        let mut counts = format!("{} of {} used", grouped(self.state.used), grouped(self.allowed(limit)));
        if self.state.uncounted > 0 {
            let _ = write!(counts, ", {} of them by the API's word", grouped(self.state.uncounted));
        }
        if self.state.used >= self.allowed(limit) {
            let why = format!("daily limit, {counts}");
            return Some(Pause { until: Some(self.local(self.midnight(), now)), why });
        }
        let until = self.state.spent_until?;
        let why = format!("daily limit, spent says the API, by our count {counts}");
        Some(Pause { until: Some(self.local(until, now)), why })
    }

    fn allowed(&self, limit: usize) -> u64 {
        // The addend compensates for rounding errors that would lose a call.
        let share = (self.account.per_day as f64 * self.share(limit) + 1e-6) as u64;
        share.min(self.account.per_day.saturating_sub(self.reserve()))
    }

    fn reserve(&self) -> u64 {
        self.state.reserve.unwrap_or(self.account.reserve)
    }

    fn share(&self, limit: usize) -> f64 {
        self.state.shares.get(self.account.limits[limit].name).copied().unwrap_or(self.account.share)
    }

    fn pace(&mut self) {
        let paces = self.account.limits.iter().enumerate();
        let pace = |(place, limit): (usize, &RateLimit)| {
            Pace::new(limit, self.share(place)).for_latency(limit, &self.latency)
        };
        self.paces = paces.map(pace).collect();
    }

    fn ahead(&self) -> u64 {
        let daily = self.account.limits.iter().zip(&self.paces).filter(|(limit, _)| limit.daily);
        (daily.map(|(_, pace)| pace.rate * AHEAD + pace.depth).sum::<f64>()).ceil() as u64
    }

    /// Ends what has expired: the day, pauses.
    fn turn(&mut self, now: Now) {
        let today = Offset::UTC.to_datetime(self.api(now.time)).date();
        let yesterday = self.state.day.yesterday().unwrap_or(Date::MIN);
        // If the clock is set back a little, the day does not start again.
        if today > self.state.day || today < yesterday {
            let QuotaState { day, used, uncounted, .. } = self.state;
            let before =
                (day == today.yesterday().unwrap_or(today)).then_some(DayCount { day, used, uncounted });
            self.begin_day(DayCount { day: today, used: 0, uncounted: 0 }, before);
        }
        let time = self.api(now.time);
        self.state.spent_until = self.state.spent_until.filter(|until| *until > time);
        self.state.pauses.retain(|_, pause| pause.until.is_none_or(|until| until > now.time));
    }

    /// Returns to the previous day, with the calls counted since, if the API's clock still shows that day.
    fn take_back(&mut self, now: Now) {
        let today = Offset::UTC.to_datetime(self.api(now.time)).date();
        if let Some(before) = self.state.before.filter(|before| before.day == today) {
            let used = before.used.saturating_add(self.state.used);
            let uncounted = before.uncounted.saturating_add(self.state.uncounted);
            self.begin_day(DayCount { used, uncounted, ..before }, None);
        }
    }

    fn begin_day(&mut self, count: DayCount, before: Option<DayCount>) {
        let DayCount { day, used, uncounted } = count;
        self.state = QuotaState { day, used, uncounted, before, spent_until: None, ..self.state.clone() };
        (self.kept, self.changed) = (self.kept.map(|_| 0), true);
    }

    /// Converts a time of this machine to the API's clock.
    fn api(&self, time: Timestamp) -> Timestamp {
        time.checked_add(SignedDuration::from_millis(self.state.skew_ms)).unwrap_or(time)
    }

    /// Converts a time of the API's clock to this machine's; at least now.
    fn local(&self, time: Timestamp, now: Now) -> Timestamp {
        time.checked_sub(SignedDuration::from_millis(self.state.skew_ms)).unwrap_or(time).max(now.time)
    }

    /// The begin of the day, by the API's clock.
    fn begin(&self) -> Timestamp {
        Offset::UTC.to_timestamp(self.state.day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MIN)
    }

    fn midnight(&self) -> Timestamp {
        let tomorrow = self.state.day.checked_add(1.day()).unwrap_or(Date::MAX);
        Offset::UTC.to_timestamp(tomorrow.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
    }
}

/// The failure of a job that must wait for the end of a pause.
pub(crate) fn hold(account: &Account, limit: usize, pause: &Pause) -> crate::Failure {
    let why = paused(account.limits[limit].name, pause);
    crate::Failure::Hold { until: pause.until, why, limit: Some(limit) }
}

#[cfg(test)]
mod tests;
