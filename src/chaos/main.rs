//! The chaos harness: every role in processes of its own on real servers, faults drawn by a printed seed, and at the
//! end a comparison of the index with the truth. `docker/chaos.sh` starts the servers and runs it; `cargo test` only
//! prints its name.

#![expect(clippy::unwrap_used, reason = "a harness that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "a harness prints what it does and finds")]

mod balancer;
mod cancelled;
mod fault;
mod fleet;
mod holdings;
mod leader;
mod lectures;
mod leftovers;
mod meddling;
mod poison;
mod refused;
mod removed;
mod site;
mod storm;
mod verdict;
mod wrong_clock;

use std::process::ExitCode;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use crate::fault::Fault;
use crate::fleet::Fleet;
use crate::site::Site;
use crate::storm::Storm;

/// Maximum calm after the storm: a job that failed three times waits 2 minutes for its fourth attempt, without further
/// faults.
const CALM: Duration = Duration::from_secs(400);

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let number = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    let Some(seconds) = number("--seconds") else {
        println!("left out: the chaos harness, which docker/chaos.sh runs");
        return ExitCode::SUCCESS;
    };
    let seed = number("--seed").unwrap_or_else(|| u64::from(std::process::id()));
    let rabbitmq = number("--rabbitmq").unwrap_or(3);
    let also = words.iter().position(|word| word == "--also").and_then(|at| words.get(at + 1));
    let also = also.map_or("", String::as_str);
    let due = Fault::due(seed, also);
    println!(
        "chaos: seed {seed}, {seconds} s; again by: docker/chaos.sh --seconds {seconds} --seed {seed} --rabbitmq {rabbitmq} --also {also:?}"
    );
    if run(seed, Duration::from_secs(seconds), rabbitmq, due).await {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a storm and the calm after it; returns true when no document is lost or doubled and no call is over the quota.
async fn run(seed: u64, length: Duration, rabbitmq: u64, due: Vec<Fault>) -> bool {
    let mut rng = SmallRng::seed_from_u64(seed);
    let site = Site::new(seed, length, rabbitmq).await;
    let mut fleet = Fleet::new(&site.program);
    site.plan();
    fleet.start_all();
    let aftermath = Storm::new(&site, &mut fleet, &mut rng, due).rage(length).await;
    println!("calm: waiting for the rest");
    let found = verdict::settle(&site, &mut fleet, aftermath, CALM).await;
    let well = found.print(seed);
    if !well {
        leftovers::print(&site).await;
    }
    fleet.stop_all(well).await;
    site.clean(well).await;
    well
}
