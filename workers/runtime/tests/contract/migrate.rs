//! Queues that exist with other arguments: surveyed, and recreated with all their messages.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use messages::{Cause, CauseClass, Queue};
use runtime::broker::amqp::{Migrated, QueueState, Surveyed};
use runtime::broker::{Amqp, amqp};
use runtime::{Broker, BrokerError, Message};
use secrecy::ExposeSecret as _;

use crate::fixture::*;
use crate::server::{physical, raw};

const COUNT: usize = 2_000;
/// Maximum number of messages that one interruption duplicates.
const CHUNK: usize = 50;

/// Queues of one prefix that were declared with a bound of `COUNT * 2` and need another.
struct Site {
    old: amqp::AmqpSettings,
    new: amqp::AmqpSettings,
}

/// Runs a case on its own site, and removes the site whatever the outcome.
async fn on_a_site(fixture: &Fixture, limit: usize, case: impl AsyncFnOnce(&Site)) {
    let mut old = settings(fixture.settings().url.expose_secret());
    old.documents_limit = COUNT * 2;
    let new = amqp::AmqpSettings { documents_limit: limit, ..old.clone() };
    let site = Site { old, new };
    Broker::Amqp(Amqp::connect(site.old.clone()).await.unwrap()).close().await;
    let outcome = AssertUnwindSafe(case(&site)).catch_unwind().await;
    let sweeper = Amqp::open(site.new).await.unwrap();
    sweeper.remove().await.unwrap();
    Broker::Amqp(sweeper).close().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

impl Site {
    /// Publishes documents with distinct headers to the old queue.
    async fn fill(&self) -> Vec<Message> {
        let mut sent = messages(&Queue::documents(), COUNT);
        for (number, message) in sent.iter_mut().enumerate() {
            message.headers.attempt = u32::try_from(number % 4).unwrap();
            message.headers.replays = 1;
            message.headers.origin = Some(jobs());
            message.headers.cause = Some(Cause::new(CauseClass::BadShape, format!("cause {number}")));
        }
        let broker = Broker::Amqp(Amqp::connect(self.old.clone()).await.unwrap());
        broker.publish(sent.clone()).await.unwrap();
        wait_ready(&broker, &Queue::documents(), COUNT as u64).await;
        broker.close().await;
        sent
    }

    async fn migrate(&self) -> Vec<Migrated> {
        let (amqp, begin) = (Amqp::open(self.new.clone()).await.unwrap(), Instant::now());
        let migrated = loop {
            match amqp.migrate(|_, _, _| {}).await {
                // An interrupted migration holds the lock until the broker notices its end.
                Err(BrokerError::Refused(why))
                    if why.contains("another migration") && begin.elapsed() < PATIENCE =>
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                migrated => break migrated.unwrap(),
            }
        };
        Broker::Amqp(amqp).close().await;
        migrated
    }

    async fn surveyed(&self, queue: &Queue) -> Surveyed {
        let amqp = Amqp::open(self.new.clone()).await.unwrap();
        let survey = amqp.survey().await.unwrap();
        Broker::Amqp(amqp).close().await;
        let name = physical(&self.new, queue);
        survey.queues.into_iter().find(|surveyed| surveyed.name == name).unwrap()
    }

    /// Takes all messages of the documents queue, like a worker.
    async fn take_everything(&self) -> Vec<Message> {
        let broker = Broker::Amqp(Amqp::connect(self.new.clone()).await.unwrap());
        let mut consumer = consume(&broker, &Queue::documents(), 200).await;
        let mut taken = Vec::new();
        while let Ok(more) = tokio::time::timeout(QUIET * 3, consumer.take(200)).await {
            for delivery in more.unwrap() {
                // Each interruption counts as a crash of messages in flight.
                assert!(delivery.crashes <= 3, "{}", delivery.crashes);
                taken.push(delivery.message.clone());
                delivery.ack().await.unwrap();
            }
        }
        consumer.pause().await;
        broker.close().await;
        taken
    }
}

pub(crate) async fn a_queue_is_made_anew_with_everything_in_its_order(fixture: &Fixture) {
    on_a_site(fixture, COUNT * 3, async |site| {
        let sent = site.fill().await;
        let QueueState::Different(found) = site.surveyed(&Queue::documents()).await.state else {
            panic!("the difference is not seen")
        };
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "x-max-length is 4000, wanted 6000");
        let migrated = site.migrate().await;
        let queue = physical(&site.new, &Queue::documents());
        assert_eq!(migrated, [Migrated { queue, differences: found, messages: COUNT as u64 }]);
        let surveyed = site.surveyed(&Queue::documents()).await;
        assert_eq!((surveyed.state, surveyed.left_apart), (QueueState::Right, None));
        assert_eq!(site.take_everything().await, sent);
        assert_eq!(site.migrate().await, [], "a second time there is nothing to do");
    })
    .await;
}

pub(crate) async fn what_exceeds_a_smaller_bound_is_kept(fixture: &Fixture) {
    on_a_site(fixture, 100, async |site| {
        let sent = site.fill().await;
        assert_eq!(site.migrate().await[0].messages, COUNT as u64);
        let mut taken = site.take_everything().await;
        taken.sort_by_key(|message| message.headers.message_id[1..].parse::<usize>().unwrap());
        assert_eq!(taken, sent);
    })
    .await;
}

pub(crate) async fn a_migration_may_be_interrupted_anywhere(fixture: &Fixture) {
    for seed in 0..6 {
        let (mut random, mut interruptions) = (seed, 0);
        let mut next = |below: u64| {
            random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
            random / 7 % below
        };
        on_a_site(fixture, COUNT * 3, async |site| {
            let sent = site.fill().await;
            for _ in 0..3 {
                let amqp = Amqp::open(site.new.clone()).await.unwrap();
                let finished = polled(amqp.migrate(|_, _, _| {}), 1 + next(900)).await;
                interruptions += usize::from(finished.is_none());
                let broker = Broker::Amqp(amqp);
                if next(2) == 0 { broker.crash().await } else { broker.close().await }
            }
            site.migrate().await;
            let taken = site.take_everything().await;
            let mut first = Vec::new();
            for message in &taken {
                if !first.contains(message) {
                    first.push(message.clone());
                }
            }
            assert_eq!(first.len(), sent.len(), "seed {seed}: lost after {interruptions} interruptions");
            // RabbitMQ may put messages that an interrupted run held behind the others. Nothing else changes.
            first.sort_by_key(|message| message.headers.message_id[1..].parse::<usize>().unwrap());
            assert_eq!(first, sent, "seed {seed}: another message");
            let doubled = taken.len() - sent.len();
            assert!(doubled <= CHUNK * interruptions, "seed {seed}: {doubled} doubled");
            assert_eq!(site.surveyed(&Queue::documents()).await.left_apart, None);
        })
        .await;
    }
}

/// Polls a future `most` times at most, then drops it.
async fn polled<T>(future: impl Future<Output = T>, most: u64) -> Option<T> {
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(|context| {
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if polls >= most => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

pub(crate) async fn what_was_left_apart_is_seen_and_comes_back(fixture: &Fixture) {
    on_a_site(fixture, COUNT * 3, async |site| {
        let sent = site.fill().await;
        let amqp = Amqp::open(site.new.clone()).await.unwrap();
        let half = tokio::sync::Notify::new();
        let migrating = amqp.migrate(|_, moved, _| {
            if moved >= COUNT as u64 / 2 {
                half.notify_one();
            }
        });
        tokio::select! {
            migrated = migrating => panic!("not interrupted: {migrated:?}"),
            () = half.notified() => {}
        }
        Broker::Amqp(amqp).crash().await;
        let left = site.surveyed(&Queue::documents()).await.left_apart.unwrap();
        assert!(left >= COUNT as u64 / 2, "{left}");
        // Messages published meanwhile go to the shelter.
        let open = Broker::Amqp(Amqp::open(site.new.clone()).await.unwrap());
        let late = message(&Queue::documents(), COUNT);
        open.publish(vec![late.clone()]).await.unwrap();
        open.close().await;
        site.migrate().await;
        let mut taken = site.take_everything().await;
        assert!(taken.contains(&late));
        taken.sort_by_key(|message| message.headers.message_id[1..].parse::<usize>().unwrap());
        taken.dedup();
        assert_eq!(taken[..COUNT], sent);
    })
    .await;
}

pub(crate) async fn nothing_is_touched_while_somebody_takes_or_holds(fixture: &Fixture) {
    on_a_site(fixture, COUNT * 3, async |site| {
        let worker = Broker::Amqp(Amqp::connect(site.old.clone()).await.unwrap());
        worker.publish(messages(&Queue::documents(), 3)).await.unwrap();
        let mut consumer = consume(&worker, &Queue::documents(), 1).await;
        let held = take_one(&mut consumer).await;
        let amqp = Amqp::open(site.new.clone()).await.unwrap();
        let refused = amqp.migrate(|_, _, _| {}).await.unwrap_err();
        assert!(
            matches!(&refused, BrokerError::Refused(text) if text.contains("stop the workers")),
            "{refused}"
        );
        // Nor while a paused consumer holds a message.
        consumer.pause().await;
        let refused = amqp.migrate(|_, _, _| {}).await.unwrap_err();
        assert!(
            matches!(&refused, BrokerError::Refused(text) if text.contains("stop the workers")),
            "{refused}"
        );
        let surveyed = site.surveyed(&Queue::documents()).await;
        assert!(matches!(surveyed.state, QueueState::Different(_)) && surveyed.left_apart.is_none());
        held.ack().await.unwrap();
        assert_eq!(amqp.migrate(|_, _, _| {}).await.unwrap()[0].messages, 2);
        worker.close().await;
        Broker::Amqp(amqp).close().await;
    })
    .await;
}

pub(crate) async fn only_one_migrates_at_a_time(fixture: &Fixture) {
    on_a_site(fixture, COUNT * 3, async |site| {
        site.fill().await;
        let (one, other) =
            (Amqp::open(site.new.clone()).await.unwrap(), Amqp::open(site.new.clone()).await.unwrap());
        let begun = tokio::sync::Notify::new();
        let migrating = one.migrate(|_, _, _| begun.notify_one());
        let refused = async {
            begun.notified().await;
            other.migrate(|_, _, _| {}).await
        };
        let (migrated, refused) = tokio::join!(migrating, refused);
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, BrokerError::Refused(text) if text.contains("under way")), "{refused}");
        assert_eq!(migrated.unwrap()[0].messages, COUNT as u64);
        for amqp in [one, other] {
            Broker::Amqp(amqp).close().await;
        }
    })
    .await;
}

/// Declares a queue with other arguments and the usual binding.
async fn declare_otherwise(
    channel: &Channel,
    name: &str,
    exchange: &str,
    key: &str,
    arguments: &[(&str, i64)],
) {
    channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    for (argument, value) in arguments {
        table.insert((*argument).into(), AMQPValue::LongLongInt(*value));
    }
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), table).await.unwrap();
    let options = QueueBindOptions::default();
    channel
        .queue_bind(name.into(), exchange.into(), key.into(), options, FieldTable::default())
        .await
        .unwrap();
}

pub(crate) async fn what_is_parked_goes_on_to_where_it_was_bound(fixture: &Fixture) {
    let rung = format!("{}.rung.2500ms", fixture.settings().prefix);
    let (_connection, channel) = raw(fixture.settings()).await;
    declare_otherwise(&channel, &rung, &rung, "", &[("x-delivery-limit", 7)]).await;
    let broker = &fixture.broker;
    broker.publish(messages(&jobs(), 5)).await.unwrap();
    let mut consumer = consume(broker, &jobs(), 5).await;
    let parked = Duration::from_millis(2_500);
    for delivery in take(&mut consumer, 5).await {
        delivery.retry(Some(parked), Cause::new(CauseClass::BadShape, "later")).await.unwrap();
    }
    consumer.pause().await;
    let amqp = Amqp::open(fixture.settings().clone()).await.unwrap();
    let migrated = amqp.migrate(|_, _, _| {}).await.unwrap();
    assert_eq!((migrated.len(), &migrated[0].queue, migrated[0].messages), (1, &rung, 5));
    let words: Vec<String> = migrated[0]
        .differences
        .iter()
        .map(ToString::to_string)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let exchange = &fixture.settings().prefix;
    assert_eq!(
        words,
        [
            format!("x-dead-letter-exchange is not set, wanted {exchange}"),
            "x-dead-letter-strategy is not set, wanted at-least-once".to_owned(),
            "x-delivery-limit is 7, wanted 100".to_owned(),
            "x-message-ttl is not set, wanted 2500".to_owned(),
            "x-overflow is not set, wanted reject-publish".to_owned(),
        ]
    );
    let back = take(&mut consumer, 5).await;
    assert_eq!(ids_of(&back), ids(5));
    for delivery in back {
        assert_eq!(delivery.message.headers.attempt, 1);
        delivery.ack().await.unwrap();
    }
    Broker::Amqp(amqp).close().await;
}

pub(crate) async fn a_queue_of_another_type_is_made_anew(fixture: &Fixture) {
    let name = physical(fixture.settings(), &jobs());
    let (_connection, channel) = raw(fixture.settings()).await;
    channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let (options, none) = (QueueDeclareOptions::default(), FieldTable::default());
    channel.queue_declare(name.as_str().into(), options, none.clone()).await.unwrap();
    let exchange = fixture.settings().prefix.as_str();
    let options = QueueBindOptions::default();
    channel
        .queue_bind(name.as_str().into(), exchange.into(), jobs().as_str().into(), options, none)
        .await
        .unwrap();
    fixture.broker.publish(messages(&jobs(), 3)).await.unwrap();
    let amqp = Amqp::open(fixture.settings().clone()).await.unwrap();
    let migrated = amqp.migrate(|_, _, _| {}).await.unwrap();
    let differs = |argument: &str| migrated[0].differences.iter().any(|found| found.argument == argument);
    assert!(differs("durable") && differs("x-queue-type") && differs("x-overflow"), "{migrated:?}");
    assert_eq!(drain(&mut consume(&fixture.broker, &jobs(), 3).await, 3).await, ids(3));
    Broker::Amqp(amqp).close().await;
}

pub(crate) async fn a_survey_changes_nothing(fixture: &Fixture) {
    let mut none = fixture.settings().clone();
    none.prefix.push_str("-none");
    let looking = Amqp::open(none.clone()).await.unwrap();
    for _ in 0..2 {
        let survey = looking.survey().await.unwrap();
        assert!(survey.queues.iter().all(|queue| queue.state == QueueState::Missing), "{survey:?}");
        assert_eq!(survey.queues.len(), Queue::all().len() + 2 + none.ladder.rungs.len());
        assert_eq!((survey.rights, survey.blocked), (amqp::Rights::default(), None));
    }
    Broker::Amqp(looking).close().await;
    fixture.broker.publish(messages(&jobs(), 3)).await.unwrap();
    let looking = Amqp::open(fixture.settings().clone()).await.unwrap();
    wait_ready(&fixture.broker, &jobs(), 3).await;
    for _ in 0..2 {
        let survey = looking.survey().await.unwrap();
        assert!(survey.queues.iter().all(|queue| queue.state == QueueState::Right), "{survey:?}");
        assert_eq!(survey.queues.iter().map(|queue| queue.ready).sum::<u64>(), 3);
        assert_eq!((survey.rights, survey.blocked), (amqp::Rights::default(), None));
        assert_eq!((survey.encrypted, survey.version.as_str()), (false, looking.version()));
    }
    // The survey delivered no message, which would count as a crash.
    for delivery in take(&mut consume(&fixture.broker, &jobs(), 3).await, 3).await {
        assert_eq!(delivery.crashes, 0);
        delivery.ack().await.unwrap();
    }
    Broker::Amqp(looking).close().await;
}

pub(crate) async fn an_exchange_of_another_kind_is_refused_by_name(fixture: &Fixture) {
    let foreign = settings(fixture.settings().url.expose_secret());
    let (_connection, channel) = raw(&foreign).await;
    let (options, none) =
        (ExchangeDeclareOptions { durable: true, ..Default::default() }, FieldTable::default());
    let exchange = foreign.prefix.as_str();
    channel.exchange_declare(exchange.into(), ExchangeKind::Topic, options, none).await.unwrap();
    let amqp = Amqp::open(foreign.clone()).await.unwrap();
    let refused = amqp.migrate(|_, _, _| {}).await.unwrap_err();
    assert!(matches!(&refused, BrokerError::Refused(text) if text.contains(exchange)), "{refused}");
    channel.exchange_delete(exchange.into(), Default::default()).await.unwrap();
    Broker::Amqp(amqp).close().await;
}
