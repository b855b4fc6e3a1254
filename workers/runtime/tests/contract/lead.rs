//! One of all candidates for a name leads. Its persisted state and pending requests survive it.

use std::time::Duration;

use runtime::Broker;
use runtime::broker::Lead;

use crate::fixture::*;

/// The name that every case leads; the fixture removes its queues.
pub(crate) const NAME: &str = "fleet";

async fn lead(broker: &Broker) -> Lead {
    tokio::time::timeout(PATIENCE, broker.lead(NAME)).await.expect("nobody else leads").unwrap()
}

async fn cannot_lead(broker: &Broker) {
    assert!(tokio::time::timeout(QUIET, broker.lead(NAME)).await.is_err(), "there are two leaders");
}

pub(crate) async fn one_leads_and_another_takes_over(fixture: &Fixture) {
    let other = fixture.another().await;
    let first = lead(&fixture.broker).await;
    cannot_lead(&other).await;
    let waiting = tokio::spawn({
        let other = other.clone();
        async move { lead(&other).await }
    });
    tokio::time::sleep(QUIET).await;
    assert!(!waiting.is_finished());
    first.release().await;
    let second = waiting.await.unwrap();
    cannot_lead(&fixture.broker).await;
    drop(second);
    let third = lead(&fixture.broker).await;
    assert!(tokio::time::timeout(QUIET, third.lost()).await.is_err(), "a leader that lives has lost nothing");
    other.close().await;
}

pub(crate) async fn two_names_have_two_leaders(fixture: &Fixture) {
    let first = lead(&fixture.broker).await;
    let other = fixture.another().await;
    let second =
        tokio::time::timeout(PATIENCE, other.lead("fleet.second")).await.expect("another name").unwrap();
    second.persist(b"two".to_vec()).await.unwrap();
    first.persist(b"one".to_vec()).await.unwrap();
    second.release().await;
    let second = other.lead("fleet.second").await.unwrap();
    assert_eq!(second.state().await.unwrap().unwrap(), b"two");
    other.close().await;
}

pub(crate) async fn what_a_leader_keeps_outlives_it(fixture: &Fixture) {
    let first = lead(&fixture.broker).await;
    assert_eq!(first.state().await.unwrap(), None);
    for number in 0..20 {
        first.persist(format!("state {number}").into_bytes()).await.unwrap();
    }
    first.release().await;
    // Peeking changes nothing, even repeatedly and concurrently.
    assert_eq!(fixture.broker.peek("fleet.second").await.unwrap(), None, "no process has led it");
    for _ in 0..30 {
        let both = tokio::join!(fixture.broker.peek(NAME), fixture.broker.peek(NAME));
        assert_eq!(
            (both.0.unwrap().unwrap(), both.1.unwrap().unwrap()),
            (b"state 19".to_vec(), b"state 19".to_vec())
        );
    }
    // Leaders that read the state and end without persisting it lose nothing.
    for _ in 0..5 {
        let next = lead(&fixture.broker).await;
        assert_eq!(next.state().await.unwrap().unwrap(), b"state 19");
        drop(next);
    }
    let last = lead(&fixture.broker).await;
    assert_eq!(last.state().await.unwrap().unwrap(), b"state 19");
    last.persist(b"state 20".to_vec()).await.unwrap();
    drop(last);
    assert_eq!(lead(&fixture.broker).await.state().await.unwrap().unwrap(), b"state 20");
}

pub(crate) async fn orders_reach_the_leader_and_answers_come_back(fixture: &Fixture) {
    let leader = lead(&fixture.broker).await;
    let other = fixture.another().await;
    let asking = tokio::spawn({
        let other = other.clone();
        async move { other.request(NAME, b"how many?".to_vec(), PATIENCE).await.unwrap() }
    });
    let order = tokio::time::timeout(PATIENCE, leader.next_request()).await.expect("an order").unwrap();
    assert_eq!(order.body(), b"how many?");
    order.reply(b"three".to_vec()).await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap(), b"three");
    other.close().await;
}

pub(crate) async fn an_order_waits_for_a_leader_and_survives_one(fixture: &Fixture) {
    let other = fixture.another().await;
    assert_eq!(other.request(NAME, b"anybody?".to_vec(), QUIET).await.unwrap(), None);
    let asking = tokio::spawn({
        let other = other.clone();
        async move { other.request(NAME, b"still there?".to_vec(), PATIENCE).await.unwrap() }
    });
    let first = lead(&fixture.broker).await;
    let order =
        tokio::time::timeout(PATIENCE, first.next_request()).await.expect("the order stands").unwrap();
    assert_eq!(order.body(), b"anybody?");
    // Without a reply, the request is redelivered to the next leader.
    drop(order);
    drop(first);
    let second = lead(&fixture.broker).await;
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let order =
            tokio::time::timeout(PATIENCE, second.next_request()).await.expect("both orders").unwrap();
        bodies.push(order.body().to_vec());
        order.reply(b"yes".to_vec()).await.unwrap();
    }
    // A redelivered request may arrive after newer ones.
    bodies.sort();
    assert_eq!(bodies, [b"anybody?".to_vec(), b"still there?".to_vec()]);
    assert_eq!(asking.await.unwrap().unwrap(), b"yes");
    other.close().await;
}

pub(crate) async fn a_name_that_is_none_is_refused(fixture: &Fixture) {
    for name in ["", "../up", "a b", &"x".repeat(101)] {
        assert!(fixture.broker.lead(name).await.is_err(), "{name}");
        assert!(fixture.broker.request(name, Vec::new(), Duration::from_secs(1)).await.is_err(), "{name}");
    }
}
