//! The storm: blows by a seeded source of chance, one after the other.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::rngs::SmallRng;

use crate::fleet::Fleet;
use crate::poison::{self, Poison};
use crate::site::Site;

/// How long Elasticsearch refuses writes.
const REFUSAL: Duration = Duration::from_secs(10);

/// The servers, by the names their script knows.
const BROKER: &str = "rabbitmq-3";
const SEARCH: &str = "elasticsearch-9";

/// What befalls the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    Freeze,
    RestartBroker,
    CrashBroker,
    RestartSearch,
    CrashSearch,
    RefuseWrites,
    FullDocuments,
    Poison,
}

impl Blow {
    /// Killing is cheap and common, servers come back slowly.
    fn drawn(rng: &mut SmallRng) -> Self {
        match rng.random_range(0..20) {
            0..7 => Self::Kill,
            7..11 => Self::Freeze,
            11 => Self::RestartBroker,
            12 => Self::CrashBroker,
            13 => Self::RestartSearch,
            14 => Self::CrashSearch,
            15 => Self::RefuseWrites,
            16 => Self::FullDocuments,
            _ => Self::Poison,
        }
    }
}

/// The storm over a site and its fleet.
pub(crate) struct Storm<'a> {
    site: &'a Site,
    fleet: &'a mut Fleet,
    rng: &'a mut SmallRng,
    begin: Instant,
    poison: Vec<Poison>,
    /// Servers on their way down and up again.
    restarting: Vec<(&'static str, Child)>,
}

impl<'a> Storm<'a> {
    pub(crate) fn new(site: &'a Site, fleet: &'a mut Fleet, rng: &'a mut SmallRng) -> Self {
        Self { site, fleet, rng, begin: Instant::now(), poison: Vec::new(), restarting: Vec::new() }
    }

    /// Blow after blow for `length`, each kind at least once; returns the poison that was taken.
    pub(crate) async fn rage(mut self, length: Duration) -> Vec<Poison> {
        let mut due = vec![
            Blow::Poison,
            Blow::Kill,
            Blow::Freeze,
            Blow::FullDocuments,
            Blow::RestartBroker,
            Blow::RefuseWrites,
            Blow::RestartSearch,
        ];
        while self.begin.elapsed() < length {
            let chosen = self.rng.random_range(0..due.len().max(1));
            let blow = if due.is_empty() { Blow::drawn(self.rng) } else { due.swap_remove(chosen) };
            self.strike(blow).await;
            let pause = Duration::from_millis(self.rng.random_range(500..3_000));
            self.wait(pause).await;
        }
        while !self.restarting.is_empty() {
            self.wait(Duration::from_millis(200)).await;
        }
        self.poison
    }

    async fn strike(&mut self, blow: Blow) {
        let names = self.fleet.names();
        let name = names[self.rng.random_range(0..names.len())];
        let seconds = self.rng.random_range(1..8);
        let pause = Duration::from_secs(seconds);
        let say = |text: String| println!("{:6.1} s  {text}", self.begin.elapsed().as_secs_f64());
        match blow {
            Blow::Kill => {
                say(format!("kill -9 {name}, back in {} ms", seconds * 250));
                self.fleet.kill(name, pause / 4);
            }
            Blow::Freeze => {
                say(format!("freeze {name} for {seconds} s"));
                self.fleet.freeze(name, pause);
            }
            Blow::RestartBroker => self.restart("stop", BROKER),
            Blow::CrashBroker => self.restart("crash", BROKER),
            Blow::RestartSearch => self.restart("stop", SEARCH),
            Blow::CrashSearch => self.restart("crash", SEARCH),
            Blow::RefuseWrites if self.is_restarting(SEARCH) => {}
            Blow::RefuseWrites => {
                say(format!("Elasticsearch refuses writes for {} s", REFUSAL.as_secs()));
                self.refuse_writes(true).await;
                self.wait(REFUSAL).await;
                self.refuse_writes(false).await;
            }
            Blow::FullDocuments => {
                say(format!("nobody indexes for {} s", seconds + 4));
                let pause = pause + Duration::from_secs(4);
                names
                    .iter()
                    .filter(|name| name.starts_with("index"))
                    .for_each(|name| self.fleet.freeze(name, pause));
                self.wait(pause).await;
            }
            Blow::Poison => {
                let published = poison::publish(&self.site.broker, self.poison.len(), self.rng).await;
                if let Some(poison) = &published {
                    say(format!("poison: {} ({})", poison.id, poison.class));
                }
                self.poison.extend(published);
            }
        }
    }

    /// Waits, and lets the supervisor look around.
    async fn wait(&mut self, pause: Duration) {
        let end = Instant::now() + pause;
        while Instant::now() < end {
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

    /// Takes a server down and brings it up again, while the storm goes on.
    fn restart(&mut self, verb: &str, server: &'static str) {
        if self.is_restarting(server) {
            return;
        }
        println!("{:6.1} s  {verb} and start {server}", self.begin.elapsed().as_secs_f64());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/services/service.sh");
        let down_and_up = r#"bash "$1" "$2" "$3" "$4" && exec bash "$1" start "$3" "$4""#;
        let mut command = Command::new("bash");
        command.args(["-c", down_and_up, "chaos", script, verb, &self.site.servers, server]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        self.restarting.push((server, child));
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
