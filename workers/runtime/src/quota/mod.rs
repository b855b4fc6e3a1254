//! Limits the calls of all processes together to an account's quota per second, minute and day.
//!
//! One state machine, the ledger, decides. With the local file it runs in the process that makes the calls. On
//! RabbitMQ it runs in an elected leader, and the other processes request a token from it before each call.
//! Independent of the source and of the purpose of the calls.

mod clock_offset;
mod fair_queue;
mod fleet_limiter;
#[doc(hidden)]
pub mod fuzz;
mod latency;
mod leader;
mod ledger;
mod local_limiter;
mod pace;
mod rate_limit;
mod state;
mod status;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub use pace::Pace;
pub use rate_limit::{Account, RateLimit, UNLIMITED};
pub use state::{CommandReply, Pause, QuotaCommand, QuotaState};
pub use status::{LimitStatus, QuotaStatus};

use self::fleet_limiter::FleetLimiter;
use self::leader::QuotaLeader;
use self::local_limiter::LocalLimiter;
use crate::broker::Amqp;
use crate::{Broker, BrokerError, Failure};

/// How long a second process on one local file waits for the first to exit.
const HANDOVER: Duration = Duration::from_secs(3);
/// How long a command waits for a leader before its sender leads temporarily.
const STAND_IN_DELAY: Duration = Duration::from_millis(1_500);
/// Pauses before this process becomes a candidate again, after a refusal and after a lost term.
const REFUSED: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(100);
/// How long each task of a limiter may take to end.
const CLOSE: Duration = Duration::from_secs(5);

/// Limits the calls of this process to the quota of one account.
#[derive(Debug)]
pub struct RateLimiter {
    mode: Mode,
    /// Ends the tasks.
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Mode {
    /// The ledger is in this process.
    Local(Arc<LocalLimiter>),
    /// The ledger is with the fleet's leader.
    Fleet(Arc<FleetLimiter>),
}

impl RateLimiter {
    /// Creates a limiter for this process alone, without a persisted count.
    pub fn in_process(account: Account) -> Self {
        Self::with(
            Mode::Local(Arc::new(LocalLimiter::in_memory(account))),
            CancellationToken::new(),
            Vec::new(),
        )
    }

    /// Joins the quota of an account: on RabbitMQ as one process of a fleet, with a local file as the only one.
    ///
    /// # Errors
    /// When another process fetches for this account on the same file, or the persisted state cannot be read.
    pub async fn join(broker: &Broker, account: Account) -> Result<Self, BrokerError> {
        let stop = CancellationToken::new();
        match broker {
            Broker::Local(_) => {
                let lead = tokio::time::timeout(HANDOVER, broker.lead(&account.lead_name())).await;
                let lead = lead.map_err(|_| {
                    BrokerError::Misconfigured(format!(
                        "another process fetches from {} with this data folder (UA_DATA_DIR): let it do the work, or \
                         stop it first; several at once need RabbitMQ (AMQP_URL)",
                        account.title()
                    ))
                })??;
                let office = QuotaLeader::open(lead, account, false).await?;
                let limiter = Arc::clone(&office.limiter);
                let stopped = stop.clone();
                let task = tokio::spawn(async move {
                    if let Err(error) = office.run(&stopped).await {
                        warn!("the count of calls cannot be kept: {error}");
                    }
                });
                Ok(Self::with(Mode::Local(limiter), stop, vec![task]))
            }
            Broker::Amqp(amqp) => {
                let limiter = Arc::new(FleetLimiter::new(account.clone()));
                let candidate = tokio::spawn(run_candidate(broker.clone(), account, stop.clone()));
                let asking =
                    tokio::spawn(run_fleet_limiter(Arc::clone(&limiter), amqp.clone(), stop.clone()));
                Ok(Self::with(Mode::Fleet(limiter), stop, vec![asking, candidate]))
            }
        }
    }

    fn with(mode: Mode, stop: CancellationToken, tasks: Vec<JoinHandle<()>>) -> Self {
        Self { mode, stop, tasks: Mutex::new(tasks) }
    }

    /// Waits for a token for one call of a limit, by its index in the account. Cancel safe.
    ///
    /// # Errors
    /// [`Failure::Hold`] when the limit is paused, the day is spent, or no leader answers. [`Failure::Defer`] when
    /// other callers got all tokens for 10 minutes.
    pub async fn acquire(&self, limit: usize) -> Result<(), Failure> {
        match &self.mode {
            Mode::Local(limiter) => limiter.acquire(limit).await,
            Mode::Fleet(limiter) => limiter.acquire(limit).await,
        }
    }

    /// Returns the hold on a limit, if it is paused.
    pub fn held(&self, limit: usize) -> Option<Failure> {
        match &self.mode {
            Mode::Local(limiter) => limiter.held(limit),
            Mode::Fleet(limiter) => limiter.held(limit),
        }
    }

    /// Converts a time of this machine to the leader's clock, which its pauses and its status use.
    pub fn leader_time(&self, here: Timestamp) -> Timestamp {
        match &self.mode {
            Mode::Local(_) => here,
            Mode::Fleet(limiter) => limiter.leader_time(here),
        }
    }

    /// Records what an API response says about the account's day and the API's clock. `served_at` is the time of the
    /// response by the API's clock. `skew_ms` is how far that clock is ahead of the clock of [`Self::leader_time`].
    pub fn observe(&self, used: Option<u64>, served_at: Option<Timestamp>, skew_ms: Option<i64>) {
        let day = served_at.map(|served| Offset::UTC.to_datetime(served).date());
        let command = QuotaCommand::Observed { used, day, skew_ms };
        match &self.mode {
            // Observations are never refused.
            Mode::Local(limiter) => _ = limiter.execute(command),
            Mode::Fleet(limiter) => limiter.tell(command),
        }
    }

    /// Records that the API reports the day as spent, and returns the resulting hold.
    pub fn spent(&self, limit: usize, until: Option<Timestamp>) -> Failure {
        match &self.mode {
            Mode::Local(limiter) => {
                // Observations are never refused.
                let _ = limiter.execute(QuotaCommand::Spent { until });
                let later = || Failure::hold(None, "the day is spent, says the API".to_owned());
                limiter.held(limit).unwrap_or_else(later)
            }
            Mode::Fleet(limiter) => limiter.spent(limit, until),
        }
    }

    /// Returns the status of the quota, as last received.
    pub fn status(&self) -> Option<QuotaStatus> {
        match &self.mode {
            Mode::Local(limiter) => Some(limiter.status(0)),
            Mode::Fleet(limiter) => limiter.status(),
        }
    }

    /// Ends the limiter: a leader persists the exact count and resigns.
    pub async fn close(&self) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if tokio::time::timeout(CLOSE, task).await.is_err() {
                warn!("the quota did not end in time; a moment's calls are counted twice");
            }
        }
    }
}

impl Drop for RateLimiter {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run_fleet_limiter(limiter: Arc<FleetLimiter>, amqp: Amqp, stop: CancellationToken) {
    limiter.run(&amqp, &stop).await;
}

/// Becomes a candidate repeatedly, and leads when elected.
async fn run_candidate(broker: Broker, account: Account, stop: CancellationToken) {
    loop {
        let term = async {
            let lead = broker.lead(&account.lead_name()).await?;
            QuotaLeader::open(lead, account.clone(), true).await
        };
        let Some(opened) = stop.run_until_cancelled(term).await else { return };
        let ended = match opened {
            Ok(office) => office.run(&stop).await,
            Err(error) => Err(error),
        };
        let pause = match ended {
            Ok(()) => return,
            // Another process may be permitted; an immediate retry would only get in its way.
            Err(BrokerError::Refused(why)) => {
                warn!("this process cannot lead the quota: {why}");
                REFUSED
            }
            Err(error) => {
                debug!("a term of the quota ended: {error}");
                AGAIN
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Returns the status of an account's quota as the last leader persisted it; `None` if none did. Changes nothing. The
/// count includes calls that the leader reserved and perhaps did not make.
///
/// # Errors
/// When the broker is away or the persisted state cannot be read.
pub async fn peek(broker: &Broker, account: &Account) -> Result<Option<QuotaStatus>, BrokerError> {
    let Some(kept) = broker.peek(&account.lead_name()).await? else { return Ok(None) };
    let limiter = LocalLimiter::new(account.clone(), state::read(&kept, account)?);
    Ok(Some(QuotaStatus { leader_pid: None, ..limiter.status(0) }))
}

/// Sends a command to the leader of an account's quota. Without a leader, this process leads temporarily.
///
/// # Errors
/// When the broker is away, or no leader answers within `patience`.
pub async fn send_command(
    broker: &Broker,
    account: &Account,
    command: &QuotaCommand,
    patience: Duration,
) -> Result<CommandReply, BrokerError> {
    let body = serde_json::to_vec(command).map_err(|error| BrokerError::Refused(error.to_string()))?;
    let name = account.lead_name();
    let stop = CancellationToken::new();
    let stand_in = async {
        match stop.run_until_cancelled(tokio::time::sleep(STAND_IN_DELAY)).await {
            Some(()) => stand_in(broker, account, &stop).await,
            None => Ok(()),
        }
    };
    let mut stand_in = Box::pin(stand_in);
    let mut asking = Box::pin(broker.request(&name, body, patience));
    let reply = tokio::select! {
        biased;
        reply = &mut asking => reply,
        stood = &mut stand_in => match stood {
            Ok(()) => asking.await,
            Err(error) => Err(error),
        },
    }?;
    stop.cancel();
    // The count is persisted before this process exits; a process that never led has nothing to end.
    let _ = tokio::time::timeout(CLOSE, stand_in).await;
    let silent = || BrokerError::Away(format!("the leader of {name} does not answer"));
    let reply = reply.ok_or_else(silent)?;
    serde_json::from_slice(&reply)
        .map_err(|error| BrokerError::Refused(format!("the answer of {name} cannot be read: {error}")))
}

async fn stand_in(broker: &Broker, account: &Account, stop: &CancellationToken) -> Result<(), BrokerError> {
    let Some(lead) = stop.run_until_cancelled(broker.lead(&account.lead_name())).await else { return Ok(()) };
    QuotaLeader::open(lead?, account.clone(), false).await?.run(stop).await
}

/// Time after midnight in which a report of a spent day is taken for the previous day: the response may have been in
/// flight, or our clock may be ahead.
const OLD_DAY: SignedDuration = SignedDuration::from_secs(120);
/// Retry delay in that case.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// Returns the end of the hold when the API reports at `now` that the day is spent, and when it renews (`until`). All
/// times by the API's clock.
fn spent_until(until: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let midnight = midnight(now);
    let begin = midnight.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    if let Some(until) = until.filter(|until| (now..=midnight).contains(until)) {
        return until;
    }
    // A renewal at the begin of this day has passed. Any other time in the past or beyond midnight is invalid.
    let is_old = until == Some(begin) || now.duration_since(begin) < OLD_DAY;
    let again = now.saturating_add(ASK_AGAIN).unwrap_or(midnight).min(midnight);
    if is_old { again } else { midnight }
}

/// The end of the UTC day.
fn midnight(now: Timestamp) -> Timestamp {
    let today = Offset::UTC.to_datetime(now).date();
    let tomorrow = today.checked_add(1.day()).unwrap_or(today);
    Offset::UTC.to_timestamp(tomorrow.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}
