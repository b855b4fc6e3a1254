//! State of a fleet limiter: waiting callers, sent requests, received tokens.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::Failure;
use crate::job_priority::JobPriority;
use crate::quota::clock_offset::ClockOffset;
use crate::quota::latency::MinRtt;
use crate::quota::wire::{Grant, TokenRequest};
use crate::quota::{Account, Pause, QuotaStatus, RateLimit};

/// Age at which a sent request no longer expects an answer.
const ANSWERED: Duration = Duration::from_secs(10);

/// The right to make one call within a short time.
#[derive(Debug)]
pub(super) struct Token {
    /// The leader's term of the grant.
    pub(super) term: u64,
    /// End of validity: later calls must not use the token.
    pub(super) good_until: Instant,
}

/// The rest of a grant that no caller received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) tokens: u64,
    pub(super) late: bool,
}

/// The channel to a waiting caller.
pub(super) type Caller = oneshot::Sender<Result<Token, Failure>>;

/// The callers that wait for one limit, next first.
#[derive(Debug)]
struct CallerQueue {
    /// True if jobs are served one after the other.
    is_slow: bool,
    callers: VecDeque<(JobPriority, Caller)>,
}

impl CallerQueue {
    /// Age of the next caller, for a slow limit.
    fn first(&self) -> Option<i64> {
        self.callers.front().filter(|_| self.is_slow).map(|(priority, _)| priority.age_ms())
    }
}

/// Where a caller joins the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueEnd {
    /// In front, because its token expired before use.
    First,
    Last,
}

#[derive(Debug)]
pub(super) struct State {
    rows: Vec<CallerQueue>,
    pub(super) request: TokenRequest,
    /// Serial numbers of sent requests with their times.
    sent: VecDeque<(u64, Instant)>,
    /// The minimum round-trip time to the leader; its clock is seconds since `began`.
    way: MinRtt,
    began: Instant,
    pub(super) status: Option<QuotaStatus>,
    /// Pauses by limit, with times of our clock.
    pub(super) pauses: Vec<Option<Pause>>,
    /// How far the leader's clock is ahead of ours.
    pub(super) offset: ClockOffset,
    /// Time of the leader's last message; initially the start.
    pub(super) heard: Instant,
}

impl State {
    pub(super) fn new(account: &Account) -> Self {
        let limits = account.limits.len();
        let zero = vec![0; limits];
        let row = |limit: &RateLimit| CallerQueue { is_slow: limit.is_slow(), callers: VecDeque::new() };
        let request = TokenRequest {
            waiting: zero.clone(),
            received: zero.clone(),
            returned: zero,
            ..TokenRequest::default()
        };
        Self {
            rows: account.limits.iter().map(row).collect(),
            request,
            sent: VecDeque::new(),
            way: MinRtt::default(),
            began: Instant::now(),
            status: None,
            pauses: vec![None; limits],
            offset: ClockOffset::default(),
            heard: Instant::now(),
        }
    }

    pub(super) fn line_up(&mut self, limit: usize, caller: Caller, place: QueueEnd) {
        let priority = JobPriority::current();
        let CallerQueue { is_slow, callers } = &mut self.rows[limit];
        let at = match place {
            QueueEnd::First => 0,
            QueueEnd::Last if *is_slow => callers.partition_point(|(other, _)| *other <= priority),
            QueueEnd::Last => callers.len(),
        };
        callers.insert(at, (priority, caller));
    }

    /// Removes and returns all callers of a limit.
    pub(super) fn dismiss(&mut self, limit: usize) -> impl Iterator<Item = Caller> {
        std::mem::take(&mut self.rows[limit].callers).into_iter().map(|(_, caller)| caller)
    }

    /// Updates the request; callers that gave up do not count.
    pub(super) fn count_callers(&mut self) {
        for (row, waiting) in self.rows.iter_mut().zip(&mut self.request.waiting) {
            row.callers.retain(|(_, caller)| !caller.is_closed());
            *waiting = row.callers.len() as u64;
        }
        self.request.first = self.rows.iter().map(CallerQueue::first).collect();
    }

    /// Assigns a serial number to the request and records the time.
    pub(super) fn number(&mut self) {
        self.request.serial += 1;
        let way = self.way.get(self.began.elapsed().as_secs_f64());
        self.request.min_rtt_us = way.map(|seconds| (seconds * 1e6) as u64);
        self.sent.push_back((self.request.serial, Instant::now()));
        while self.sent.front().is_some_and(|(_, at)| at.elapsed() > ANSWERED) {
            self.sent.pop_front();
        }
    }

    pub(super) fn begin_term(&mut self, term: u64) {
        if self.request.term != term {
            self.request.term = term;
            self.request.received.fill(0);
            self.request.returned.fill(0);
        }
    }

    /// Hands tokens to callers. Returns the number of tokens left over, and whether they expired.
    pub(super) fn hand_out(&mut self, grant: &Grant, now: Instant) -> Left {
        let Some(received) = self.request.received.get_mut(grant.limit) else { return Left::default() };
        *received = received.saturating_add(grant.count);
        let good_until = self.good_until(grant, now).filter(|until| now <= *until);
        let mut left = grant.count;
        while let Some(good_until) = good_until
            && left > 0
        {
            let Some((_, caller)) = self.rows[grant.limit].callers.pop_front() else { break };
            let token = Token { term: grant.term, good_until };
            left -= u64::from(caller.send(Ok(token)).is_ok());
        }
        let returned = &mut self.request.returned[grant.limit];
        *returned = returned.saturating_add(left);
        Left { tokens: left, late: good_until.is_none() }
    }

    /// Returns an unused token of a term.
    pub(super) fn give_back(&mut self, limit: usize, term: u64) {
        // Counts restart with each term, so tokens of earlier terms are not returned.
        if self.request.term == term {
            self.request.returned[limit] += 1;
        }
    }

    /// Returns the end of validity. The age of a token is the time since its request was sent, less the time that the
    /// leader held the request: it includes the latency in both directions.
    fn good_until(&mut self, grant: &Grant, now: Instant) -> Option<Instant> {
        let sent = self.sent.iter().rev().find(|(serial, _)| *serial == grant.serial);
        let given = sent.map(|(_, at)| *at + Duration::from_micros(grant.held_us))?;
        let trip = now.saturating_duration_since(given).as_secs_f64();
        self.way.note(trip, now.duration_since(self.began).as_secs_f64());
        Some(given + Duration::from_micros(grant.max_age_us))
    }
}
