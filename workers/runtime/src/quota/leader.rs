//! The leader of an account's quota: persists the count, executes commands, and grants tokens.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::fair_queue::FairQueue;
use super::ledger::Draw;
use super::local_limiter::LocalLimiter;
use super::wire::{Grant, LeaderMessage, TokenRequest};
use super::{Account, CommandReply, QuotaCommand, QuotaState, QuotaStatus, clock_offset, state};
use crate::broker::amqp::{Incoming, TokenServer};
use crate::broker::{self, Lead};
use crate::{BrokerError, clock};

/// Interval of status broadcasts while nothing changes.
const STATUS_INTERVAL: Duration = Duration::from_secs(2);
/// Persist interval.
const PERSIST_INTERVAL: Duration = Duration::from_millis(200);

/// Pause before a failed write to the local file is repeated.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Leads an account's quota.
pub(crate) struct QuotaLeader {
    lead: Lead,
    pub(crate) limiter: Arc<LocalLimiter>,
    service: Option<TokenService>,
    /// Replies that are sent after the change is persisted.
    pending_replies: PendingReplies,
}

/// Grants tokens to other processes.
struct TokenService {
    server: TokenServer,
    queue: FairQueue,
    term: u64,
    /// Whether each limit was paused at the last broadcast.
    last_paused: Vec<bool>,
}

/// A write of the state that is in progress.
struct Persisting<'a> {
    state: QuotaState,
    replies: PendingReplies,
    done: Pin<Box<dyn Future<Output = Result<(), BrokerError>> + Send + 'a>>,
}

type PendingReplies = Vec<(broker::LeaderRequest, CommandReply)>;

impl QuotaLeader {
    /// Continues with the state of the previous leader.
    pub(crate) async fn open(lead: Lead, account: Account, serves: bool) -> Result<Self, BrokerError> {
        let state = match lead.state().await? {
            // An unreadable state is an error: a count from zero would exceed the quota.
            Some(persisted) => state::read(&persisted, &account)?,
            None => QuotaState::default(),
        };
        let state = state.on(clock_offset::clock_id());
        let limits = account.limits.len();
        let service = match &lead {
            Lead::Amqp(amqp) if serves => {
                let term = u64::try_from(clock::now().as_microsecond()).unwrap_or(0);
                let last_paused = vec![false; limits];
                Some(TokenService {
                    server: amqp.token_server().await?,
                    queue: FairQueue::new(term, limits),
                    term,
                    last_paused,
                })
            }
            _ => None,
        };
        let limiter = Arc::new(LocalLimiter::new(account, state));
        Ok(Self { lead, limiter, service, pending_replies: Vec::new() })
    }

    /// Runs until `stop`, or until the leadership is lost. After `stop` it persists the exact count.
    pub(crate) async fn run(mut self, stop: &CancellationToken) -> Result<(), BrokerError> {
        if let Some(service) = &mut self.service {
            service.announce_term().await?;
        }
        let Self { lead, limiter, service, pending_replies } = &mut self;
        work(lead, limiter, service.as_mut(), pending_replies, stop).await?;
        let state = self.limiter.ledger().close();
        self.lead.persist(encode(&state)?).await?;
        for (command, reply) in self.pending_replies {
            command.reply(encode(&reply)?).await?;
        }
        self.lead.release().await;
        Ok(())
    }
}

async fn work(
    lead: &Lead,
    limiter: &LocalLimiter,
    mut service: Option<&mut TokenService>,
    pending_replies: &mut PendingReplies,
    stop: &CancellationToken,
) -> Result<(), BrokerError> {
    let mut persisting: Option<Persisting<'_>> = None;
    let mut status = tokio::time::interval(STATUS_INTERVAL);
    // The leadership of a local file survives a full disk: the write is repeated, and no token is granted until it
    // succeeds.
    let survives = matches!(lead, Lead::Local(_));
    let mut rest: Option<Instant> = None;
    loop {
        if persisting.is_none() && rest.is_none_or(|rest| rest <= Instant::now()) {
            match limiter.to_persist() {
                Some(state) => {
                    let body = encode(&state)?;
                    let replies = std::mem::take(pending_replies);
                    persisting = Some(Persisting { state, replies, done: Box::pin(lead.persist(body)) });
                }
                None => send_replies(std::mem::take(pending_replies)).await?,
            }
        }
        let wake = match &mut service {
            Some(service) => service.serve(limiter).await?.min(PERSIST_INTERVAL),
            None => PERSIST_INTERVAL,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                // A write in progress must not overwrite the exact count.
                if let Some(persisting) = persisting {
                    persisting.done.await?;
                    pending_replies.extend(persisting.replies);
                }
                return Ok(());
            }
            () = lead.lost() => return Err(BrokerError::Away("the leadership was lost".to_owned())),
            persisted = finished(&mut persisting) => {
                let Some(Persisting { state, replies, .. }) = persisting.take() else { continue };
                limiter.persisted(&state, persisted.is_ok());
                match persisted {
                    Ok(()) => {
                        rest = None;
                        send_replies(replies).await?;
                    }
                    Err(error) if survives => {
                        if rest.is_none() {
                            warn!("the count of calls cannot be kept, no call is made: {error}");
                        }
                        pending_replies.extend(replies);
                        rest = Some(Instant::now() + STORE_RETRY);
                    }
                    Err(error) => return Err(error),
                }
            }
            command = lead.next_request() => {
                let command = match command {
                    Err(_) if survives => {
                        tokio::time::sleep(PERSIST_INTERVAL).await;
                        continue;
                    }
                    command => command?,
                };
                let reply = execute(limiter, command.body(), service.as_deref().map_or(0, |service| service.queue.waiting()));
                pending_replies.push((command, reply));
            }
            incoming = incoming(&mut service) => {
                if let Some(service) = &mut service {
                    service.handle(incoming?, limiter).await?;
                }
            }
            _ = status.tick() => {
                if let Some(service) = &mut service {
                    service.queue.remove_silent(limiter.now().seconds);
                    service.broadcast_status(limiter).await?;
                }
            }
            () = tokio::time::sleep(wake) => {}
        }
    }
}

async fn finished(persisting: &mut Option<Persisting<'_>>) -> Result<(), BrokerError> {
    match persisting {
        Some(persisting) => persisting.done.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn incoming(service: &mut Option<&mut TokenService>) -> Result<Incoming, BrokerError> {
    match service {
        Some(service) => service.server.next().await,
        None => std::future::pending().await,
    }
}

async fn send_replies(replies: PendingReplies) -> Result<(), BrokerError> {
    for (command, reply) in replies {
        command.reply(encode(&reply)?).await?;
    }
    Ok(())
}

pub(super) fn execute(limiter: &LocalLimiter, body: &[u8], waiting: u64) -> CommandReply {
    let command: QuotaCommand = match serde_json::from_slice(body) {
        Ok(command) => command,
        Err(error) => return CommandReply::Refused(format!("the command cannot be read: {error}")),
    };
    if command != QuotaCommand::Show {
        info!("the quota: {command:?}");
    }
    match limiter.execute(command) {
        Ok(()) => CommandReply::Done(limiter.status(waiting)),
        Err(why) => CommandReply::Refused(why),
    }
}

/// Records a request; `None` when it is unreadable or has the wrong number of limits.
pub(super) fn accept_request(
    queue: &mut FairQueue,
    limiter: &LocalLimiter,
    body: &[u8],
) -> Option<TokenRequest> {
    let Ok(mut request) = serde_json::from_slice::<TokenRequest>(body) else {
        warn!("a process says what it wants in words that cannot be read: is it of another version?");
        return None;
    };
    let back = queue.record(&request, limiter.now().seconds)?;
    for (limit, count) in back.into_iter().enumerate() {
        limiter.ledger().give_back(limit, count, false);
    }
    for command in std::mem::take(&mut request.commands) {
        debug!("from a worker: {command:?}");
        // A worker reports only observations, which the ledger never refuses.
        let _ = limiter.execute(command);
    }
    Some(request)
}

impl TokenService {
    async fn announce_term(&mut self) -> Result<(), BrokerError> {
        debug!("a new term of the quota begins");
        self.server.broadcast(&encode(&LeaderMessage::Term(self.term))?).await
    }

    async fn broadcast_status(&mut self, limiter: &LocalLimiter) -> Result<(), BrokerError> {
        let now = limiter.now();
        limiter.ledger().observe_latency(self.queue.max_rtt(now.seconds), now);
        let status = self.status(limiter);
        self.last_paused = status.limits.iter().map(|limit| limit.pause.is_some()).collect();
        self.server.broadcast(&encode(&LeaderMessage::Status(Box::new(status)))?).await
    }

    fn status(&self, limiter: &LocalLimiter) -> QuotaStatus {
        limiter.status(self.queue.waiting())
    }

    /// Handles one message.
    async fn handle(&mut self, incoming: Incoming, limiter: &LocalLimiter) -> Result<(), BrokerError> {
        match incoming {
            Incoming::Request(body) => {
                let Some(request) = accept_request(&mut self.queue, limiter, &body) else { return Ok(()) };
                let status = self.status(limiter);
                let paused =
                    |(waiting, limit): (&u64, &super::LimitStatus)| *waiting > 0 && limit.pause.is_some();
                if request.waiting.iter().zip(&status.limits).any(paused) {
                    self.server
                        .send(&request.worker, &encode(&LeaderMessage::Status(Box::new(status)))?)
                        .await?;
                }
            }
            Incoming::Undelivered { worker, body } => {
                self.queue.remove(&worker);
                if let Ok(LeaderMessage::Grant(grant)) = serde_json::from_slice(&body) {
                    limiter.ledger().give_back(grant.limit, grant.count, true);
                }
            }
        }
        Ok(())
    }

    /// Grants every token that is due; returns the time until the next one.
    async fn serve(&mut self, limiter: &LocalLimiter) -> Result<Duration, BrokerError> {
        let (mut wake, mut grants) = (Duration::MAX, Vec::<(String, Grant)>::new());
        for limit in 0..self.last_paused.len() {
            let mut paused = false;
            while self.queue.has_demand(limit, limiter.now().seconds) {
                let now = limiter.now();
                let draw = limiter.ledger().draw(limit, now);
                match draw {
                    Draw::Granted => grants.extend(self.grant(limit, limiter)),
                    Draw::Wait(wait) => {
                        wake = wake.min(wait);
                        break;
                    }
                    Draw::NeedsPersist => break,
                    Draw::Held(_) => {
                        paused = true;
                        break;
                    }
                }
            }
            if paused && !self.last_paused[limit] {
                self.broadcast_status(limiter).await?;
            }
        }
        for (worker, grant) in grants {
            self.server.send(&worker, &encode(&LeaderMessage::Grant(grant))?).await?;
        }
        Ok(wake)
    }

    fn grant(&mut self, limit: usize, limiter: &LocalLimiter) -> Option<(String, Grant)> {
        let turn = self.queue.grant(limit, limiter.now().seconds)?;
        let micros = |seconds: f64| (seconds * 1e6) as u64;
        let max_age = limiter.ledger().pace_of(limit).max_age.as_secs_f64();
        let grant = Grant {
            term: self.term,
            limit,
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
