//! What a process knows of its part in the quota: who waits for a token, what was asked, what has come of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::Failure;
use crate::quota::clocks::Ahead;
use crate::quota::way::Smallest;
use crate::quota::wire::{Grant, Want};
use crate::quota::{News, Pause};

/// A message that was sent so long ago is not answered any more.
const ANSWERED: Duration = Duration::from_secs(10);

/// Leave to make one call, which is good for a moment.
#[derive(Debug)]
pub(super) struct Token {
    /// The leader's term in which it was given.
    pub(super) term: u64,
    /// A call that is made later must not be made with it.
    pub(super) good_until: Instant,
}

/// What was not handed out of a grant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) tokens: u64,
    pub(super) late: bool,
}

/// How a caller is told.
pub(super) type Caller = oneshot::Sender<Result<Token, Failure>>;

/// Where a caller lines up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its token came too late to be used: it is the next.
    First,
    Last,
}

#[derive(Debug)]
pub(super) struct State {
    callers: Vec<VecDeque<Caller>>,
    pub(super) want: Want,
    /// When which message was sent.
    sent: VecDeque<(u64, Instant)>,
    /// The smallest way to the leader and back, in seconds since the beginning.
    way: Smallest,
    began: Instant,
    pub(super) news: Option<News>,
    /// By our clock.
    pub(super) pauses: Vec<Option<Pause>>,
    /// How far the leader's clock is ahead of ours.
    pub(super) ahead: Ahead,
    /// When the leader was last heard; at first the beginning.
    pub(super) heard: Instant,
}

impl State {
    pub(super) fn new(meters: usize) -> Self {
        let zero = vec![0; meters];
        let want = Want { waiting: zero.clone(), received: zero.clone(), returned: zero, ..Want::default() };
        Self {
            callers: (0..meters).map(|_| VecDeque::new()).collect(),
            want,
            sent: VecDeque::new(),
            way: Smallest::default(),
            began: Instant::now(),
            news: None,
            pauses: vec![None; meters],
            ahead: Ahead::default(),
            heard: Instant::now(),
        }
    }

    pub(super) fn line_up(&mut self, meter: usize, caller: Caller, place: Place) {
        match place {
            Place::First => self.callers[meter].push_front(caller),
            Place::Last => self.callers[meter].push_back(caller),
        }
    }

    /// All callers of a meter, who wait no longer.
    pub(super) fn dismiss(&mut self, meter: usize) -> VecDeque<Caller> {
        std::mem::take(&mut self.callers[meter])
    }

    /// Brings what is wanted up to date; callers that gave up are no callers.
    pub(super) fn count_callers(&mut self) {
        for (callers, waiting) in self.callers.iter_mut().zip(&mut self.want.waiting) {
            callers.retain(|caller| !caller.is_closed());
            *waiting = callers.len() as u64;
        }
    }

    /// Numbers the message that is sent now.
    pub(super) fn number(&mut self) {
        self.want.serial += 1;
        let way = self.way.get(self.began.elapsed().as_secs_f64());
        self.want.way_us = way.map(|seconds| (seconds * 1e6) as u64);
        self.sent.push_back((self.want.serial, Instant::now()));
        while self.sent.front().is_some_and(|(_, at)| at.elapsed() > ANSWERED) {
            self.sent.pop_front();
        }
    }

    pub(super) fn begin_term(&mut self, term: u64) {
        if self.want.term != term {
            self.want.term = term;
            self.want.received.fill(0);
            self.want.returned.fill(0);
        }
    }

    /// Hands tokens to callers; returns how many were left over, and whether they came too late.
    pub(super) fn hand_out(&mut self, grant: &Grant, now: Instant) -> Left {
        let Some(received) = self.want.received.get_mut(grant.meter) else { return Left::default() };
        *received += grant.count;
        let good_until = self.good_until(grant, now).filter(|until| now <= *until);
        let mut left = grant.count;
        while let Some(good_until) = good_until
            && left > 0
        {
            let Some(caller) = self.callers[grant.meter].pop_front() else { break };
            let token = Token { term: grant.term, good_until };
            left -= u64::from(caller.send(Ok(token)).is_ok());
        }
        self.want.returned[grant.meter] += left;
        Left { tokens: left, late: good_until.is_none() }
    }

    /// A token of a term was not used.
    pub(super) fn give_back(&mut self, meter: usize, term: u64) {
        // The count of an earlier term was taken over as it was: there is nobody to give back to.
        if self.want.term == term {
            self.want.returned[meter] += 1;
        }
    }

    /// Until when tokens may be used: counted from when their leader had read our message, the way there included.
    fn good_until(&mut self, grant: &Grant, now: Instant) -> Option<Instant> {
        let sent = self.sent.iter().rev().find(|(serial, _)| *serial == grant.serial);
        let given = sent.map(|(_, at)| *at + Duration::from_micros(grant.held_us))?;
        let trip = now.saturating_duration_since(given).as_secs_f64();
        self.way.note(trip, now.duration_since(self.began).as_secs_f64());
        Some(given + Duration::from_micros(grant.max_age_us))
    }
}
