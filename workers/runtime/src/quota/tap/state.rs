//! What a process knows of its part in the quota: who waits for a token, what was asked, what has come of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::Failure;
use crate::quota::clocks::Ahead;
use crate::quota::way::Smallest;
use crate::quota::wire::{Grant, Want};
use crate::quota::{Account, Meter, News, Pause};
use crate::standing::Standing;

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

/// Those that wait for tokens of one meter, the next in front.
#[derive(Debug)]
struct Row {
    /// Jobs are served one after the other.
    is_slow: bool,
    callers: VecDeque<(Standing, Caller)>,
}

impl Row {
    /// The standing of the next, where it matters.
    fn first(&self) -> Option<i64> {
        self.callers.front().filter(|_| self.is_slow).map(|(standing, _)| standing.age_ms())
    }
}

/// Where a caller lines up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its token came too late to be used: it is the next.
    First,
    Last,
}

#[derive(Debug)]
pub(super) struct State {
    rows: Vec<Row>,
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
    pub(super) fn new(account: &Account) -> Self {
        let meters = account.meters.len();
        let zero = vec![0; meters];
        let row = |meter: &Meter| Row { is_slow: meter.is_slow(), callers: VecDeque::new() };
        let want = Want { waiting: zero.clone(), received: zero.clone(), returned: zero, ..Want::default() };
        Self {
            rows: account.meters.iter().map(row).collect(),
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
        let standing = Standing::current();
        let Row { is_slow, callers } = &mut self.rows[meter];
        let at = match place {
            Place::First => 0,
            Place::Last if *is_slow => callers.partition_point(|(other, _)| *other <= standing),
            Place::Last => callers.len(),
        };
        callers.insert(at, (standing, caller));
    }

    /// All callers of a meter, who wait no longer.
    pub(super) fn dismiss(&mut self, meter: usize) -> impl Iterator<Item = Caller> {
        std::mem::take(&mut self.rows[meter].callers).into_iter().map(|(_, caller)| caller)
    }

    /// Brings what is wanted up to date; callers that gave up are no callers.
    pub(super) fn count_callers(&mut self) {
        for (row, waiting) in self.rows.iter_mut().zip(&mut self.want.waiting) {
            row.callers.retain(|(_, caller)| !caller.is_closed());
            *waiting = row.callers.len() as u64;
        }
        self.want.first = self.rows.iter().map(Row::first).collect();
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
        *received = received.saturating_add(grant.count);
        let good_until = self.good_until(grant, now).filter(|until| now <= *until);
        let mut left = grant.count;
        while let Some(good_until) = good_until
            && left > 0
        {
            let Some((_, caller)) = self.rows[grant.meter].callers.pop_front() else { break };
            let token = Token { term: grant.term, good_until };
            left -= u64::from(caller.send(Ok(token)).is_ok());
        }
        let returned = &mut self.want.returned[grant.meter];
        *returned = returned.saturating_add(left);
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
