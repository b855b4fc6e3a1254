//! A user with permissions only on the prefix can do everything; each missing permission is reported.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use messages::{Cause, CauseClass, Queue};
use runtime::broker::amqp::{QueueState, Rights};
use runtime::broker::{Amqp, amqp};
use runtime::presence::Identity;
use runtime::quota::{self, Account, CommandReply, QuotaCommand, RateLimit, RateLimiter};
use runtime::{Broker, Failure};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::*;
use crate::server::raw;

/// `guest:guest` in Base64, for HTTP.
const GUEST: &str = "Z3Vlc3Q6Z3Vlc3Q=";

/// A RabbitMQ user, created by the management API.
struct User {
    name: String,
    management: String,
}

impl User {
    async fn made(url: &str, prefix: &str) -> Self {
        let of_four = variable("UA_TEST_AMQP4_URL").as_deref() == Some(url);
        let name = if of_four { "UA_TEST_AMQP4_MANAGEMENT_URL" } else { "UA_TEST_AMQP_MANAGEMENT_URL" };
        let management = variable(name).expect("the management API of the server");
        let (_, management) = management.rsplit_once('@').unwrap();
        let user = Self { name: format!("user-{prefix}"), management: management.to_owned() };
        user.manage("PUT", "users", r#"{"password":"secret","tags":""}"#).await;
        user
    }

    fn settings(&self, settings: &amqp::AmqpSettings) -> amqp::AmqpSettings {
        let url = settings.url.expose_secret().replace("guest:guest@", &format!("{}:secret@", self.name));
        amqp::AmqpSettings { url: url.into(), ..settings.clone() }
    }

    /// Sets the permissions to configure, write and read.
    async fn may(&self, [configure, write, read]: [&str; 3]) {
        let rights = format!(r#"{{"configure":"{configure}","write":"{write}","read":"{read}"}}"#);
        self.manage("PUT", "permissions/%2F", &rights.replace('\\', r"\\")).await;
    }

    async fn manage(&self, method: &str, what: &str, body: &str) {
        let Self { name, management } = self;
        let mut stream = TcpStream::connect(management).await.unwrap();
        let request = format!(
            "{method} /api/{what}/{name} HTTP/1.1\r\nHost: {management}\r\nAuthorization: Basic {GUEST}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 2"), "{method} {what}: {reply}");
    }
}

fn account() -> Account {
    let limit = RateLimit {
        name: "heavy",
        per_window: 1_000.0,
        window: Duration::from_secs(1),
        daily: true,
        strict: true,
    };
    Account {
        source: "zoom",
        label: "rights".to_owned(),
        limits: vec![limit],
        share: 0.8,
        per_day: 100_000,
        reserve: 0,
    }
}

/// Creates queues with their own prefix, and a user; returns the permission pattern of the survey.
async fn prepared(fixture: &Fixture) -> (amqp::AmqpSettings, User, String) {
    let mut settings = settings(fixture.settings().url.expose_secret());
    settings.leads = vec![account().lead_name()];
    let user = User::made(settings.url.expose_secret(), &settings.prefix).await;
    let amqp = Amqp::open(settings.clone()).await.unwrap();
    let pattern = amqp.survey().await.unwrap().pattern;
    Broker::Amqp(amqp).close().await;
    (settings, user, pattern)
}

async fn removed(settings: amqp::AmqpSettings, user: User) {
    let amqp = Amqp::open(settings).await.unwrap();
    amqp.remove().await.unwrap();
    amqp.remove_lead(&account().lead_name()).await.unwrap();
    Broker::Amqp(amqp).close().await;
    user.manage("DELETE", "users", "").await;
}

pub(crate) async fn rights_on_our_names_are_all_that_is_needed(fixture: &Fixture) {
    let (settings, user, pattern) = prepared(fixture).await;
    user.may([&pattern, &pattern, &pattern]).await;
    let amqp = Amqp::connect(user.settings(&settings)).await.unwrap();
    let broker = Broker::Amqp(amqp.clone());
    work(&broker).await;
    fetch(&broker).await;
    let survey = amqp.survey().await.unwrap();
    assert!(survey.queues.iter().all(|queue| queue.state == QueueState::Right), "{survey:?}");
    let led = survey.queues.iter().filter(|queue| queue.name.ends_with(&account().lead_name())).count();
    assert_eq!(led, 5, "{survey:?}");
    assert!(survey.rights.default_exchange.is_some(), "the exchange that leads everywhere is not ours");
    assert_eq!(Rights { default_exchange: None, ..survey.rights }, Rights::default());
    let migrated = amqp.migrate(|_, _, _| {}).await.unwrap();
    assert_eq!(migrated, [], "and it may do that, too");
    broker.close().await;
    removed(settings, user).await;
}

/// Takes, parks, dead-letters, requeues and filters messages.
async fn work(broker: &Broker) {
    broker.publish(messages(&jobs(), 3)).await.unwrap();
    let mut consumer = consume(broker, &jobs(), 3).await;
    let cause = || Cause::new(CauseClass::BadShape, "as it is");
    let mut taken = take(&mut consumer, 3).await.into_iter();
    taken.next().unwrap().reject(cause()).await.unwrap();
    taken.next().unwrap().retry(Some(RUNGS[0]), cause()).await.unwrap();
    taken.next().unwrap().requeue().await.unwrap();
    assert_eq!(sorted(drain(&mut consumer, 2).await), ["m1", "m2"]);
    assert_eq!(drain(&mut consume(broker, &Queue::dead(), 1).await, 1).await, ["m0"]);
    assert_eq!(broker.parked().await.unwrap(), 0);
    let answering = tokio::spawn({
        let broker = broker.clone();
        let identity = Identity::of_this_process("1.2.3", now());
        async move { broker.serve_presence(move || identity.info("works", &[], now())).await }
    });
    let begin = std::time::Instant::now();
    while broker.list_workers(Duration::from_millis(500)).await.unwrap().is_empty() {
        assert!(begin.elapsed() < PATIENCE, "nobody answers");
    }
    answering.abort();
}

/// Uses the quota of a fleet: calls, a pause, and its end.
async fn fetch(broker: &Broker) {
    let limiter = RateLimiter::join(broker, account()).await.unwrap();
    granted(&limiter).await;
    let command = async |command| {
        let reply = quota::send_command(broker, &account(), &command, PATIENCE).await.unwrap();
        assert!(matches!(reply, CommandReply::Done(_)), "{reply:?}");
    };
    let pause = quota::Pause { until: None, why: "moving house".to_owned() };
    command(QuotaCommand::Pause { limits: vec!["heavy".to_owned()], pause }).await;
    let begin = std::time::Instant::now();
    while limiter.held(0).is_none() {
        assert!(begin.elapsed() < PATIENCE, "the pause is not told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    command(QuotaCommand::Resume { limits: vec!["heavy".to_owned()] }).await;
    granted(&limiter).await;
    limiter.close().await;
}

async fn granted(limiter: &RateLimiter) {
    let begin = std::time::Instant::now();
    loop {
        match limiter.acquire(0).await {
            Ok(()) => return,
            Err(Failure::Hold { .. }) if begin.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(failure) => panic!("{failure:?}"),
        }
    }
}

pub(crate) async fn a_right_that_is_missing_is_named(fixture: &Fixture) {
    let (settings, user, pattern) = prepared(fixture).await;
    user.may([&pattern, &pattern, &pattern]).await;
    let all = Amqp::connect(user.settings(&settings)).await.unwrap();
    // The first leader declares the queues of a leadership.
    Broker::Amqp(all.clone()).lead(&account().lead_name()).await.unwrap().release().await;
    Broker::Amqp(all).close().await;
    let amqp = Amqp::open(user.settings(&settings)).await.unwrap();
    let main = format!("^{}$", settings.prefix);
    let unled = format!(
        r"^{}(\.(jobs|documents|dead|rung|roll|news|answers|tokens|cancelled|moving|check).*)?$",
        settings.prefix
    );
    for (rights, missing) in [
        ([&*pattern, &pattern, &pattern], ["", "", ""]),
        ([&main, &pattern, &pattern], [".", "", ""]),
        ([&pattern, &main, &pattern], ["", ".", ""]),
        ([&pattern, &pattern, &main], ["", "", "."]),
        ([&unled, &pattern, &pattern], [".lead.", "", ""]),
        ([&pattern, &unled, &pattern], ["", ".lead.", ""]),
        ([&pattern, &pattern, &unled], ["", "", ".lead."]),
    ] {
        user.may(rights).await;
        let found = amqp.survey().await.unwrap().rights;
        for (found, missing) in [&found.declare, &found.publish, &found.take].into_iter().zip(missing) {
            let told = found.as_deref().unwrap_or("");
            assert_eq!(told.is_empty(), missing.is_empty(), "{rights:?}: {told:?}");
            assert!(told.contains(missing) && !told.contains("user-"), "{rights:?}: {told:?}");
        }
    }
    Broker::Amqp(amqp).close().await;
    removed(settings, user).await;
}

pub(crate) async fn queues_of_a_leadership_are_surveyed_and_made_anew(fixture: &Fixture) {
    let (name, settings) = (crate::lead::NAME, fixture.settings());
    let lead = fixture.broker.lead(name).await.unwrap();
    lead.persist(b"a state".to_vec()).await.unwrap();
    lead.release().await;
    let settings = amqp::AmqpSettings { leads: vec![name.to_owned()], ..settings.clone() };
    let kept = format!("{}.kept.{name}", settings.prefix);
    let (_connection, channel) = raw(&settings).await;
    channel.queue_delete(kept.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let (options, none) = (QueueDeclareOptions::durable(), FieldTable::default());
    channel.queue_declare(kept.as_str().into(), options, none).await.unwrap();
    let options = BasicPublishOptions::default();
    let state = BasicProperties::default();
    channel.basic_publish("".into(), kept.as_str().into(), options, b"old", state).await.unwrap();
    let amqp = Amqp::open(settings).await.unwrap();
    let found = amqp.survey().await.unwrap().queues;
    let differs: Vec<&str> = found
        .iter()
        .filter(|queue| matches!(queue.state, QueueState::Different(_)))
        .map(|queue| &*queue.name)
        .collect();
    assert_eq!(differs, [&*kept]);
    let migrated = amqp.migrate(|_, _, _| {}).await.unwrap();
    assert_eq!((migrated.len(), &migrated[0].queue, migrated[0].messages), (1, &kept, 1));
    Broker::Amqp(amqp).close().await;
    let lead = fixture.broker.lead(name).await.unwrap();
    assert_eq!(lead.state().await.unwrap().unwrap(), b"old");
}
