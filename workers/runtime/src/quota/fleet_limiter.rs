//! The limiter of a process in a fleet: requests tokens from the leader, hands them to callers, discards expired
//! ones.
//!
//! The age of a token needs no common clock: a grant names our last request that the leader had read, and the time
//! since then.

mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::state::{QueueEnd, State, Token};
use super::clock_offset::ClockOffset;
use super::wire::LeaderMessage;
use super::{Account, Pause, QuotaCommand, QuotaStatus, ledger};
use crate::broker::amqp::{self, Amqp};
use crate::{BrokerError, Failure, calls, clock};

/// Interval of requests while nothing changes.
const AGAIN: Duration = Duration::from_millis(700);
/// How long a caller waits without a message of the leader.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a caller waits for its turn. Far below the half hour after which RabbitMQ redelivers its job.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long work is then held, or a job deferred.
const LATER: SignedDuration = SignedDuration::from_secs(10);
/// Pause before a lost connection is reopened.
const RECONNECT: Duration = Duration::from_millis(100);
/// Pause after a refusal of the broker.
const REFUSED: Duration = Duration::from_secs(15);

/// Limits the calls of one process to the tokens that the leader grants.
#[derive(Debug)]
pub(crate) struct FleetLimiter {
    account: Account,
    state: Mutex<State>,
    changed: Notify,
}

impl FleetLimiter {
    pub(crate) fn new(account: Account) -> Self {
        let state = State::new(&account);
        Self { account, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits for a token. Cancel safe: a token that arrives afterwards is returned, or counted without a call.
    pub(crate) async fn acquire(&self, limit: usize) -> Result<(), Failure> {
        if let Some(held) = self.held(limit) {
            return Err(held);
        }
        let (begin, mut place) = (Instant::now(), QueueEnd::Last);
        loop {
            let token = self.token(limit, place, begin).await?;
            if Instant::now() <= token.good_until {
                return Ok(());
            }
            // The task was not scheduled in time. A call this late would add to the calls of the following window.
            self.state().give_back(limit, token.term);
            self.count_late(limit, 1);
            if begin.elapsed() >= PATIENCE {
                return Err(self.later("its tokens come too late".to_owned()));
            }
            place = QueueEnd::First;
        }
    }

    fn count_late(&self, limit: usize, tokens: u64) {
        if let Some(limit) = self.account.limits.get(limit) {
            calls::late(self.account.source, limit.name, tokens);
        }
    }

    /// Waits for a token or a failure, on behalf of a caller that began to wait at `begin`.
    async fn token(&self, limit: usize, place: QueueEnd, begin: Instant) -> Result<Token, Failure> {
        let (caller, token) = oneshot::channel();
        self.state().line_up(limit, caller, place);
        self.changed.notify_one();
        let guard = CallerGuard(self);
        tokio::pin!(token);
        loop {
            let waited = tokio::time::timeout(Duration::from_secs(5), &mut token).await;
            if let Ok(told) = waited {
                std::mem::forget(guard);
                return told.unwrap_or_else(|_| Err(self.later("its quota is closed".to_owned())));
            }
            let silence = self.state().heard.elapsed();
            if silence >= SILENCE && begin.elapsed() >= SILENCE {
                let why = format!("no leader of its quota answers for {} s", silence.as_secs());
                return Err(self.later(why));
            }
            if begin.elapsed() >= PATIENCE {
                // Other callers get tokens, so the job is deferred and the worker continues.
                let why = format!("{}: its turn does not come", self.account.title());
                return Err(Failure::Defer { until: clock::now().checked_add(LATER).ok(), why });
            }
        }
    }

    fn later(&self, why: String) -> Failure {
        let until = clock::now().checked_add(LATER).ok();
        Failure::hold(until, format!("{}: {why}", self.account.title()))
    }

    /// Returns the hold on a limit, if it is paused.
    pub(crate) fn held(&self, limit: usize) -> Option<Failure> {
        let mut state = self.state();
        let over = |pause: &Pause| pause.until.is_some_and(|until| until <= clock::now());
        state.pauses[limit] = state.pauses[limit].take().filter(|pause| !over(pause));
        state.pauses[limit].as_ref().map(|pause| ledger::hold(&self.account, limit, pause))
    }

    /// Sends a command to the leader with the next request.
    pub(crate) fn tell(&self, command: QuotaCommand) {
        self.state().request.commands.push(command);
        self.changed.notify_one();
    }

    /// Reports to the leader that the API's day is spent, and returns the hold. The limit stays paused until then, or
    /// until the leader's next status.
    pub(crate) fn spent(&self, limit: usize, until: Option<Timestamp>) -> Failure {
        let api = {
            let state = self.state();
            state.offset.plus(state.status.as_ref().map_or(0, |status| status.skew_ms))
        };
        let until_there = super::spent_until(until, api.to_remote(clock::now()));
        let why = "daily limit, spent says the API".to_owned();
        let pause = Pause { until: Some(api.to_local(until_there)), why };
        let held = ledger::hold(&self.account, limit, &pause);
        self.tell(QuotaCommand::Spent { until });
        held
    }

    /// Converts a time of this machine to the leader's clock, if its offset is known.
    pub(crate) fn leader_time(&self, here: Timestamp) -> Timestamp {
        self.state().offset.to_remote(here)
    }

    /// Returns the leader's last status.
    pub(crate) fn status(&self) -> Option<QuotaStatus> {
        self.state().status.clone()
    }

    /// Exchanges messages with the leader until `stop`.
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
            // After `stop`, the loop's condition ends the loop.
            let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        self.close();
    }

    async fn session(&self, amqp: &Amqp) -> Result<(), BrokerError> {
        let mut channel = amqp.token_channel(&self.account.lead_name()).await?;
        self.begin(channel.name());
        let mut again = tokio::time::interval(AGAIN);
        loop {
            tokio::select! {
                note = channel.next() => self.take(&note?),
                () = self.changed.notified() => self.say(&channel, true).await?,
                _ = again.tick() => self.say(&channel, false).await?,
            }
        }
    }

    fn begin(&self, name: &str) {
        let mut state = self.state();
        name.clone_into(&mut state.request.worker);
    }

    /// Sends the request. Without `status`, only if callers wait.
    async fn say(&self, channel: &amqp::TokenChannel, status: bool) -> Result<(), BrokerError> {
        let (body, commands) = {
            let mut state = self.state();
            state.count_callers();
            if !status && state.request.waiting.iter().all(|waiting| *waiting == 0) {
                return Ok(());
            }
            state.number();
            let body = serde_json::to_vec(&state.request);
            let body = body.map_err(|error| BrokerError::Refused(format!("what is wanted: {error}")))?;
            (body, std::mem::take(&mut state.request.commands))
        };
        let sent = channel.send(&body).await;
        if sent.is_err() {
            // Keep unsent observations in order, before newer ones.
            self.state().request.commands.splice(0..0, commands);
        }
        sent
    }

    /// Handles a message of the leader.
    pub(super) fn take(&self, note: &[u8]) {
        let now = Instant::now();
        let Ok(note) = serde_json::from_slice::<LeaderMessage>(note) else {
            return debug!("the leader of the quota says what cannot be read: is it of another version?");
        };
        let mut state = self.state();
        state.heard = now;
        match note {
            LeaderMessage::Grant(grant) => {
                state.begin_term(grant.term);
                let left = state.hand_out(&grant, now);
                drop(state);
                if left.late {
                    self.count_late(grant.limit, left.tokens);
                }
                if left.tokens > 0 {
                    self.changed.notify_one();
                }
            }
            LeaderMessage::Term(term) => {
                state.begin_term(term);
                drop(state);
                self.changed.notify_one();
            }
            LeaderMessage::Status(status) => {
                clock::heard(clock::Peer::Leader, status.at);
                let offset = ClockOffset::between(status.at, clock::now());
                state.offset = offset;
                for (limit, told) in status.limits.iter().enumerate().take(self.account.limits.len()) {
                    let by_our_clock = |pause: &Pause| Pause {
                        until: pause.until.map(|until| offset.to_local(until)),
                        why: pause.why.clone(),
                    };
                    state.pauses[limit] = told.pause.as_ref().map(by_our_clock);
                    if let Some(pause) = &state.pauses[limit] {
                        let held = ledger::hold(&self.account, limit, pause);
                        for caller in state.dismiss(limit) {
                            // The caller may have given up.
                            let _ = caller.send(Err(held.clone()));
                        }
                    }
                }
                state.status = Some(*status);
            }
        }
    }

    fn close(&self) {
        let mut state = self.state();
        (0..self.account.limits.len()).for_each(|limit| drop(state.dismiss(limit)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports to the leader that a waiting caller gave up.
struct CallerGuard<'a>(&'a FleetLimiter);

impl Drop for CallerGuard<'_> {
    fn drop(&mut self) {
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
