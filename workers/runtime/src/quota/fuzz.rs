//! Entry points for fuzzing: messages between the processes of a fleet about a quota, without a broker.

use std::time::Duration;

use super::fair_queue::FairQueue;
use super::fleet_limiter::FleetLimiter;
use super::local_limiter::LocalLimiter;
use super::wire::{Grant, LeaderMessage, TokenRequest};
use super::{Account, Pause, QuotaCommand, RateLimit, leader, state};
use crate::clock;

/// An account with a fast limit and a slow one.
fn account() -> Account {
    let limit = |name, per_window, seconds| RateLimit {
        name,
        per_window,
        window: Duration::from_secs(seconds),
        daily: true,
        strict: true,
    };
    let limits = vec![limit("heavy", 40.0, 1), limit("resource-intensive", 20.0, 60)];
    Account { source: "zoom", label: "main".to_owned(), limits, share: 0.8, per_day: 60_000, reserve: 100 }
}

const TERM: u64 = 7;

/// The leader reads a request twice and grants tokens. Returns false if the request is unreadable.
pub fn request(body: &[u8]) -> bool {
    let (limiter, mut queue) = (LocalLimiter::in_memory(account()), FairQueue::new(TERM, 2));
    let heard = leader::accept_request(&mut queue, &limiter, body).is_some();
    leader::accept_request(&mut queue, &limiter, body);
    for limit in 0..2 {
        for _ in 0..3 {
            queue.has_demand(limit, 0.1).then(|| queue.grant(limit, 0.1));
        }
    }
    let _ = (queue.waiting(), queue.max_rtt(0.1), limiter.status(queue.waiting()));
    queue.remove_silent(1e9);
    heard
}

/// A process reads a message of the leader.
pub fn leader_message(body: &[u8]) -> bool {
    let limiter = FleetLimiter::new(account());
    limiter.take(body);
    limiter.take(body);
    let _ = (limiter.held(0), limiter.held(1), limiter.status(), limiter.leader_time(clock::now()));
    serde_json::from_slice::<LeaderMessage>(body).is_ok()
}

/// The leader executes a command.
pub fn command(body: &[u8]) -> bool {
    let limiter = LocalLimiter::in_memory(account());
    let is_done = matches!(leader::execute(&limiter, body, 1), super::CommandReply::Done(_));
    draw(&limiter);
    is_done
}

/// The leader continues with a persisted state.
pub fn state(body: &[u8]) -> bool {
    let Ok(state) = state::read(body, &account()) else { return false };
    let limiter = LocalLimiter::new(account(), state);
    draw(&limiter);
    if let Some(state) = limiter.to_persist() {
        limiter.persisted(&state, true);
        draw(&limiter);
    }
    limiter.ledger().close();
    true
}

fn draw(limiter: &LocalLimiter) {
    for limit in 0..2 {
        limiter.ledger().draw(limit, limiter.now());
        limiter.ledger().give_back(limit, 1, true);
        let _ = limiter.held(limit);
    }
}

/// Encoded messages of each kind.
pub fn seeds() -> [Vec<Vec<u8>>; 4] {
    let pause = Pause { until: Some(clock::now()), why: "by hand".to_owned() };
    let commands = vec![
        QuotaCommand::Show,
        QuotaCommand::Set { shares: [("heavy".to_owned(), Some(0.5))].into(), reserve: Some(Some(7)) },
        QuotaCommand::Pause { limits: vec!["heavy".to_owned()], pause },
        QuotaCommand::Resume { limits: vec!["heavy".to_owned()] },
        QuotaCommand::Observed {
            used: Some(5),
            day: Some("2026-01-02".parse().unwrap_or_default()),
            skew_ms: Some(3),
        },
        QuotaCommand::Spent { until: Some(clock::now()) },
    ];
    let request = TokenRequest {
        worker: "w".to_owned(),
        serial: 3,
        term: TERM,
        waiting: vec![2, 1],
        first: vec![None, Some(-400)],
        received: vec![5, 0],
        returned: vec![1, 0],
        min_rtt_us: Some(900),
        commands: commands.clone(),
    };
    let grant = Grant { term: TERM, limit: 1, count: 1, serial: 1, held_us: 10, max_age_us: 900_000 };
    let status = LocalLimiter::in_memory(account()).status(1);
    let notes =
        [LeaderMessage::Grant(grant), LeaderMessage::Term(TERM), LeaderMessage::Status(Box::new(status))];
    let state = LocalLimiter::new(account(), super::QuotaState::default()).ledger().close();
    [
        vec![json(&request)],
        notes.iter().map(json).collect(),
        commands.iter().map(json).collect(),
        vec![json(&state)],
    ]
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
