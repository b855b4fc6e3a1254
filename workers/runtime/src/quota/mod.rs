//! Shares out an account's quota: so many calls a second, a minute, a day, whoever makes them.
//!
//! One state machine, the ledger, decides. In a process of its own, and on one machine, it sits in the process that
//! makes the calls; over RabbitMQ it sits in one process of the fleet, elected for it, and the others ask that one
//! for a token before each call. Must not know whose quota it is, nor what the calls are for.

mod book;
mod clocks;
mod demand;
#[doc(hidden)]
pub mod fuzz;
mod ledger;
mod meter;
mod news;
mod office;
mod pace;
mod tap;
mod till;
mod way;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub use book::{Answer, Book, Order, Pause};
pub use meter::{Account, Meter, UNLIMITED};
pub use news::{MeterNews, News};
pub use pace::Pace;

use self::office::Office;
use self::tap::Tap;
use self::till::Till;
use crate::broker::Amqp;
use crate::{Broker, BrokerError, Failure};

/// How long a second fetching process on one file waits for the first to end.
const HANDOVER: Duration = Duration::from_secs(3);
/// How long an order waits for whoever leads before its sender sees to it itself.
const NOBODY: Duration = Duration::from_millis(1_500);
/// Pauses before this process stands again, after it was refused and after it was cut off.
const REFUSED: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(100);
/// How long a fleet's part in a quota may take to end.
const CLOSE: Duration = Duration::from_secs(5);

/// Leave to make calls of one account.
#[derive(Debug)]
pub struct Allowance {
    kind: Kind,
    /// Ends the tasks.
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Kind {
    /// The ledger is in this process.
    Here(Arc<Till>),
    /// The ledger is with the fleet's leader.
    Fleet(Arc<Tap>),
}

impl Allowance {
    /// A quota of this process alone, kept nowhere.
    pub fn of_this_process(account: Account) -> Self {
        Self::with(Kind::Here(Arc::new(Till::unkept(account))), CancellationToken::new(), Vec::new())
    }

    /// The part of this process in an account's quota: over RabbitMQ one of a fleet, on a local file the only one.
    ///
    /// # Errors
    /// When another process fetches for this account on the same file, or what was kept cannot be read.
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
                let office = Office::open(lead, account, false).await?;
                let till = Arc::clone(&office.till);
                let stopped = stop.clone();
                let task = tokio::spawn(async move {
                    if let Err(error) = office.run(&stopped).await {
                        warn!("the count of calls cannot be kept: {error}");
                    }
                });
                Ok(Self::with(Kind::Here(till), stop, vec![task]))
            }
            Broker::Amqp(amqp) => {
                let tap = Arc::new(Tap::new(account.clone()));
                let candidate = tokio::spawn(stand(broker.clone(), account, stop.clone()));
                let asking = tokio::spawn(ask(Arc::clone(&tap), amqp.clone(), stop.clone()));
                Ok(Self::with(Kind::Fleet(tap), stop, vec![asking, candidate]))
            }
        }
    }

    fn with(kind: Kind, stop: CancellationToken, tasks: Vec<JoinHandle<()>>) -> Self {
        Self { kind, stop, tasks: Mutex::new(tasks) }
    }

    /// Waits for leave to make one call of a meter, by its place in the account. Safe to cancel.
    ///
    /// # Errors
    /// [`Failure::Hold`] when the meter is paused, the day spent, or nobody answers for the quota.
    pub async fn acquire(&self, meter: usize) -> Result<(), Failure> {
        match &self.kind {
            Kind::Here(till) => till.acquire(meter).await,
            Kind::Fleet(tap) => tap.acquire(meter).await,
        }
    }

    /// The hold on a meter, if it is on one.
    pub fn held(&self, meter: usize) -> Option<Failure> {
        match &self.kind {
            Kind::Here(till) => till.held(meter),
            Kind::Fleet(tap) => tap.held(meter),
        }
    }

    /// A time of this machine by the clock of whoever keeps the quota, which is that of its pauses and its news.
    pub fn keepers_time(&self, here: Timestamp) -> Timestamp {
        match &self.kind {
            Kind::Here(_) => here,
            Kind::Fleet(tap) => tap.keepers_time(here),
        }
    }

    /// Takes note of what an answer says of the account's day, and of its clock.
    /// `served_at` is when it was given, by the API's clock; `skew_ms` is how far that is ahead of the clock of
    /// [`Self::keepers_time`].
    pub fn observe(&self, used: Option<u64>, served_at: Option<Timestamp>, skew_ms: Option<i64>) {
        let day = served_at.map(|served| Offset::UTC.to_datetime(served).date());
        let order = Order::Observed { used, day, skew_ms };
        match &self.kind {
            // What is observed is never refused.
            Kind::Here(till) => _ = till.obey(order),
            Kind::Fleet(tap) => tap.tell(order),
        }
    }

    /// Takes note that the API says the day is spent, and returns the hold that follows.
    pub fn spent(&self, meter: usize, until: Option<Timestamp>) -> Failure {
        match &self.kind {
            Kind::Here(till) => {
                // What the API says is never refused.
                let _ = till.obey(Order::Spent { until });
                let later = || Failure::hold(None, "the day is spent, says the API".to_owned());
                till.held(meter).unwrap_or_else(later)
            }
            Kind::Fleet(tap) => tap.spent(meter, until),
        }
    }

    /// How the quota stands, as far as this process knows.
    pub fn news(&self) -> Option<News> {
        match &self.kind {
            Kind::Here(till) => Some(till.news(0)),
            Kind::Fleet(tap) => tap.news(),
        }
    }

    /// Ends this process's part in good order: a leader keeps the exact count and makes room for the next.
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

impl Drop for Allowance {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn ask(tap: Arc<Tap>, amqp: Amqp, stop: CancellationToken) {
    tap.run(&amqp, &stop).await;
}

/// Leads when elected, again and again.
async fn stand(broker: Broker, account: Account, stop: CancellationToken) {
    loop {
        let term = async {
            let lead = broker.lead(&account.lead_name()).await?;
            Office::open(lead, account.clone(), true).await
        };
        let Some(opened) = stop.run_until_cancelled(term).await else { return };
        let ended = match opened {
            Ok(office) => office.run(&stop).await,
            Err(error) => Err(error),
        };
        let pause = match ended {
            Ok(()) => return,
            // Somebody else may be able to; asking again at once would only be in the way.
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

/// How an account's quota was left by whoever kept it last; `None` where nobody has. Asks nobody and changes nothing.
/// The calls are counted as a new keeper would count them: those that were reserved and perhaps not made, too.
///
/// # Errors
/// When the broker is away or what was kept cannot be read.
pub async fn look(broker: &Broker, account: &Account) -> Result<Option<News>, BrokerError> {
    let Some(kept) = broker.look(&account.lead_name()).await? else { return Ok(None) };
    let till = Till::new(account.clone(), book::read(&kept, account)?);
    Ok(Some(News { keeper: None, ..till.news(0) }))
}

/// Gives an order to whoever keeps an account's quota; where nobody does, keeps it for this moment.
///
/// # Errors
/// When the broker is away, or nobody could do it within `patience`.
pub async fn order(
    broker: &Broker,
    account: &Account,
    order: &Order,
    patience: Duration,
) -> Result<Answer, BrokerError> {
    let body = serde_json::to_vec(order).map_err(|error| BrokerError::Refused(error.to_string()))?;
    let name = account.lead_name();
    let stop = CancellationToken::new();
    let stand_in = async {
        match stop.run_until_cancelled(tokio::time::sleep(NOBODY)).await {
            Some(()) => stand_in(broker, account, &stop).await,
            None => Ok(()),
        }
    };
    let mut stand_in = Box::pin(stand_in);
    let mut asking = Box::pin(broker.ask(&name, body, patience));
    let answer = tokio::select! {
        biased;
        answer = &mut asking => answer,
        stood = &mut stand_in => match stood {
            Ok(()) => asking.await,
            Err(error) => Err(error),
        },
    }?;
    stop.cancel();
    // The count is kept before this process goes; where it never led there is nothing to end.
    let _ = tokio::time::timeout(CLOSE, stand_in).await;
    let silent = || BrokerError::Away(format!("whoever leads {name} does not answer"));
    let answer = answer.ok_or_else(silent)?;
    serde_json::from_slice(&answer)
        .map_err(|error| BrokerError::Refused(format!("the answer of {name} cannot be read: {error}")))
}

async fn stand_in(broker: &Broker, account: &Account, stop: &CancellationToken) -> Result<(), BrokerError> {
    let Some(lead) = stop.run_until_cancelled(broker.lead(&account.lead_name())).await else { return Ok(()) };
    Office::open(lead?, account.clone(), false).await?.run(stop).await
}

/// A day that the API calls spent may be the one before: its answer was under way at midnight, or our clock is a moment
/// ahead. For so long the new day is not believed to be spent.
const OLD_DAY: SignedDuration = SignedDuration::from_secs(120);
/// After this time it is asked again.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// How long a day is spent of which the API says so at `now`, and that it is over at `until`; all by the API's clock.
fn spent_until(until: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let midnight = midnight(now);
    let begin = midnight.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    if let Some(until) = until.filter(|until| (now..=midnight).contains(until)) {
        return until;
    }
    // What was over at the begin of this day is over; any other time that has passed, or that is days away, is a mistake.
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
