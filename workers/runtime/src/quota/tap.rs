//! A process's part in the fleet's quota: says what it wants, hands on what it gets, and throws away what is too old.
//!
//! How old a token is needs no common clock: the leader says which of our messages it had read, and how long before.

mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::state::{Place, State, Token};
use super::clocks::Ahead;
use super::wire::Note;
use super::{Account, News, Order, Pause, ledger};
use crate::broker::amqp::{self, Amqp};
use crate::{BrokerError, Failure, calls, clock};

/// How often it is said what is wanted while nothing changes.
const AGAIN: Duration = Duration::from_millis(700);
/// How long a caller waits while nobody answers for the quota.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a caller waits for its turn: far below the half hour after which RabbitMQ takes its job away.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long work is held, or a job put off, after that.
const LATER: SignedDuration = SignedDuration::from_secs(10);
/// A connection that was lost is made again after this time.
const RECONNECT: Duration = Duration::from_millis(100);
/// A broker that refuses is asked again after this time.
const REFUSED: Duration = Duration::from_secs(15);

/// An account's quota, as a process of the fleet sees it.
#[derive(Debug)]
pub(crate) struct Tap {
    account: Account,
    state: Mutex<State>,
    changed: Notify,
}

impl Tap {
    pub(crate) fn new(account: Account) -> Self {
        let state = State::new(&account);
        Self { account, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits for a token. Safe to cancel: one that comes nevertheless is given back, or counted without a call.
    pub(crate) async fn acquire(&self, meter: usize) -> Result<(), Failure> {
        if let Some(held) = self.held(meter) {
            return Err(held);
        }
        let (begin, mut place) = (Instant::now(), Place::Last);
        loop {
            let token = self.token(meter, place, begin).await?;
            if Instant::now() <= token.good_until {
                return Ok(());
            }
            // The machine had no time for this task since the token came. A call as late as that would come on top of
            // those of the next moment.
            self.state().give_back(meter, token.term);
            self.count_late(meter, 1);
            if begin.elapsed() >= PATIENCE {
                return Err(self.later("its tokens come too late".to_owned()));
            }
            place = Place::First;
        }
    }

    fn count_late(&self, meter: usize, tokens: u64) {
        if let Some(meter) = self.account.meters.get(meter) {
            calls::late(self.account.source, meter.name, tokens);
        }
    }

    /// Waits for what is handed to a caller that began to wait at `begin`.
    async fn token(&self, meter: usize, place: Place, begin: Instant) -> Result<Token, Failure> {
        let (caller, token) = oneshot::channel();
        self.state().line_up(meter, caller, place);
        self.changed.notify_one();
        let leave = Leave(self);
        tokio::pin!(token);
        loop {
            let waited = tokio::time::timeout(Duration::from_secs(5), &mut token).await;
            if let Ok(told) = waited {
                std::mem::forget(leave);
                return told.unwrap_or_else(|_| Err(self.later("its quota is closed".to_owned())));
            }
            let silence = self.state().heard.elapsed();
            if silence >= SILENCE && begin.elapsed() >= SILENCE {
                let why = format!("no process answers for its quota for {} s", silence.as_secs());
                return Err(self.later(why));
            }
            if begin.elapsed() >= PATIENCE {
                // Others have theirs: the job comes again, and the worker goes on meanwhile.
                let why = format!("{}: its turn does not come", self.account.title());
                return Err(Failure::Defer { until: clock::now().checked_add(LATER).ok(), why });
            }
        }
    }

    fn later(&self, why: String) -> Failure {
        let until = clock::now().checked_add(LATER).ok();
        Failure::hold(until, format!("{}: {why}", self.account.title()))
    }

    /// The hold on a meter, if it is on one.
    pub(crate) fn held(&self, meter: usize) -> Option<Failure> {
        let mut state = self.state();
        let over = |pause: &Pause| pause.until.is_some_and(|until| until <= clock::now());
        state.pauses[meter] = state.pauses[meter].take().filter(|pause| !over(pause));
        state.pauses[meter].as_ref().map(|pause| ledger::hold(&self.account, meter, pause))
    }

    /// Tells the leader with the next message.
    pub(crate) fn tell(&self, order: Order) {
        self.state().want.orders.push(order);
        self.changed.notify_one();
    }

    /// The API says that the day is spent: nothing more is asked for until the leader says otherwise.
    pub(crate) fn spent(&self, meter: usize, until: Option<Timestamp>) -> Failure {
        let api = {
            let state = self.state();
            state.ahead.and(state.news.as_ref().map_or(0, |news| news.skew_ms))
        };
        let until_there = super::spent_until(until, api.there(clock::now()));
        let why = "daily limit, spent says the API".to_owned();
        let pause = Pause { until: Some(api.here(until_there)), why };
        let held = ledger::hold(&self.account, meter, &pause);
        self.tell(Order::Spent { until });
        held
    }

    /// A time of this machine by the leader's clock, as far as that is known.
    pub(crate) fn keepers_time(&self, here: Timestamp) -> Timestamp {
        self.state().ahead.there(here)
    }

    /// How things stand, as far as it was told.
    pub(crate) fn news(&self) -> Option<News> {
        self.state().news.clone()
    }

    /// Speaks with the leader until `stop`.
    pub(crate) async fn run(&self, amqp: &Amqp, stop: &CancellationToken) {
        while let Some(ended) = stop.run_until_cancelled(self.session(amqp)).await {
            let pause = match ended {
                Err(BrokerError::Refused(why)) => {
                    warn!("cannot ask for the quota: {why}");
                    REFUSED
                }
                Err(error) => {
                    debug!("the way to the quota was lost: {error}");
                    RECONNECT
                }
                Ok(()) => RECONNECT,
            };
            // Ended or not, the next turn finds out.
            let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        self.close();
    }

    async fn session(&self, amqp: &Amqp) -> Result<(), BrokerError> {
        let mut line = amqp.tap(&self.account.lead_name()).await?;
        self.begin(line.name());
        let mut again = tokio::time::interval(AGAIN);
        loop {
            tokio::select! {
                note = line.next() => self.take(&note?),
                () = self.changed.notified() => self.say(&line, true).await?,
                _ = again.tick() => self.say(&line, false).await?,
            }
        }
    }

    fn begin(&self, name: &str) {
        let mut state = self.state();
        name.clone_into(&mut state.want.worker);
    }

    /// Says what is wanted; without `news` only if anything is.
    async fn say(&self, line: &amqp::Tap, news: bool) -> Result<(), BrokerError> {
        let (body, orders) = {
            let mut state = self.state();
            state.count_callers();
            if !news && state.want.waiting.iter().all(|waiting| *waiting == 0) {
                return Ok(());
            }
            state.number();
            let body = serde_json::to_vec(&state.want);
            let body = body.map_err(|error| BrokerError::Refused(format!("what is wanted: {error}")))?;
            (body, std::mem::take(&mut state.want.orders))
        };
        let sent = line.send(&body).await;
        if sent.is_err() {
            // What the API said of the day goes with the next message, before what it said since.
            self.state().want.orders.splice(0..0, orders);
        }
        sent
    }

    /// Takes in what the leader says.
    pub(super) fn take(&self, note: &[u8]) {
        let now = Instant::now();
        let Ok(note) = serde_json::from_slice::<Note>(note) else {
            return debug!("the leader of the quota says what cannot be read: is it of another version?");
        };
        let mut state = self.state();
        state.heard = now;
        match note {
            Note::Grant(grant) => {
                state.begin_term(grant.term);
                let left = state.hand_out(&grant, now);
                drop(state);
                if left.late {
                    self.count_late(grant.meter, left.tokens);
                }
                if left.tokens > 0 {
                    self.changed.notify_one();
                }
            }
            Note::Term(term) => {
                state.begin_term(term);
                drop(state);
                self.changed.notify_one();
            }
            Note::News(news) => {
                clock::heard(clock::Peer::Leader, news.at);
                let ahead = Ahead::of(news.at, clock::now());
                state.ahead = ahead;
                for (meter, told) in news.meters.iter().enumerate().take(self.account.meters.len()) {
                    let by_our_clock = |pause: &Pause| Pause {
                        until: pause.until.map(|until| ahead.here(until)),
                        why: pause.why.clone(),
                    };
                    state.pauses[meter] = told.pause.as_ref().map(by_our_clock);
                    if let Some(pause) = &state.pauses[meter] {
                        let held = ledger::hold(&self.account, meter, pause);
                        for caller in state.dismiss(meter) {
                            // Whoever is gone need not be told.
                            let _ = caller.send(Err(held.clone()));
                        }
                    }
                }
                state.news = Some(*news);
            }
        }
    }

    fn close(&self) {
        let mut state = self.state();
        (0..self.account.meters.len()).for_each(|meter| drop(state.dismiss(meter)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller that gave up while it waited: the leader is told that there is one less.
struct Leave<'a>(&'a Tap);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
