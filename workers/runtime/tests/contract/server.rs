//! Behaviour that only a server has.

use std::time::{Duration, Instant};

use lapin::options::{
    BasicGetOptions, BasicNackOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use messages::{Cause, CauseClass, Queue};
use runtime::broker::{Amqp, Subscription, amqp};
use runtime::{Broker, BrokerError, PublishError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::fixture::*;

/// Opens a channel without `ua`'s broker code.
pub(crate) async fn raw(settings: &amqp::AmqpSettings) -> (Connection, Channel) {
    let connection =
        Connection::connect(settings.url.expose_secret(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

pub(crate) fn physical(settings: &amqp::AmqpSettings, queue: &Queue) -> String {
    queue.as_str().replacen("ua", &settings.prefix, 1)
}

pub(crate) async fn the_brokers_own_dead_letters_have_origin_and_cause(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.publish(messages(&jobs(), 1)).await.unwrap();
    // Via a rung, so that it has an `x-death` before the broker dead-letters it.
    let mut consumer = consume(broker, &jobs(), 1).await;
    let cause = Cause::new(CauseClass::BadShape, "an earlier failure");
    take_one(&mut consumer).await.retry(Some(RUNGS[0]), cause).await.unwrap();
    consumer.pause().await;
    wait_ready(broker, &jobs(), 1).await;
    let (_connection, channel) = raw(fixture.settings()).await;
    let name = physical(fixture.settings(), &jobs());
    let requeue = BasicNackOptions { requeue: true, multiple: false };
    let begin = Instant::now();
    let mut returned = 0;
    while broker.depth(&Queue::dead()).await.unwrap().ready == 0 {
        assert!(begin.elapsed() < PATIENCE * 2, "returned {returned} times and still not dead");
        if let Some(got) = channel.basic_get(name.as_str().into(), BasicGetOptions::default()).await.unwrap()
        {
            returned += 1;
            got.nack(requeue).await.unwrap();
        }
    }
    assert!(returned > 100, "dead after {returned}");
    let dead = take_one(&mut consume(broker, &Queue::dead(), 1).await).await;
    let headers = &dead.message.headers;
    assert_eq!(headers.message_id, "m0");
    assert_eq!(headers.origin, Some(jobs()));
    assert_eq!(headers.attempt, 1);
    let cause = headers.cause.clone().unwrap();
    assert_eq!(cause.class, CauseClass::CrashedWorker);
    assert!(cause.text.contains(jobs().as_str()), "{cause}");
    assert_eq!(dead.message.body, "body of m0");
    assert_eq!(dead.crashed_too_often(), None, "it is dead already");
    dead.ack().await.unwrap();
}

pub(crate) async fn a_queue_with_other_arguments_is_refused_by_name(fixture: &Fixture) {
    let mut other = fixture.settings().clone();
    other.documents_limit += 1;
    let error = Amqp::connect(other).await.unwrap_err();
    let name = physical(fixture.settings(), &Queue::documents());
    assert!(matches!(error, BrokerError::Refused(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains(&name) && text.contains("x-max-length") && text.contains("ua setup"), "{text}");
    // A foreign queue of the same name and another type.
    let mut foreign = settings(fixture.settings().url.expose_secret());
    foreign.ladder.rungs.clear();
    let (_connection, channel) = raw(&foreign).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    let name = physical(&foreign, &jobs());
    channel.queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), arguments).await.unwrap();
    let error = Amqp::connect(foreign.clone()).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Refused(text) if text.contains(&name)), "{error}");
    channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let sweeper = Amqp::connect(foreign).await.unwrap();
    sweeper.remove().await.unwrap();
    Broker::Amqp(sweeper).close().await;
}

pub(crate) async fn no_secret_is_shown(fixture: &Fixture) {
    let password = "canary-5d1f";
    let mut settings = fixture.settings().clone();
    let url = settings.url.expose_secret().replace("guest:guest@", &format!("guest:{password}@"));
    assert!(url.contains(password), "the server's user is not the usual one");
    settings.url = SecretString::from(url);
    let error = Amqp::connect(settings.clone()).await.unwrap_err();
    for shown in [format!("{settings:?}"), format!("{error:?}"), error.to_string()] {
        assert!(!shown.contains(password), "{shown}");
    }
    // The debug output of an open connection and its parts.
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 1).await;
    let delivery = take_one(&mut consumer).await;
    for shown in [format!("{:?}", fixture.broker), format!("{consumer:?}"), format!("{delivery:?}")] {
        assert!(!shown.contains("guest"), "{shown}");
    }
    delivery.ack().await.unwrap();
}

pub(crate) async fn a_wrong_password_is_refused_at_once(fixture: &Fixture) {
    let begin = Instant::now();
    let mut settings = fixture.settings().clone();
    settings.url = SecretString::from(settings.url.expose_secret().replace("guest:guest@", "guest:wrong@"));
    let error = Amqp::connect(settings.clone()).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Refused(text) if text.contains("AMQP_URL")), "{error:?}");
    settings.url = SecretString::from(fixture.settings().url.expose_secret().replace("%2f", "no-such-host"));
    let error = Amqp::connect(settings).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Refused(text) if text.contains("no-such-host")), "{error:?}");
    assert!(begin.elapsed() < PATIENCE, "it was tried again and again");
}

pub(crate) async fn a_channel_error_is_survived_by_the_publisher(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.publish(messages(&jobs(), 1)).await.unwrap();
    let (_connection, channel) = raw(fixture.settings()).await;
    let exchange = fixture.settings().prefix.as_str();
    channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.unwrap();
    // Publishing to a missing exchange closes the channel, for this batch and others.
    let (one, two) =
        tokio::join!(broker.publish(messages(&jobs(), 300)), broker.publish(messages(&jobs(), 1)));
    for outcome in [one, two] {
        let error = outcome.unwrap_err();
        assert!(matches!(&error, PublishError::Unroutable { queue } if *queue == jobs()), "{error:?}");
    }
    let Broker::Amqp(amqp) = broker else { panic!("not a server") };
    amqp.declare().await.unwrap();
    broker.publish(messages(&jobs(), 300)).await.unwrap();
    wait_ready(broker, &jobs(), 301).await;
}

pub(crate) async fn a_queue_deleted_under_a_consumer_is_told_and_survived(fixture: &Fixture) {
    let broker = &fixture.broker;
    let lanes = [jobs(), Queue::documents()].map(|queue| Subscription { queue, prefetch: 10 });
    let mut consumer = broker.consume(lanes.into()).await.unwrap();
    broker.publish(messages(&Queue::documents(), 5)).await.unwrap();
    let held = take(&mut consumer, 2).await;
    let (_connection, channel) = raw(fixture.settings()).await;
    let name = physical(fixture.settings(), &jobs());
    channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let told = async {
        loop {
            match consumer.take(10).await {
                Ok(taken) => drop(taken),
                Err(error) => break error,
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, told).await.expect("nobody notices");
    assert!(matches!(&error, BrokerError::Refused(text) if text.contains(jobs().as_str())), "{error:?}");
    for delivery in held {
        delivery.ack().await.expect("its channel is still there");
    }
    let Broker::Amqp(amqp) = broker else { panic!("not a server") };
    amqp.declare().await.unwrap();
    broker.publish(messages(&jobs(), 3)).await.unwrap();
    let mut seen = drain(&mut consumer, 6).await;
    seen.sort();
    assert_eq!(seen, ["m0", "m1", "m2", "m2", "m3", "m4"], "three jobs, and the three documents nobody held");
    assert_quiet(&mut consumer).await;
}

pub(crate) async fn unread_deliveries_are_requeued_in_time(fixture: &Fixture) {
    let mut settings = fixture.settings().clone();
    settings.buffer_life = Duration::from_millis(500);
    let idle = Broker::Amqp(Amqp::connect(settings).await.unwrap());
    fixture.broker.publish(messages(&jobs(), 5)).await.unwrap();
    let mut consumer = consume(&idle, &jobs(), 5).await;
    let held = take_one(&mut consumer).await;
    let mut elsewhere = consume(&fixture.broker, &jobs(), 5).await;
    // The first worker holds one message; the four behind it are requeued.
    let others = take(&mut elsewhere, 4).await;
    assert!(others.iter().all(|delivery| delivery.crashes == 0), "waiting is no crash");
    held.ack().await.unwrap();
    for delivery in others {
        delivery.requeue().await.unwrap();
    }
    drop(elsewhere);
    assert_eq!(drain(&mut consumer, 4).await.len(), 4, "and it takes again when it is free");
    idle.close().await;
}

pub(crate) async fn a_dropped_handle_leaves_nothing_behind(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 3)).await.unwrap();
    let forgotten = fixture.another().await;
    let mut consumer = consume(&forgotten, &jobs(), 3).await;
    let held = take_one(&mut consumer).await;
    drop((held, consumer, forgotten));
    let mut next = consume(&fixture.broker, &jobs(), 3).await;
    let taken = drain(&mut next, 3).await;
    assert_eq!(sorted(taken), ids(3));
}

pub(crate) async fn declaring_again_changes_nothing(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 3)).await.unwrap();
    let Broker::Amqp(amqp) = &fixture.broker else { panic!("not a server") };
    amqp.declare().await.unwrap();
    amqp.declare().await.unwrap();
    assert!(amqp.version().starts_with("3.1") || amqp.version().starts_with("4."), "{}", amqp.version());
    wait_ready(&fixture.broker, &jobs(), 3).await;
}

/// Runs without a broker.
pub(crate) async fn what_is_no_broker_is_said_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let page = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, page).await;
        }
    });
    let error =
        Amqp::connect(settings(&format!("amqp://user:canary-77@127.0.0.1:{port}"))).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Away(why) if why.contains("no AMQP 0-9-1 broker")), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
    // A closed port.
    let error = Amqp::connect(settings("amqp://user:canary-77@127.0.0.1:9")).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Away(why) if why.contains("127.0.0.1:9")), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
}
