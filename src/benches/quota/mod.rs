//! One quota for a fleet: processes of `ua work zoom` on a real RabbitMQ, against the simulator, which counts every
//! call in sliding windows. Measures rates, refused calls and the processes' shares; then the same with killed
//! processes, a frozen leader, a change of day, a restart of RabbitMQ, and lists next to details.
//!
//! Needs `UA_TEST_AMQP_URL` and `UA_TEST_AMQP_RESTART_URL`; `docker/bench.sh quota` starts the servers. Unlike most
//! benchmarks this one judges: it fails when a promise of the quota is not kept.

mod fleet;
mod scenes;

use std::time::Duration;

use self::fleet::Fleet;

/// Least fraction of the allowed rate.
const LEAST: f64 = 0.97;
/// Time to connect to another continent.
const FAR: Duration = Duration::from_millis(250);
/// Maximum relative difference between the largest and the smallest share.
const UNEVEN: f64 = 0.15;

/// Result of a scene.
#[derive(Debug)]
struct Found {
    scene: String,
    /// Multiple of Zoom's quota.
    speed: f64,
    processes: usize,
    /// Calls per second of the scene's rate class.
    rate: f64,
    /// The rate as a fraction of the allowed rate.
    of_allowed: f64,
    /// The fraction that is required.
    least: f64,
    /// Maximum of calls admitted in one window of that class, and the window's limit.
    peak: (u64, f64),
    /// Calls refused by the account, of any class.
    over: u64,
    /// The first refused calls: class, and seconds since the first call.
    first_over: Vec<(&'static str, f64)>,
    /// Fewest and most calls of a process, as fractions of the mean.
    shares: Option<(f64, f64)>,
    /// Another requirement of the scene that was not met.
    amiss: Option<String>,
}

impl Found {
    /// Returns the broken promises. Above Zoom's quota the machine may be the limit, so that only refused calls count.
    fn failings(&self) -> Vec<String> {
        let mut failings: Vec<String> = self.amiss.iter().cloned().collect();
        if self.over > 0 {
            failings.push(format!("{} calls over: {:.3?}", self.over, self.first_over));
        }
        if self.speed <= 1.0 && self.of_allowed < self.least {
            failings.push(format!("less than {:.0} % of what is allowed", 100.0 * self.least));
        }
        let uneven = |(least, most): (f64, f64)| most > least * (1.0 + UNEVEN);
        if self.speed <= 1.0 && self.shares.is_some_and(uneven) {
            failings.push(format!("shares differ by more than {:.0} %", 100.0 * UNEVEN));
        }
        failings
    }

    /// Prints the result; returns true when all promises are kept.
    fn print(&self) -> bool {
        let Self { scene, speed, processes, rate, of_allowed, peak: (peak, limit), over, shares, .. } = self;
        let shares = shares.map_or("-".to_owned(), |(least, most)| format!("{least:.2} {most:.2}"));
        let failings = self.failings();
        let verdict = if failings.is_empty() { "held".to_owned() } else { failings.join(", ") };
        println!(
            "{scene} | {speed} | {processes} | {rate:.2} | {:.1} % | {peak} of {limit:.0} | {over} | {shares} | {verdict}",
            100.0 * of_allowed,
        );
        failings.is_empty()
    }
}

/// A group of scenes of the long form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Under load, at 1 and 20 times Zoom's quota.
    Rate,
    /// From idle, and joined by more processes.
    Idle,
    /// Lists next to details, and a daily list among lists.
    Lists,
    /// Processes killed, the leader frozen, across midnight, and RabbitMQ restarted.
    Struck,
}

impl Part {
    /// All parts with their names on the command line.
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("quota-rate", Self::Rate),
        ("quota-idle", Self::Idle),
        ("quota-lists", Self::Lists),
        ("quota-struck", Self::Struck),
    ];
}

/// Runs parts of the long form; returns true when all promises are kept.
pub(crate) async fn long(parts: &[Part]) -> bool {
    let Some(amqp) = url("UA_TEST_AMQP_URL") else { return false };
    println!("at 20 times Zoom's quota the machine may be the limit: there only calls over are judged");
    heading();
    let mut well = true;
    for part in parts {
        well &= match part {
            Part::Rate => rate(&amqp).await,
            Part::Idle => idle(&amqp).await,
            Part::Lists => lists(&amqp).await,
            Part::Struck => struck(&amqp).await,
        };
    }
    told(well)
}

async fn rate(amqp: &str) -> bool {
    let mut well = true;
    for (speed, seconds) in [(1.0, 40), (20.0, 20)] {
        for processes in [1, 2, 4, 8] {
            well &= Fleet::start(amqp, speed, processes).await.steady(seconds).await.print();
        }
    }
    well
}

async fn idle(amqp: &str) -> bool {
    let mut well = true;
    for (processes, connect_time) in [(1, Duration::ZERO), (8, Duration::ZERO), (1, FAR), (8, FAR)] {
        let fleet = Fleet::start_far(amqp, 1.0, processes, connect_time).await;
        well &= fleet.idle_first(25, connect_time).await.print();
    }
    well & Fleet::start_far(amqp, 1.0, 4, FAR).await.joined().await.print()
}

async fn lists(amqp: &str) -> bool {
    let beside = Fleet::start(amqp, 1.0, 4).await.lists_beside_details(180).await.print();
    let daily = Fleet::start_with_days_of(250, amqp, 1.0, 4).await.daily_list_in_a_backfill().await.print();
    beside & daily
}

async fn struck(amqp: &str) -> bool {
    let mut well = true;
    for processes in [1, 2, 4, 8] {
        well &= Fleet::start(amqp, 1.0, processes).await.killed(40).await.print();
        well &= Fleet::start(amqp, 1.0, processes).await.across_midnight().await.print();
    }
    well &= Fleet::start(amqp, 1.0, 4).await.frozen().await.print();
    well &= Fleet::start(amqp, 20.0, 4).await.killed(24).await.print();
    well &= Fleet::start(amqp, 20.0, 4).await.across_midnight().await.print();
    let (Some(amqp), Some(services)) = (url("UA_TEST_AMQP_RESTART_URL"), url("UA_TEST_SERVICES")) else {
        return false;
    };
    for processes in [1, 2, 4, 8] {
        well &= Fleet::start(&amqp, 1.0, processes).await.restarted(&services).await.print();
    }
    well
}

/// Runs the short form, a test: 1 and 4 processes at Zoom's own quota, under load and from idle.
pub(crate) async fn short() -> bool {
    let Some(amqp) = url("UA_TEST_AMQP_URL") else { return false };
    heading();
    let mut well = true;
    for processes in [1, 4] {
        well &= Fleet::start(&amqp, 1.0, processes).await.steady(20).await.print();
    }
    well &= Fleet::start_far(&amqp, 1.0, 4, FAR).await.idle_first(25, FAR).await.print();
    told(well)
}

fn heading() {
    println!(
        "quota | speed | processes | calls/s | of allowed | peak in a window | over | shares of the mean | verdict"
    );
}

fn told(well: bool) -> bool {
    println!("quota: {}", if well { "held" } else { "FAILED" });
    well
}

#[expect(clippy::disallowed_methods, reason = "benchmarks learn from the environment where the servers are")]
fn url(name: &str) -> Option<String> {
    let found = std::env::var(name).ok();
    if found.is_none() {
        println!("left out: what needs {name}, which is not set");
    }
    found
}
