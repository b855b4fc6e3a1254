//! Tells one call's trouble from an outage of the API: so many calls in a row, of whatever job, without an answer.
//! Pure: the time is handed in. Must not know what the calls ask for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::{Failure, Refusal};

/// From so many failures in a row on, the API is out and the jobs are innocent.
const ENOUGH: u32 = 10;
/// How long nothing is asked once the API is out; doubles with every trial that fails.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// Failures in a row, over all calls of the process to one API.
#[derive(Debug)]
pub struct Outage {
    /// What the API is called.
    api: &'static str,
    row: Mutex<Row>,
}

#[derive(Debug)]
struct Row {
    failures: u32,
    since: Timestamp,
    /// What the last of them was.
    what: String,
    try_at: Timestamp,
    pause: SignedDuration,
}

/// Leave to make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// As ever.
    Usual,
    /// The one call that finds out whether an outage is over.
    Trial,
}

impl Outage {
    /// No failures yet of the API called `api`.
    pub fn of(api: &'static str) -> Self {
        Self { api, row: Mutex::default() }
    }

    /// Leave to make a call; during an outage one now and then, and a hold for all others.
    ///
    /// # Errors
    /// The hold.
    pub fn ask(&self, now: Timestamp) -> Result<Leave, Failure> {
        let mut row = self.row();
        if row.failures < ENOUGH {
            return Ok(Leave::Usual);
        }
        if now < row.try_at {
            return Err(row.hold(self.api));
        }
        row.rest(now);
        Ok(Leave::Trial)
    }

    /// Whether [`Outage::ask`] would give leave.
    pub fn gives_leave(&self, now: Timestamp) -> bool {
        let row = self.row();
        row.failures < ENOUGH || now >= row.try_at
    }

    /// Ends the pause, by order: the next call is a trial.
    pub fn try_now(&self) {
        let mut row = self.row();
        (row.try_at, row.pause) = (Timestamp::UNIX_EPOCH, FIRST_PAUSE);
    }

    /// There was an answer, though it may have been a refusal.
    pub fn answered(&self) {
        let mut row = self.row();
        if row.failures > 0 {
            *row = Row::default();
        }
    }

    /// There was no answer; returns what befalls the job.
    pub fn failed(&self, leave: Leave, failure: Failure, now: Timestamp) -> Failure {
        let mut row = self.row();
        if row.failures == 0 {
            row.since = now;
        }
        row.failures = row.failures.saturating_add(1);
        if let Failure::Retry { cause, .. } = &failure {
            row.what.clone_from(&cause.text);
        }
        if row.failures < ENOUGH {
            return failure;
        }
        if row.failures == ENOUGH {
            row.rest(now);
        }
        match leave {
            Leave::Usual => row.hold(self.api),
            // A trial costs an attempt, or jobs that can only fail would hold the others for ever once they are alone.
            Leave::Trial => {
                row.pause = row.pause.saturating_mul(2).min(LONGEST_PAUSE);
                row.rest(now);
                failure
            }
        }
    }

    /// What a refusal comes to in the light of the calls before it; `is_trouble` where it was no answer at all. A hold for
    /// want of a connection is one already.
    pub fn weigh<R>(
        &self,
        leave: Leave,
        refusal: Refusal<R>,
        is_trouble: bool,
        now: Timestamp,
    ) -> Refusal<R> {
        let Refusal { reason, failure } = refusal;
        let failure = match failure {
            Failure::Hold { .. } => failure,
            _ if is_trouble => self.failed(leave, failure, now),
            _ => {
                self.answered();
                failure
            }
        };
        Refusal { reason, failure }
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        // A count survives the panic of somebody who held it.
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Row {
    fn default() -> Self {
        Self {
            failures: 0,
            since: Timestamp::UNIX_EPOCH,
            what: String::new(),
            try_at: Timestamp::UNIX_EPOCH,
            pause: FIRST_PAUSE,
        }
    }
}

impl Row {
    fn rest(&mut self, now: Timestamp) {
        self.try_at = now.saturating_add(self.pause).unwrap_or(now);
    }

    fn hold(&self, api: &str) -> Failure {
        let since = Offset::UTC.to_datetime(self.since).strftime("%H:%M").to_string();
        let why = format!("{api} answers nothing but errors ({}) since {since} UTC", self.what);
        Failure::hold(None, why)
    }
}

#[cfg(test)]
mod tests {
    use messages::{Cause, CauseClass};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        "2026-01-02T03:04:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
    }

    fn trouble() -> Failure {
        Failure::retry(Cause::new(CauseClass::AttemptsSpent, "GET /users answered 503"))
    }

    fn fail(outage: &Outage, times: u32) {
        for _ in 0..times {
            let leave = outage.ask(at(0)).unwrap();
            outage.failed(leave, trouble(), at(0));
        }
    }

    #[test]
    fn the_tenth_failure_in_a_row_is_an_outage() {
        let outage = Outage::of("zoom");
        fail(&outage, 9);
        assert!(outage.gives_leave(at(0)));
        let Failure::Hold { until: None, why, .. } = outage.failed(Leave::Usual, trouble(), at(90)) else {
            panic!("no hold");
        };
        assert_eq!(why, "zoom answers nothing but errors (GET /users answered 503) since 03:04 UTC");
        assert_eq!(outage.ask(at(91)), Err(Failure::hold(None, why)));
        assert!(!outage.gives_leave(at(91)));
    }

    #[test]
    fn an_order_ends_the_pause() {
        let outage = Outage::of("zoom");
        fail(&outage, 10);
        assert!(!outage.gives_leave(at(1)));
        outage.try_now();
        assert_eq!(outage.ask(at(1)), Ok(Leave::Trial));
        assert!(outage.ask(at(1)).is_err(), "one trial at a time");
    }

    #[test]
    fn an_answer_ends_the_row() {
        let outage = Outage::of("zoom");
        fail(&outage, 9);
        outage.answered();
        fail(&outage, 9);
        assert!(outage.ask(at(0)).is_ok());
        assert!(matches!(outage.failed(Leave::Usual, trouble(), at(0)), Failure::Hold { until: None, .. }));
        assert!(outage.ask(at(0)).is_err());
        outage.answered();
        assert_eq!(outage.ask(at(0)), Ok(Leave::Usual));
    }

    #[test]
    fn a_refusal_that_is_an_answer_ends_the_row_and_a_hold_is_left_as_it_is() {
        let outage = Outage::of("zoom");
        let weigh = |failure: Failure, is_trouble| {
            let refusal = Refusal { reason: (), failure };
            outage.weigh(Leave::Usual, refusal, is_trouble, at(0)).failure
        };
        let away = Failure::hold(None, "it cannot be reached".to_owned());
        for _ in 0..20 {
            assert_eq!(weigh(away.clone(), true), away);
        }
        fail(&outage, 9);
        assert_eq!(weigh(trouble(), false), trouble());
        fail(&outage, 9);
        assert!(matches!(weigh(trouble(), true), Failure::Hold { until: None, .. }));
    }

    #[test]
    fn one_call_finds_out_and_the_pauses_grow() {
        let outage = Outage::of("zoom");
        fail(&outage, 10);
        let (mut now, mut pauses) = (0, Vec::new());
        for _ in 0..10 {
            let pause = (1..).find(|pause| outage.gives_leave(at(now + pause))).unwrap();
            pauses.push(pause);
            now += pause;
            assert_eq!(outage.ask(at(now)), Ok(Leave::Trial));
            assert!(outage.ask(at(now)).is_err(), "one trial at a time");
            assert_eq!(outage.failed(Leave::Trial, trouble(), at(now)), trouble(), "a trial is an attempt");
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }
}
