//! The storm: a sequence of faults from a seeded random generator.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use messages::Family;
use rand::Rng as _;
use rand::rngs::SmallRng;

use crate::cancelled::Cancelled;
use crate::fault::{Fault, FaultLog};
use crate::fleet::Fleet;
use crate::poison::{self, Poison};
use crate::removed::{How, Removed, within};
use crate::site::Site;
use crate::{balancer, cancelled, leader, meddling, wrong_clock};

/// Time for which Elasticsearch refuses writes.
const REFUSAL: Duration = Duration::from_secs(10);

/// Seconds for which a leader is frozen; its heartbeats are missed after about 10 s.
const FROZEN: std::ops::Range<u64> = 14..23;
/// Time before the thaw at which the workers are asked for the leader.
const BEFORE_THAW: Duration = Duration::from_millis(1_500);
/// Minimum time of a wrong clock: long enough for jobs to begin.
const FOR_CLOCKS: Duration = Duration::from_secs(8);
/// Time for a worker to notice its wrong clock: its next job begins after seconds.
const NOTICED: Duration = Duration::from_secs(40);
/// Number of waiting jobs before a clock is set ahead: a worker notices only with a job.
const WAITING: u64 = 100;
/// Maximum wait for restarting servers and roles.
const BACK: Duration = Duration::from_secs(180);
/// Additional time of the storm until every required fault was injected.
const OVERTIME: Duration = Duration::from_secs(360);

/// The server's name in the servers' script.
const SEARCH: &str = "elasticsearch-9";

/// A storm over a site and its fleet.
pub(crate) struct Storm<'a> {
    site: &'a Site,
    fleet: &'a mut Fleet,
    rng: &'a mut SmallRng,
    begin: Instant,
    poison: Vec<Poison>,
    fault_log: FaultLog,
    /// Servers that are restarting.
    restarting: Vec<(&'static str, Child)>,
    deposing: Option<Deposing>,
    cancelled: Vec<Cancelled>,
    removed: Option<Removed>,
    more: Vec<Date>,
    further_dates: i64,
    misjudged: Vec<String>,
}

/// A frozen leader.
struct Deposing {
    id: u32,
    look_at: Instant,
}

/// Result of the storm.
pub(crate) struct Aftermath {
    pub(crate) poison: Vec<Poison>,
    pub(crate) fault_log: FaultLog,
    pub(crate) cancelled: Vec<Cancelled>,
    pub(crate) removed: Option<Removed>,
    /// Planned dates in addition to those of the run.
    pub(crate) more: Vec<Date>,
    /// Expected output or behaviour that was missing.
    pub(crate) misjudged: Vec<String>,
}

impl<'a> Storm<'a> {
    pub(crate) fn new(site: &'a Site, fleet: &'a mut Fleet, rng: &'a mut SmallRng, due: Vec<Fault>) -> Self {
        let mut fault_log = FaultLog::new(due);
        // The load balancer refuses the document from the beginning.
        fault_log.count(Fault::Document);
        Self {
            site,
            fleet,
            rng,
            begin: Instant::now(),
            poison: Vec::new(),
            fault_log,
            restarting: Vec::new(),
            deposing: None,
            cancelled: Vec::new(),
            removed: None,
            more: Vec::new(),
            further_dates: 0,
            misjudged: Vec::new(),
        }
    }

    /// Injects faults for `length`, and longer while a required fault is missing.
    pub(crate) async fn rage(mut self, length: Duration) -> Aftermath {
        self.site.balancer.be_moody(true);
        loop {
            let due = self.due();
            let elapsed = self.begin.elapsed();
            let is_over = due.is_empty() && self.deposing.is_none() && self.restarting.is_empty();
            if elapsed > length && (is_over || elapsed > length + OVERTIME) {
                break;
            }
            let chosen = self.rng.random_range(0..due.len().max(1));
            let drawn = Fault::drawn(self.rng);
            let fault = due.get(chosen).copied().unwrap_or(drawn);
            // Only required faults are injected after the planned end.
            if (elapsed <= length || !due.is_empty()) && self.strike(fault).await && fault != Fault::Depose {
                self.fault_log.count(fault);
            }
            let pause = Duration::from_millis(self.rng.random_range(500..3_000));
            self.wait(pause).await;
        }
        while !self.restarting.is_empty() {
            self.wait(Duration::from_millis(200)).await;
        }
        self.site.balancer.be_moody(false);
        let Self { poison, fault_log, cancelled, removed, more, misjudged, .. } = self;
        Aftermath { poison, fault_log, cancelled, removed, more, misjudged }
    }

    /// Returns the faults that are still required.
    fn due(&self) -> Vec<Fault> {
        let mut due = self.fault_log.missing();
        due.retain(|fault| *fault != Fault::Depose || self.deposing.is_none());
        due
    }

    /// Injects a fault; returns false when it is not possible now.
    async fn strike(&mut self, fault: Fault) -> bool {
        let names = self.fleet.running();
        if names.is_empty() {
            return false;
        }
        let name = names[self.rng.random_range(0..names.len())];
        let seconds = self.rng.random_range(1..8);
        let pause = Duration::from_secs(seconds);
        match fault {
            Fault::Kill => {
                // Each role is killed once before any is killed twice.
                let spared: Vec<_> = names.iter().filter(|name| self.fault_log.spared(name)).collect();
                let name = spared.first().map_or(name, |name| **name);
                self.fault_log.count_killed(name);
                self.say(&format!("kill -9 {name}, back in {} ms", seconds * 250));
                self.fleet.kill(name, pause / 4);
                true
            }
            Fault::Freeze => {
                self.say(&format!("freeze {name} for {seconds} s"));
                self.fleet.freeze(name, pause);
                true
            }
            Fault::Depose => self.depose().await,
            Fault::RestartBroker => self.restart("stop", self.site.rabbitmq),
            Fault::CrashBroker => self.restart("crash", self.site.rabbitmq),
            Fault::RestartSearch => self.restart("stop", SEARCH),
            Fault::CrashSearch => self.restart("crash", SEARCH),
            Fault::RefuseWrites => self.refuse_for_a_while().await,
            Fault::FullDocuments => {
                self.say(&format!("nobody indexes for {} s", seconds + 4));
                let pause = pause + Duration::from_secs(4);
                let indexers = names.iter().filter(|name| name.starts_with("index"));
                indexers.for_each(|name| self.fleet.freeze(name, pause));
                self.wait(pause).await;
                true
            }
            Fault::Poison => self.poison().await,
            Fault::Balancer => self.answer_instead(pause).await,
            Fault::Policy | Fault::Template | Fault::Cancel | Fault::Clock => self.meddle(fault).await,
            Fault::Document => false,
        }
    }

    /// The load balancer answers in place of Elasticsearch. Returns true when it has given each of its statuses.
    async fn answer_instead(&mut self, pause: Duration) -> bool {
        // Without RabbitMQ no role sends requests to Elasticsearch.
        if self.is_restarting(self.site.rabbitmq) {
            return false;
        }
        let (mut answers, first) = (balancer::ANSWERS, self.rng.random_range(0..balancer::ANSWERS.len()));
        answers.rotate_left(first);
        for status in answers {
            self.say(&format!("the load balancer answers {status} for {} s", pause.as_secs()));
            self.site.balancer.answer(status, pause);
            self.wait(pause).await;
        }
        answers.iter().all(|status| self.site.balancer.given().contains_key(status))
    }

    /// Injects a fault that commands or roles must report: only with every server and role running.
    async fn meddle(&mut self, fault: Fault) -> bool {
        let deadline = Instant::now() + BACK;
        while !self.restarting.is_empty() || self.deposing.is_some() || !self.fleet.is_whole() {
            if Instant::now() > deadline {
                return false;
            }
            self.wait(Duration::from_millis(200)).await;
        }
        self.say(&format!("{fault}"));
        match fault {
            Fault::Policy => {
                let (date, how) =
                    (self.next_date(), if self.rng.random_bool(0.5) { How::Expire } else { How::Go });
                let (removed, misjudged) = Removed::destroy(self.site, self.fleet, date, how).await;
                self.more.push(date);
                self.misjudged.extend(misjudged);
                let Some(removed) = removed else { return false };
                self.fault_log.lose_leases(if how == How::Go { 2 } else { 0 });
                self.fault_log.may_repeat(removed.parked);
                self.removed = Some(removed);
            }
            Fault::Template => self.misjudged.extend(meddling::template(self.site).await),
            Fault::Clock => self.set_clocks_ahead().await,
            _ => match cancelled::cancel(self.site, self.next_date()).await {
                Ok(cancelled) => self.cancelled.push(cancelled),
                Err(why) => self.misjudged.push(why),
            },
        }
        self.say(&format!("{fault}: over"));
        true
    }

    /// Returns a date that is not planned yet.
    fn next_date(&mut self) -> Date {
        let date = self.site.further_date(self.further_dates);
        self.further_dates += 1;
        date
    }

    /// Sets the clocks of a Zoom worker and of another role ahead. The Zoom worker must hold meanwhile.
    async fn set_clocks_ahead(&mut self) {
        let mut waiting = 0;
        for queue in Family::ZOOM_DETAIL.queues() {
            waiting += self.site.broker.depth(&queue).await.map_or(0, |depth| depth.ready);
        }
        if waiting < WAITING {
            let date = self.next_date();
            self.misjudged.extend(self.site.plan_date(date).await.err());
            within(BACK, async || self.site.is_listed(date).await).await;
            self.more.push(date);
        }
        let zoom = ["zoom-1", "zoom-2"][self.rng.random_range(0..2)];
        let others = ["opencast-1", "index-1", "index-2", "schedule-1", "schedule-2"];
        let other = others[self.rng.random_range(0..others.len())];
        self.say(&format!("the clocks of {zoom} and {other} are two years ahead"));
        [zoom, other].iter().for_each(|name| self.fleet.set_ahead(name, true));
        // The worker publishes nothing of its jobs in progress.
        self.fault_log.lose_leases(1);
        let (id, begin) = (self.fleet.id(zoom), Instant::now());
        let mut holds = false;
        while !holds && begin.elapsed() < NOTICED {
            self.wait(Duration::from_millis(300)).await;
            let holding = wrong_clock::who_holds(self.site).await.unwrap_or_default();
            holds = holding.iter().any(|pid| Some(*pid) == id);
        }
        self.wait(FOR_CLOCKS).await;
        [zoom, other].iter().for_each(|name| self.fleet.set_ahead(name, false));
        if !holds {
            self.misjudged.push(format!("{zoom} works on with a clock that is two years ahead"));
        }
    }

    fn say(&self, text: &str) {
        println!("{:6.1} s  {text}", self.begin.elapsed().as_secs_f64());
    }

    /// Freezes the quota leader. The fault counts only when another process has taken over.
    async fn depose(&mut self) -> bool {
        let seconds = self.rng.random_range(FROZEN);
        if self.deposing.is_some() || self.is_restarting(self.site.rabbitmq) {
            return false;
        }
        let Some(id) = leader::leader(self.site).await else { return false };
        let Some(name) = self.fleet.with_id(id) else { return false };
        self.say(&format!("freeze the leader, {name}, for {seconds} s"));
        let pause = Duration::from_secs(seconds);
        self.fleet.freeze(name, pause);
        self.fault_log.lose_leases(1);
        self.deposing = Some(Deposing { id, look_at: Instant::now() + pause - BEFORE_THAW });
        true
    }

    async fn look_who_leads(&mut self) {
        let Some(Deposing { id, .. }) = self.deposing.take_if(|frozen| frozen.look_at <= Instant::now())
        else {
            return;
        };
        let now = leader::leader(self.site).await.filter(|now| *now != id);
        match now.and_then(|now| self.fleet.with_id(now)) {
            Some(name) => {
                self.say(&format!("{name} leads in its place"));
                self.fault_log.count(Fault::Depose);
            }
            None => self.say("nobody says that another leads in its place"),
        }
    }

    async fn refuse_for_a_while(&mut self) -> bool {
        if self.is_restarting(SEARCH) {
            return false;
        }
        self.say(&format!("Elasticsearch refuses writes for {} s", REFUSAL.as_secs()));
        self.refuse_writes(true).await;
        self.wait(REFUSAL).await;
        self.refuse_writes(false).await;
        true
    }

    async fn poison(&mut self) -> bool {
        let published = poison::publish(&self.site.broker, self.poison.len(), self.rng).await;
        if let Some(poison) = &published {
            self.say(&format!("poison: {} ({})", poison.id, poison.class));
        }
        let is_published = published.is_some();
        self.poison.extend(published);
        is_published
    }

    /// Waits, with supervision of the processes.
    async fn wait(&mut self, pause: Duration) {
        let end = Instant::now() + pause;
        while Instant::now() < end {
            self.look_who_leads().await;
            self.fleet.supervise();
            self.restarting.retain_mut(|(server, child)| {
                let Some(status) = child.try_wait().unwrap() else { return true };
                assert!(status.success(), "{server} did not come back: {status}");
                println!("{:6.1} s  {server} is back", self.begin.elapsed().as_secs_f64());
                false
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn is_restarting(&self, server: &str) -> bool {
        self.restarting.iter().any(|(restarting, _)| *restarting == server)
    }

    /// Restarts a server while the storm continues.
    fn restart(&mut self, verb: &str, server: &'static str) -> bool {
        if self.is_restarting(server) {
            return false;
        }
        self.say(&format!("{verb} and start {server}"));
        self.fault_log.lose_leases(if server == self.site.rabbitmq { 2 } else { 0 });
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/services/service.sh");
        let down_and_up = r#"bash "$1" "$2" "$3" "$4" && exec bash "$1" start "$3" "$4""#;
        let mut command = Command::new("bash");
        command.args(["-c", down_and_up, "chaos", script, verb, &self.site.servers, server]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        self.restarting.push((server, child));
        true
    }

    async fn refuse_writes(&self, refuse: bool) {
        let value = if refuse { "true" } else { "null" };
        let body = format!(r#"{{"persistent":{{"cluster.blocks.read_only_allow_delete":{value}}}}}"#);
        let client = reqwest::Client::builder().timeout(REFUSAL).build().unwrap();
        let url = format!("{}/_cluster/settings", self.site.search);
        let answer =
            client.put(url).header("content-type", "application/json").body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "Elasticsearch's settings: {}", answer.status());
    }
}
