//! A fleet of processes on a real RabbitMQ, a simulated account, and jobs for them.

use std::time::{Duration, Instant};

use messages::zoom::{Event, Listing, MeetingContext, Task};
use messages::{Family, Lane, Queue, RunId};
use runtime::quota::{Account, CommandReply, QuotaCommand, QuotaStatus};
use runtime::{Broker, Message, Outbox};
use simulator::{Simulator, Source, ZoomSettings};
use tokio_util::sync::CancellationToken;

use crate::process::Process;

/// The allowed share of the quota, as configured by default.
pub(super) const SHARE: f64 = 0.8;

/// Fetching processes with their broker and account.
pub(super) struct Fleet {
    pub(super) simulator: Simulator,
    /// Runtime of the simulator alone, as if it were another process.
    _apart: tokio::runtime::Runtime,
    broker: Broker,
    account: Account,
    pub(super) speed: f64,
    environment: Vec<(&'static str, String)>,
    pub(super) folder: tempfile::TempDir,
    pub(super) processes: Vec<Process>,
    started: usize,
}

impl Fleet {
    /// Starts processes that are ready and idle.
    pub(super) async fn start(amqp: &str, speed: f64, processes: usize) -> Self {
        Self::start_far(amqp, speed, processes, Duration::ZERO).await
    }

    /// Like [`Fleet::start`], with a delay of `connect_time` for each new connection to the account.
    pub(super) async fn start_far(amqp: &str, speed: f64, processes: usize, connect_time: Duration) -> Self {
        let world = ZoomSettings { meetings_per_day: 30_000, connect_time, ..ZoomSettings::default() };
        Self::start_in(world, amqp, speed, processes).await
    }

    /// Like [`Fleet::start`], at an account with `meetings` meetings a day.
    pub(super) async fn start_with_days_of(meetings: u32, amqp: &str, speed: f64, processes: usize) -> Self {
        let world = ZoomSettings { meetings_per_day: meetings, ..ZoomSettings::default() };
        Self::start_in(world, amqp, speed, processes).await
    }

    async fn start_in(world: ZoomSettings, amqp: &str, speed: f64, processes: usize) -> Self {
        let apart = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let apart = apart.expect("a runtime can be started");
        let settings = ZoomSettings { speed, participants: 2.0, hosts: 200, ..world };
        let simulator =
            apart.spawn(Simulator::start(settings)).await.expect("it starts").expect("the simulator starts");
        let prefix = format!("quota{}-{}", std::process::id(), runtime::clock::now().as_millisecond());
        let broker = broker(amqp, &prefix).await;
        let known = simulator.credentials();
        let config = zoom::Config {
            quota_speed: speed,
            quota_share: SHARE,
            ..zoom::Config::new(
                known.account_id.clone(),
                known.client_id.clone(),
                known.client_secret.clone().into(),
            )
        };
        let environment = vec![
            ("ZOOM_ACCOUNT_ID", known.account_id),
            ("ZOOM_CLIENT_ID", known.client_id),
            ("ZOOM_CLIENT_SECRET", known.client_secret),
            ("ZOOM_API_URL", simulator.api_url()),
            ("ZOOM_OAUTH_URL", simulator.oauth_url()),
            ("ZOOM_QUOTA_SPEED", speed.to_string()),
            ("AMQP_URL", amqp.to_owned()),
            ("UA_QUEUE_PREFIX", prefix),
            ("UA_DOCUMENTS_LIMIT", "1000000".to_owned()),
            ("UA_LOG", "info,runtime=debug".to_owned()),
        ];
        let folder = tempfile::tempdir().expect("a folder can be made");
        let account = config.account();
        let mut fleet = Self {
            simulator,
            _apart: apart,
            broker,
            account,
            speed,
            environment,
            folder,
            processes: Vec::new(),
            started: 0,
        };
        for _ in 0..processes {
            fleet.add();
        }
        let ready = fleet.wait(60, async |fleet| fleet.consumers().await >= processes as u64).await;
        assert!(ready, "the processes did not begin to work: {}", fleet.folder.path().display());
        fleet
    }

    /// Starts another process.
    pub(super) fn add(&mut self) {
        self.started += 1;
        let folder = self.folder.path().join(self.started.to_string());
        std::fs::create_dir(&folder).expect("a folder can be made");
        self.processes.push(Process::start(&folder, &self.environment, &["work", "zoom"]));
    }

    async fn consumers(&self) -> u64 {
        let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill);
        self.broker.depth(&queue).await.map_or(0, |depth| depth.consumers)
    }

    /// Waits up to `seconds` for a condition; returns true when it holds.
    pub(super) async fn wait(&self, seconds: u64, is: impl AsyncFn(&Self) -> bool) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(seconds) {
            if is(self).await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// Publishes more jobs than can be done in `seconds`.
    pub(super) async fn publish(&self, seconds: u64) {
        let wanted = (32.0 * self.speed * seconds as f64 * 1.3) as usize + 200;
        let yesterday = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(1));
        let truth = self.simulator.truth(yesterday, Source::Dashboard).ids.expect("the truth has ids");
        let uuids = truth.meeting_uuids.into_iter().take(wanted);
        let mut outbox = Outbox::new(self.broker.clone(), CancellationToken::new());
        let now = runtime::clock::now();
        for uuid in uuids {
            let meeting = MeetingContext {
                meeting_uuid: uuid.parse().expect("a uuid"),
                series_id: None,
                topic: None,
                start_time: None,
                end_time: None,
                host_id: None,
            };
            let task = Task::Participants {
                meeting,
                event: Event::Meeting,
                listing: Some(Listing::Past),
                api: None,
                date: Some(yesterday),
                header: false,
            };
            let job = task.into_job(RunId::from("quota"), Lane::Backfill, now);
            let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill);
            let body = messages::encode(&job).expect("a message");
            outbox.send(Message::new(queue, job.id.as_str(), body, now)).await.expect("a publish");
        }
        outbox.flush().await.expect("a publish");
    }

    /// Publishes the list jobs of the dates that are `ago` days before today.
    pub(super) async fn publish_lists(&self, lane: Lane, ago: std::ops::RangeInclusive<i64>) {
        let now = runtime::clock::now();
        let queue = Queue::jobs(Family::ZOOM_LIST, lane);
        let mut outbox = Outbox::new(self.broker.clone(), CancellationToken::new());
        for ago in ago {
            let date = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(ago));
            let job = Task::Meetings { date }.into_job(RunId::from("quota"), lane, now);
            let body = messages::encode(&job).expect("a message");
            outbox.send(Message::new(queue.clone(), job.id.as_str(), body, now)).await.expect("a publish");
        }
        outbox.flush().await.expect("a publish");
    }

    /// Number of waiting detail jobs of the daily lane.
    pub(super) async fn daily_details(&self) -> u64 {
        let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
        self.broker.depth(&queue).await.map_or(0, |depth| depth.ready)
    }

    /// Number of heavy calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.simulator.ledger_summary().calls.heavy
    }

    /// Status of the quota, reported by its leader.
    pub(super) async fn status(&self) -> Option<QuotaStatus> {
        let answer = runtime::quota::send_command(
            &self.broker,
            &self.account,
            &QuotaCommand::Show,
            Duration::from_secs(10),
        )
        .await;
        match answer {
            Ok(CommandReply::Done(status)) => Some(status),
            _ => None,
        }
    }

    /// Sets the simulator's clock to a time of day.
    pub(super) async fn set_clock(&self, time: &str) {
        let body = format!(r#"{{"now":"{}T{time}Z"}}"#, ua::receipts::read::today());
        let client = reqwest::Client::builder().build().expect("a client can be built");
        let sent = client.post(format!("{}/_control", self.simulator.url())).body(body).send().await;
        assert!(sent.is_ok_and(|answer| answer.status().is_success()), "the clock can be set");
    }

    /// Ends the processes and removes their queues.
    pub(super) async fn end(mut self) {
        self.processes.clear();
        if let Broker::Amqp(amqp) = &self.broker {
            amqp.remove().await.expect("the queues can be removed");
            amqp.remove_lead(&self.account.lead_name()).await.expect("the queues can be removed");
        }
        self.broker.close().await;
        // A runtime must not be dropped within another one.
        let Self { simulator, _apart: apart, .. } = self;
        drop(simulator);
        apart.shutdown_background();
    }
}

async fn broker(amqp: &str, prefix: &str) -> Broker {
    let settings = runtime::broker::amqp::AmqpSettings {
        prefix: prefix.to_owned(),
        documents_limit: 1_000_000,
        connection_name: "bench".to_owned(),
        ..runtime::broker::amqp::AmqpSettings::new(amqp.into())
    };
    Broker::Amqp(runtime::broker::Amqp::connect(settings).await.expect("RabbitMQ"))
}
