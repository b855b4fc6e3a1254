//! The scenes: events of a fleet, and their measurements.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use messages::Lane;
use simulator::OverCall;

use super::fleet::{Fleet, SHARE};
use super::{Found, LEAST};

/// Time left out at the beginning of a measurement.
const WARM_UP: Duration = Duration::from_secs(2);
/// Time for which a leader is frozen; its heartbeats are missed after about 10 s.
const FROZEN: Duration = Duration::from_secs(16);
/// Maximum fraction of the allowed rate; calls in flight at the count make up the excess.
const MOST: f64 = 1.02;
/// Resource-intensive calls per minute of Zoom's own quota.
const RESOURCE_INTENSIVE: f64 = 20.0;
/// Least fraction of the allowed rate of a single process that is killed every 2 s.
const LEAST_ALONE: f64 = 0.3;
/// Calls for the list of a small account: one page of meetings, and one of a single person's meetings.
const LIST_CALLS: f64 = 2.0;

impl Fleet {
    /// Every process works, without disturbance.
    pub(super) async fn steady(self, seconds: u64) -> Found {
        self.busy(seconds + 5).await;
        let before = self.simulator.ledger_summary().by_token;
        let rate = self.rate(Duration::from_secs(seconds)).await;
        let after = self.simulator.ledger_summary().by_token;
        let shares = evenness(&before, &after, self.processes.len());
        let found = Found { shares: Some(shares), ..self.found("steady", rate) };
        self.end().await;
        found
    }

    /// Measures from the first call after idleness, without a warm-up and without open connections.
    pub(super) async fn idle_first(self, seconds: u64, connect_time: Duration) -> Found {
        self.publish(seconds + 5).await;
        let begun = self.wait(30, async |fleet| fleet.calls() > 0).await;
        assert!(begun, "no call was made: {}", self.folder.path().display());
        let rate = self.rate(Duration::from_secs(seconds)).await;
        let scene = format!("from idle, {} ms to connect", connect_time.as_millis());
        let found = self.found(&scene, rate);
        self.end().await;
        found
    }

    /// The number of processes doubles; the new ones have no connections yet.
    pub(super) async fn joined(mut self) -> Found {
        self.busy(30).await;
        let (before, works) = (self.processes.len(), async |fleet: &Self| {
            fleet.simulator.ledger_summary().by_token.len() >= fleet.processes.len()
        });
        (0..before).for_each(|_| self.add());
        let joined = self.wait(30, works).await;
        assert!(joined, "nobody joined: {}", self.folder.path().display());
        let rate = self.rate(Duration::from_secs(15)).await;
        let found = self.found(&format!("{before} more joined"), rate);
        self.end().await;
        found
    }

    /// The leader is frozen until another process takes over, then continues: both together must not exceed the rate.
    pub(super) async fn frozen(self) -> Found {
        self.busy(60).await;
        let leader_pid = self.status().await.and_then(|status| status.leader_pid).expect("a leader");
        signal(leader_pid, "-STOP").await;
        tokio::time::sleep(FROZEN).await;
        let next = self.status().await.and_then(|status| status.leader_pid);
        signal(leader_pid, "-CONT").await;
        let rate = self.rate(Duration::from_secs(15)).await;
        let found = self.found("the leader frozen, and thawed when another kept it", rate);
        let amiss = match next {
            None => Some("nobody kept it meanwhile".to_owned()),
            Some(next) if next == leader_pid => Some("no other process took over".to_owned()),
            Some(_) if found.of_allowed > MOST => Some("two gave out more than one may".to_owned()),
            Some(_) => None,
        };
        self.end().await;
        Found { amiss, ..found }
    }

    /// A process is killed and replaced every 2 s; two of them are leaders.
    pub(super) async fn killed(mut self, seconds: u64) -> Found {
        self.busy(seconds + 5).await;
        let (begin, before, mut kills, mut keepers) = (Instant::now(), self.calls(), 0, 0);
        while begin.elapsed() < Duration::from_secs(seconds) {
            tokio::time::sleep(Duration::from_secs(2)).await;
            // The oldest process is the next leader, so that without this choice nearly every kill would hit a leader.
            let leader_pid = self.status().await.and_then(|status| status.leader_pid);
            let wants_keeper = kills % 5 == 2 && keepers < 2;
            let place =
                self.processes.iter().position(|process| (Some(process.id()) == leader_pid) == wants_keeper);
            let process = self.processes.remove(place.unwrap_or(0));
            keepers += u32::from(Some(process.id()) == leader_pid);
            kills += 1;
            drop(process);
            self.add();
        }
        let rate = (self.calls() - before) as f64 / begin.elapsed().as_secs_f64();
        let amiss = (keepers < 2).then(|| "fewer than two keepers were killed".to_owned());
        let found = self.found(&format!("{kills} killed, {keepers} of them keepers"), rate);
        // A single process makes no calls while it restarts.
        let least = if self.processes.len() > 1 { LEAST } else { LEAST_ALONE };
        self.end().await;
        Found { least, amiss, ..found }
    }

    /// The API's day ends: the spent quota is available again, at the same rate.
    pub(super) async fn across_midnight(self) -> Found {
        self.set_clock("23:59:40").await;
        self.busy(45).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = self.status().await.expect("status");
        let rate = self.rate(Duration::from_secs(24)).await;
        let after = self.status().await.expect("status");
        assert!(after.day > before.day, "the day did not change: {before:?} {after:?}");
        let found = self.found(&format!("across midnight ({} to {})", before.day, after.day), rate);
        self.end().await;
        found
    }

    /// Lists are read next to details: their much lower rate limit is kept as well.
    pub(super) async fn lists_beside_details(self, seconds: u64) -> Found {
        // Two lists that take longer than the scene.
        self.publish_lists(Lane::Backfill, 2..=3).await;
        self.busy(seconds + 10).await;
        let lists = |fleet: &Self| fleet.simulator.ledger_summary().calls.resource_intensive;
        let (begin, before, details) = (Instant::now(), lists(&self), self.calls());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let elapsed = begin.elapsed().as_secs_f64();
        let rate = (lists(&self) - before) as f64 / elapsed;
        let details = self.found("", (self.calls() - details) as f64 / elapsed);
        let amiss = (!details.failings().is_empty())
            .then(|| format!("the details beside them: {}", details.failings().join(", ")));
        let peak = self.simulator.ledger_summary().peak.resource_intensive_per_minute;
        let found = Found {
            scene: format!(
                "lists, beside {:.2} details/s ({:.1} %)",
                details.rate,
                100.0 * details.of_allowed
            ),
            rate,
            of_allowed: 60.0 * rate / (RESOURCE_INTENSIVE * self.speed * SHARE),
            peak: (peak, RESOURCE_INTENSIVE * self.speed),
            amiss,
            ..details
        };
        self.end().await;
        found
    }

    /// A daily list arrives during a backfill of lists while all permits are taken: it does not wait for the lists in
    /// progress.
    pub(super) async fn daily_list_in_a_backfill(self) -> Found {
        let lists = |fleet: &Self| fleet.simulator.ledger_summary().calls.resource_intensive;
        self.publish_lists(Lane::Backfill, 2..=40).await;
        let (begin, busy) = (Instant::now(), self.wait(60, async |fleet| lists(fleet) > 2).await);
        assert!(busy, "no list was begun: {}", self.folder.path().display());
        let mut seconds: f64 = 0.0;
        // The list in progress may end first by chance, but not three times.
        for ago in [1, 41, 42] {
            let nothing = self.wait(120, async |fleet| fleet.daily_details().await == 0).await;
            let came = Instant::now();
            self.publish_lists(Lane::Daily, ago..=ago).await;
            let done = self.wait(300, async |fleet| fleet.daily_details().await > 0).await;
            assert!(nothing && done, "the daily list was not read: {}", self.folder.path().display());
            seconds = seconds.max(came.elapsed().as_secs_f64());
        }
        let rate = lists(&self) as f64 / begin.elapsed().as_secs_f64();
        // A token that another list already has, and one for each of its own calls.
        let limit = (LIST_CALLS + 2.0) * 60.0 / (RESOURCE_INTENSIVE * self.speed * SHARE);
        let amiss = (seconds > limit).then(|| format!("it should be done in {limit:.1} s"));
        let found = Found {
            scene: format!(
                "three daily lists among lists, {LIST_CALLS} calls each, done in {seconds:.1} s or less"
            ),
            of_allowed: 60.0 * rate / (RESOURCE_INTENSIVE * self.speed * SHARE),
            peak: (
                self.simulator.ledger_summary().peak.resource_intensive_per_minute,
                RESOURCE_INTENSIVE * self.speed,
            ),
            // The scene ends before a rate can be measured.
            least: 0.0,
            amiss,
            ..self.found("", rate)
        };
        self.end().await;
        found
    }

    /// RabbitMQ is restarted: the rate recovers, and the day's count of calls is complete.
    pub(super) async fn restarted(self, services: &str) -> Found {
        self.busy(40).await;
        let before = self.used_today().await;
        service(services, "stop").await;
        service(services, "start").await;
        let (began, calls) = (Instant::now(), self.calls());
        let again = self.wait(60, async |fleet| fleet.calls() > calls + 20).await;
        assert!(again, "no calls after the restart: {}", self.folder.path().display());
        let back = began.elapsed().as_secs_f64();
        let rate = self.rate(Duration::from_secs(15)).await;
        let made = self.calls();
        let used = self.used_today().await;
        let amiss = (used < before.max(made))
            .then(|| format!("the day's count: {before} before, {used} after, {made} calls made until then"));
        let scene =
            format!("RabbitMQ restarted (calls again after {back:.1} s; {used} counted of {made} made)");
        let found = Found { amiss, ..self.found(&scene, rate) };
        self.end().await;
        found
    }

    /// Publishes jobs for `seconds` and waits until the processes work.
    async fn busy(&self, seconds: u64) {
        self.publish(seconds).await;
        let busy = self.wait(30, async |fleet| fleet.calls() > 0).await;
        assert!(busy, "no call was made: {}", self.folder.path().display());
        tokio::time::sleep(WARM_UP).await;
    }

    /// The day's calls as counted by the leader.
    async fn used_today(&self) -> u64 {
        let status = self.status().await.expect("status");
        status.limits.iter().find_map(|limit| limit.used).expect("a limit that counts the day")
    }

    /// Measures heavy calls per second over `time`.
    async fn rate(&self, time: Duration) -> f64 {
        let (begin, before) = (Instant::now(), self.calls());
        tokio::time::sleep(time).await;
        (self.calls() - before) as f64 / begin.elapsed().as_secs_f64()
    }

    /// Returns the result so far, for `rate` heavy calls per second.
    fn found(&self, scene: &str, rate: f64) -> Found {
        let ledger = self.simulator.ledger_summary();
        let first_us = ledger.first_us.unwrap_or_default();
        let over = |call: &OverCall| (call.class, (call.at_us - first_us) as f64 / 1e6);
        Found {
            scene: scene.to_owned(),
            speed: self.speed,
            processes: self.processes.len(),
            rate,
            of_allowed: rate / (40.0 * self.speed * SHARE),
            least: LEAST,
            peak: (ledger.peak.heavy_per_second, 40.0 * self.speed),
            over: ledger.over,
            first_over: ledger.first_over.iter().map(over).collect(),
            shares: None,
            amiss: None,
        }
    }
}

async fn signal(process: u32, signal: &str) {
    let sent = tokio::process::Command::new("kill").args([signal, &process.to_string()]).status().await;
    assert!(sent.is_ok_and(|status| status.success()), "{signal} reaches the leader");
}

async fn service(services: &str, command: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/services/service.sh");
    let mut service = tokio::process::Command::new("bash");
    let output = service.args([script, command, services, "rabbitmq-restart"]).output().await;
    assert!(output.is_ok_and(|output| output.status.success()), "{command} of RabbitMQ failed");
}

/// Returns the fewest and the most calls of a process, as fractions of the mean.
fn evenness(before: &BTreeMap<u32, u64>, after: &BTreeMap<u32, u64>, processes: usize) -> (f64, f64) {
    let made = after.iter().map(|(token, calls)| calls - before.get(token).unwrap_or(&0));
    let made: Vec<f64> = made.filter(|calls| *calls > 0).map(|calls| calls as f64).collect();
    let mean = made.iter().sum::<f64>() / processes as f64;
    let least = if made.len() < processes { 0.0 } else { made.iter().copied().fold(f64::MAX, f64::min) };
    (least / mean, made.iter().copied().fold(0.0, f64::max) / mean)
}
