//! What the leader of an account's quota does: keeps the count, obeys orders, and gives out tokens.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::demand::Demand;
use super::ledger::Draw;
use super::till::Till;
use super::wire::{Grant, Note, Want};
use super::{Account, Answer, Book, News, Order, book, clocks};
use crate::broker::amqp::{Arrival, Counter};
use crate::broker::{self, Lead};
use crate::{BrokerError, clock};

/// How often the news are told when nothing has changed.
const NEWS: Duration = Duration::from_secs(2);
/// How often it is looked whether something has to be kept.
const LOOK: Duration = Duration::from_millis(200);

/// How long a file is let alone that takes nothing.
const REST: Duration = Duration::from_secs(1);

/// The leader's work.
pub(crate) struct Office {
    lead: Lead,
    pub(crate) till: Arc<Till>,
    counter: Option<Service>,
    /// Orders that are answered when what they changed is kept.
    unanswered: Answers,
}

/// Giving out tokens to other processes.
struct Service {
    counter: Counter,
    demand: Demand,
    term: u64,
    /// Which meters were paused when that was last told.
    told: Vec<bool>,
}

/// A book that is being kept.
struct Keeping<'a> {
    book: Book,
    answers: Answers,
    done: Pin<Box<dyn Future<Output = Result<(), BrokerError>> + Send + 'a>>,
}

type Answers = Vec<(broker::Order, Answer)>;

impl Office {
    /// Goes on where the last leader ended.
    pub(crate) async fn open(lead: Lead, account: Account, serves: bool) -> Result<Self, BrokerError> {
        let book = match lead.kept().await? {
            // Where it cannot be read: counting from nought would go over the quota, better to wait for somebody who can.
            Some(kept) => book::read(&kept, &account)?,
            None => Book::default(),
        };
        let book = book.on(clocks::whose());
        let meters = account.meters.len();
        let counter = match &lead {
            Lead::Amqp(amqp) if serves => {
                let term = u64::try_from(clock::now().as_microsecond()).unwrap_or(0);
                let told = vec![false; meters];
                Some(Service {
                    counter: amqp.counter().await?,
                    demand: Demand::new(term, meters),
                    term,
                    told,
                })
            }
            _ => None,
        };
        let till = Arc::new(Till::new(account, book));
        Ok(Self { lead, till, counter, unanswered: Vec::new() })
    }

    /// Works until `stop`, or until the leadership is lost; in good order the exact count is kept at the end.
    pub(crate) async fn run(mut self, stop: &CancellationToken) -> Result<(), BrokerError> {
        if let Some(service) = &mut self.counter {
            service.announce().await?;
        }
        let Self { lead, till, counter, unanswered } = &mut self;
        work(lead, till, counter.as_mut(), unanswered, stop).await?;
        let book = self.till.ledger().close();
        self.lead.keep(encode(&book)?).await?;
        for (order, answer) in self.unanswered {
            order.answer(encode(&answer)?).await?;
        }
        self.lead.release().await;
        Ok(())
    }
}

async fn work(
    lead: &Lead,
    till: &Till,
    mut service: Option<&mut Service>,
    unanswered: &mut Answers,
    stop: &CancellationToken,
) -> Result<(), BrokerError> {
    let mut keeping: Option<Keeping<'_>> = None;
    let mut news = tokio::time::interval(NEWS);
    // A file stays ours when its disk is full: what cannot be kept now is kept later, and nothing given out meanwhile.
    let survives = matches!(lead, Lead::Local(_));
    let mut rest: Option<Instant> = None;
    loop {
        if keeping.is_none() && rest.is_none_or(|rest| rest <= Instant::now()) {
            match till.to_keep() {
                Some(book) => {
                    let body = encode(&book)?;
                    let answers = std::mem::take(unanswered);
                    keeping = Some(Keeping { book, answers, done: Box::pin(lead.keep(body)) });
                }
                None => answer_all(std::mem::take(unanswered)).await?,
            }
        }
        let wake = match &mut service {
            Some(service) => service.serve(till).await?.min(LOOK),
            None => LOOK,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                // What is being kept comes to its end, or it would come after the exact count.
                if let Some(keeping) = keeping {
                    keeping.done.await?;
                    unanswered.extend(keeping.answers);
                }
                return Ok(());
            }
            () = lead.lost() => return Err(BrokerError::Away("the leadership was lost".to_owned())),
            kept = finished(&mut keeping) => {
                let Some(Keeping { book, answers, .. }) = keeping.take() else { continue };
                till.has_kept(&book, kept.is_ok());
                match kept {
                    Ok(()) => {
                        rest = None;
                        answer_all(answers).await?;
                    }
                    Err(error) if survives => {
                        if rest.is_none() {
                            warn!("the count of calls cannot be kept, no call is made: {error}");
                        }
                        unanswered.extend(answers);
                        rest = Some(Instant::now() + REST);
                    }
                    Err(error) => return Err(error),
                }
            }
            order = lead.order() => {
                let order = match order {
                    Err(_) if survives => {
                        tokio::time::sleep(LOOK).await;
                        continue;
                    }
                    order => order?,
                };
                let answer = obey(till, order.body(), service.as_deref().map_or(0, |service| service.demand.waiting()));
                unanswered.push((order, answer));
            }
            arrival = arrived(&mut service) => {
                if let Some(service) = &mut service {
                    service.take(arrival?, till).await?;
                }
            }
            _ = news.tick() => {
                if let Some(service) = &mut service {
                    service.demand.forget(till.now().seconds);
                    service.tell(till).await?;
                }
            }
            () = tokio::time::sleep(wake) => {}
        }
    }
}

async fn finished(keeping: &mut Option<Keeping<'_>>) -> Result<(), BrokerError> {
    match keeping {
        Some(keeping) => keeping.done.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn arrived(service: &mut Option<&mut Service>) -> Result<Arrival, BrokerError> {
    match service {
        Some(service) => service.counter.next().await,
        None => std::future::pending().await,
    }
}

async fn answer_all(answers: Answers) -> Result<(), BrokerError> {
    for (order, answer) in answers {
        order.answer(encode(&answer)?).await?;
    }
    Ok(())
}

pub(super) fn obey(till: &Till, body: &[u8], waiting: u64) -> Answer {
    let order: Order = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => return Answer::Refused(format!("the order cannot be read: {error}")),
    };
    if order != Order::Show {
        info!("the quota: {order:?}");
    }
    match till.obey(order) {
        Ok(()) => Answer::Done(till.news(waiting)),
        Err(why) => Answer::Refused(why),
    }
}

/// Takes in what a process wants; `None` when it cannot be read, or says nothing new.
pub(super) fn heed(demand: &mut Demand, till: &Till, body: &[u8]) -> Option<Want> {
    let Ok(mut want) = serde_json::from_slice::<Want>(body) else {
        warn!("a process says what it wants in words that cannot be read: is it of another version?");
        return None;
    };
    let back = demand.hear(&want, till.now().seconds)?;
    for (meter, count) in back.into_iter().enumerate() {
        till.ledger().give_back(meter, count, false);
    }
    for order in std::mem::take(&mut want.orders) {
        debug!("from a worker: {order:?}");
        // It tells what it was told by the API; there is nothing in it to refuse.
        let _ = till.obey(order);
    }
    Some(want)
}

impl Service {
    async fn announce(&mut self) -> Result<(), BrokerError> {
        debug!("a new term of the quota begins");
        self.counter.broadcast(&encode(&Note::Term(self.term))?).await
    }

    async fn tell(&mut self, till: &Till) -> Result<(), BrokerError> {
        let now = till.now();
        till.ledger().hear_way(self.demand.farthest(now.seconds), now);
        let news = self.news(till);
        self.told = news.meters.iter().map(|meter| meter.pause.is_some()).collect();
        self.counter.broadcast(&encode(&Note::News(Box::new(news)))?).await
    }

    fn news(&self, till: &Till) -> News {
        till.news(self.demand.waiting())
    }

    /// Takes in what came.
    async fn take(&mut self, arrival: Arrival, till: &Till) -> Result<(), BrokerError> {
        match arrival {
            Arrival::Want(body) => {
                let Some(want) = heed(&mut self.demand, till, &body) else { return Ok(()) };
                let news = self.news(till);
                let paused =
                    |(waiting, meter): (&u64, &super::MeterNews)| *waiting > 0 && meter.pause.is_some();
                if want.waiting.iter().zip(&news.meters).any(paused) {
                    self.counter.send(&want.worker, &encode(&Note::News(Box::new(news)))?).await?;
                }
            }
            Arrival::Undelivered { worker, body } => {
                self.demand.gone(&worker);
                if let Ok(Note::Grant(grant)) = serde_json::from_slice(&body) {
                    till.ledger().give_back(grant.meter, grant.count, true);
                }
            }
        }
        Ok(())
    }

    /// Gives out what may be given out; returns how long until there is more.
    async fn serve(&mut self, till: &Till) -> Result<Duration, BrokerError> {
        let (mut wake, mut grants) = (Duration::MAX, Vec::<(String, Grant)>::new());
        for meter in 0..self.told.len() {
            let mut paused = false;
            while self.demand.wants(meter, till.now().seconds) {
                let now = till.now();
                let draw = till.ledger().draw(meter, now);
                match draw {
                    Draw::Granted => grants.extend(self.grant(meter, till)),
                    Draw::Wait(wait) => {
                        wake = wake.min(wait);
                        break;
                    }
                    Draw::Unkept => break,
                    Draw::Held(_) => {
                        paused = true;
                        break;
                    }
                }
            }
            if paused && !self.told[meter] {
                self.tell(till).await?;
            }
        }
        for (worker, grant) in grants {
            self.counter.send(&worker, &encode(&Note::Grant(grant))?).await?;
        }
        Ok(wake)
    }

    fn grant(&mut self, meter: usize, till: &Till) -> Option<(String, Grant)> {
        let turn = self.demand.grant(meter, till.now().seconds)?;
        let micros = |seconds: f64| (seconds * 1e6) as u64;
        let max_age = till.ledger().pace_of(meter).max_age.as_secs_f64();
        let grant = Grant {
            term: self.term,
            meter,
            count: 1,
            serial: turn.serial,
            held_us: micros(turn.since),
            max_age_us: micros(max_age),
        };
        Some((turn.worker, grant))
    }
}

fn encode<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, BrokerError> {
    serde_json::to_vec(value).map_err(|error| BrokerError::Refused(format!("the quota's state: {error}")))
}
