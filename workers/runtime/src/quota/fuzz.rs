//! Entries for the fuzz targets: what the processes of a fleet tell each other about a quota, without a broker.

use std::time::Duration;

use super::demand::Demand;
use super::tap::Tap;
use super::till::Till;
use super::wire::{Grant, Note, Want};
use super::{Account, Meter, Order, Pause, book, office};
use crate::clock;

/// A fast meter and a slow one.
fn account() -> Account {
    let meter = |name, per_window, seconds| Meter {
        name,
        per_window,
        window: Duration::from_secs(seconds),
        daily: true,
        strict: true,
    };
    let meters = vec![meter("heavy", 40.0, 1), meter("resource-intensive", 20.0, 60)];
    Account { source: "zoom", label: "main".to_owned(), meters, share: 0.8, per_day: 60_000, reserve: 100 }
}

const TERM: u64 = 7;

/// The leader hears a process twice and gives out what it wants; false where it cannot be read.
pub fn want(body: &[u8]) -> bool {
    let (till, mut demand) = (Till::unkept(account()), Demand::new(TERM, 2));
    let heard = office::heed(&mut demand, &till, body).is_some();
    office::heed(&mut demand, &till, body);
    for meter in 0..2 {
        for _ in 0..3 {
            demand.wants(meter, 0.1).then(|| demand.grant(meter, 0.1));
        }
    }
    let _ = (demand.waiting(), demand.farthest(0.1), till.news(demand.waiting()));
    demand.forget(1e9);
    heard
}

/// A process hears the leader.
pub fn note(body: &[u8]) -> bool {
    let tap = Tap::new(account());
    tap.take(body);
    tap.take(body);
    let _ = (tap.held(0), tap.held(1), tap.news(), tap.keepers_time(clock::now()));
    serde_json::from_slice::<Note>(body).is_ok()
}

/// The leader obeys an order.
pub fn order(body: &[u8]) -> bool {
    let till = Till::unkept(account());
    let is_done = matches!(office::obey(&till, body, 1), super::Answer::Done(_));
    draw(&till);
    is_done
}

/// The leader goes on with what was kept.
pub fn kept(body: &[u8]) -> bool {
    let Ok(book) = book::read(body, &account()) else { return false };
    let till = Till::new(account(), book);
    draw(&till);
    if let Some(book) = till.to_keep() {
        till.has_kept(&book, true);
        draw(&till);
    }
    till.ledger().close();
    true
}

fn draw(till: &Till) {
    for meter in 0..2 {
        till.ledger().draw(meter, till.now());
        till.ledger().give_back(meter, 1, true);
        let _ = till.held(meter);
    }
}

/// Messages of each kind, as they are written.
pub fn seeds() -> [Vec<Vec<u8>>; 4] {
    let pause = Pause { until: Some(clock::now()), why: "by hand".to_owned() };
    let orders = vec![
        Order::Show,
        Order::Set { shares: [("heavy".to_owned(), Some(0.5))].into(), reserve: Some(Some(7)) },
        Order::Pause { meters: vec!["heavy".to_owned()], pause },
        Order::Resume { meters: vec!["heavy".to_owned()] },
        Order::Observed {
            used: Some(5),
            day: Some("2026-01-02".parse().unwrap_or_default()),
            skew_ms: Some(3),
        },
        Order::Spent { until: Some(clock::now()) },
    ];
    let want = Want {
        worker: "w".to_owned(),
        serial: 3,
        term: TERM,
        waiting: vec![2, 1],
        first: vec![None, Some(-400)],
        received: vec![5, 0],
        returned: vec![1, 0],
        way_us: Some(900),
        orders: orders.clone(),
    };
    let grant = Grant { term: TERM, meter: 1, count: 1, serial: 1, held_us: 10, max_age_us: 900_000 };
    let news = Till::unkept(account()).news(1);
    let notes = [Note::Grant(grant), Note::Term(TERM), Note::News(Box::new(news))];
    let book = Till::new(account(), super::Book::default()).ledger().close();
    [
        vec![json(&want)],
        notes.iter().map(json).collect(),
        orders.iter().map(json).collect(),
        vec![json(&book)],
    ]
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
