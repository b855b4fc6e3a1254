//! A circuit breaker over all calls of the process to one API: after 10 failed calls in a row the API is considered
//! down. Pure: the time is passed in. Independent of what the calls fetch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::{CallError, Failure};

/// Failures in a row that open the breaker.
const ENOUGH: u32 = 10;
/// First pause while the breaker is open; doubles with every failed probe.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// Counts failures in a row and pauses all calls when there are too many.
#[derive(Debug)]
pub struct CircuitBreaker {
    /// The API's name in messages.
    api: &'static str,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    failures: u32,
    since: Timestamp,
    /// The text of the last failure.
    what: String,
    try_at: Timestamp,
    pause: SignedDuration,
}

/// The permission to make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The breaker is closed.
    Normal,
    /// The breaker is half open: the result of this call closes or opens it.
    Probe,
}

impl CircuitBreaker {
    /// Creates a closed breaker for the API named `api`.
    pub fn of(api: &'static str) -> Self {
        Self { api, state: Mutex::default() }
    }

    /// Admits a call. While the breaker is open, it admits one probe per pause and holds all other calls.
    ///
    /// # Errors
    /// [`Failure::Hold`] while the breaker is open.
    pub fn admit(&self, now: Timestamp) -> Result<Admission, Failure> {
        let mut state = self.lock();
        if state.failures < ENOUGH {
            return Ok(Admission::Normal);
        }
        if now < state.try_at {
            return Err(state.hold(self.api));
        }
        state.rest(now);
        Ok(Admission::Probe)
    }

    /// Returns true when [`CircuitBreaker::admit`] would admit a call.
    pub fn would_admit(&self, now: Timestamp) -> bool {
        let state = self.lock();
        state.failures < ENOUGH || now >= state.try_at
    }

    /// Ends the pause: the next call is a probe.
    pub fn probe_now(&self) {
        let mut state = self.lock();
        (state.try_at, state.pause) = (Timestamp::UNIX_EPOCH, FIRST_PAUSE);
    }

    /// Records an answer, which may be an error of the API, and closes the breaker.
    pub fn answered(&self) {
        let mut state = self.lock();
        if state.failures > 0 {
            *state = State::default();
        }
    }

    /// Records a call without an answer; returns the outcome for the job.
    pub fn failed(&self, admission: Admission, failure: Failure, now: Timestamp) -> Failure {
        let mut state = self.lock();
        if state.failures == 0 {
            state.since = now;
        }
        state.failures = state.failures.saturating_add(1);
        if let Failure::Retry { cause, .. } = &failure {
            state.what.clone_from(&cause.text);
        }
        if state.failures < ENOUGH {
            return failure;
        }
        if state.failures == ENOUGH {
            state.rest(now);
        }
        match admission {
            Admission::Normal => state.hold(self.api),
            // A probe costs an attempt. Otherwise jobs that always fail would hold the others forever once they are
            // alone.
            Admission::Probe => {
                state.pause = state.pause.saturating_mul(2).min(LONGEST_PAUSE);
                state.rest(now);
                failure
            }
        }
    }

    /// Records the result of a failed call and returns its outcome for the job; `is_trouble` when there was no answer.
    /// A hold stays as it is.
    pub fn record<R>(
        &self,
        admission: Admission,
        error: CallError<R>,
        is_trouble: bool,
        now: Timestamp,
    ) -> CallError<R> {
        let CallError { reason, failure } = error;
        let failure = match failure {
            Failure::Hold { .. } => failure,
            _ if is_trouble => self.failed(admission, failure, now),
            _ => {
                self.answered();
                failure
            }
        };
        CallError { reason, failure }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The count stays valid after a panic of a thread that held the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for State {
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

impl State {
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

    fn fail(breaker: &CircuitBreaker, times: u32) {
        for _ in 0..times {
            let admission = breaker.admit(at(0)).unwrap();
            breaker.failed(admission, trouble(), at(0));
        }
    }

    #[test]
    fn the_tenth_failure_in_a_row_opens_the_breaker() {
        let breaker = CircuitBreaker::of("zoom");
        fail(&breaker, 9);
        assert!(breaker.would_admit(at(0)));
        let Failure::Hold { until: None, why, .. } = breaker.failed(Admission::Normal, trouble(), at(90))
        else {
            panic!("no hold");
        };
        assert_eq!(why, "zoom answers nothing but errors (GET /users answered 503) since 03:04 UTC");
        assert_eq!(breaker.admit(at(91)), Err(Failure::hold(None, why)));
        assert!(!breaker.would_admit(at(91)));
    }

    #[test]
    fn an_operator_ends_the_pause() {
        let breaker = CircuitBreaker::of("zoom");
        fail(&breaker, 10);
        assert!(!breaker.would_admit(at(1)));
        breaker.probe_now();
        assert_eq!(breaker.admit(at(1)), Ok(Admission::Probe));
        assert!(breaker.admit(at(1)).is_err(), "one probe at a time");
    }

    #[test]
    fn an_answer_closes_the_breaker() {
        let breaker = CircuitBreaker::of("zoom");
        fail(&breaker, 9);
        breaker.answered();
        fail(&breaker, 9);
        assert!(breaker.admit(at(0)).is_ok());
        assert!(matches!(
            breaker.failed(Admission::Normal, trouble(), at(0)),
            Failure::Hold { until: None, .. }
        ));
        assert!(breaker.admit(at(0)).is_err());
        breaker.answered();
        assert_eq!(breaker.admit(at(0)), Ok(Admission::Normal));
    }

    #[test]
    fn an_error_that_is_an_answer_closes_the_breaker_and_a_hold_stays() {
        let breaker = CircuitBreaker::of("zoom");
        let weigh = |failure: Failure, is_trouble| {
            let error = CallError { reason: (), failure };
            breaker.record(Admission::Normal, error, is_trouble, at(0)).failure
        };
        let away = Failure::hold(None, "it cannot be reached".to_owned());
        for _ in 0..20 {
            assert_eq!(weigh(away.clone(), true), away);
        }
        fail(&breaker, 9);
        assert_eq!(weigh(trouble(), false), trouble());
        fail(&breaker, 9);
        assert!(matches!(weigh(trouble(), true), Failure::Hold { until: None, .. }));
    }

    #[test]
    fn one_call_probes_and_the_pauses_grow() {
        let breaker = CircuitBreaker::of("zoom");
        fail(&breaker, 10);
        let (mut now, mut pauses) = (0, Vec::new());
        for _ in 0..10 {
            let pause = (1..).find(|pause| breaker.would_admit(at(now + pause))).unwrap();
            pauses.push(pause);
            now += pause;
            assert_eq!(breaker.admit(at(now)), Ok(Admission::Probe));
            assert!(breaker.admit(at(now)).is_err(), "one probe at a time");
            assert_eq!(
                breaker.failed(Admission::Probe, trouble(), at(now)),
                trouble(),
                "a probe is an attempt"
            );
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }
}
