//! Benchmarks for docker/FIGURES.md. `docker/bench.sh` runs all, `docker/bench.sh NAME` runs one; `export N` uses N
//! heartbeats.
//!
//! Prints ratios and rates that are measured in one run. Only the quota and desk benchmarks judge: they fail when a
//! promise is not kept. The short form of the quota, `quota-short`, is one of the tests and runs only by name.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod actions;
mod desk;
mod embedded;
mod export;
mod lanes;
#[path = "../../workers/indexer/tests/support/mmdb.rs"]
mod mmdb;
mod pipeline;
mod process;
mod quota;
mod roles;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    // `cargo test --benches` runs benchmarks as well, but only `cargo bench` measures.
    if !std::env::args().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    let wants = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    if words.iter().any(|word| word == "quota-short") {
        return if runtime.block_on(quota::short()) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let well = runtime.block_on(async {
        let mut well = true;
        if wants("embedded") {
            embedded::throughput().await;
        }
        if wants("memory") {
            embedded::memory().await;
        }
        if wants("actions") {
            actions::embedded().await;
        }
        if wants("actions-roles") {
            actions::roles().await;
        }
        if wants("pipeline") {
            pipeline::ratio().await;
        }
        if wants("sink") {
            pipeline::into_a_sink().await;
        }
        let parts = quota::Part::ALL.into_iter().filter(|(name, _)| wants("quota") || wants(name));
        let parts: Vec<_> = parts.map(|(_, part)| part).collect();
        if !parts.is_empty() {
            well &= quota::long(&parts).await;
        }
        if wants("lanes") {
            lanes::daily_in_a_backfill().await;
        }
        if wants("desk") {
            well &= desk::at_scale().await;
        }
        if wants("export") {
            let heartbeats = words.iter().find_map(|word| word.parse().ok()).unwrap_or(2_000_000);
            export::attendance(heartbeats).await;
        }
        if wants("roles") {
            roles::memory(20).await;
        }
        well
    });
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
