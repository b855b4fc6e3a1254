//! Fuzz targets: one per decoder and kind of message. Each asserts more than the absence of panics: written values read
//! back equal, every row of a page becomes a document or a dead letter, every value of a known field is in the document
//! or counted as dropped, output and memory are bounded.
//!
//! `cargo test` runs the corpus, `docker/fuzz.sh` new inputs. A coverage-guided library such as bolero needs more than
//! the stable toolchain, so this tool makes its inputs from seeds by the structure of JSON.

#![expect(clippy::unwrap_used, reason = "a harness that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "a harness prints what it does and finds")]

mod collect;
mod driver;
#[path = "../../indexer/tests/support/mmdb.rs"]
mod mmdb;
mod mutate;
mod targets;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use driver::{Extent, Target};

fn main() -> ExitCode {
    driver::keep_panics();
    let words: Vec<String> = std::env::args().collect();
    let value = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        words.get(at + 1).cloned()
    };
    let number = |flag: &str| value(flag)?.parse::<u64>().ok();
    if words.iter().any(|word| word == "--collect") {
        collect::collect();
        return ExitCode::SUCCESS;
    }
    let named = value("--target");
    let chosen: Vec<Target> = targets::all()
        .into_iter()
        .filter(|target| named.as_ref().is_none_or(|name| name == target.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = targets::all().iter().map(|target| target.name).collect();
        println!("there is no such target; there are: {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    let seed = number("--seed").unwrap_or(1);
    let well = match value("--file") {
        Some(path) => chosen.iter().all(|target| target.run_file(Path::new(&path))),
        None => {
            let seconds = number("--seconds");
            let share =
                seconds.map(|seconds| Duration::from_secs(seconds) / u32::try_from(chosen.len()).unwrap());
            let extent = Extent {
                seed,
                from: number("--from").unwrap_or(0),
                inputs: number("--inputs").unwrap_or(if share.is_some() { u64::MAX } else { 0 }),
                time: share.unwrap_or(Duration::MAX),
            };
            // Run all targets, also after one fails.
            chosen.iter().filter(|target| !target.run(extent)).count() == 0
        }
    };
    println!("fuzz: {} targets by seed {seed}: {}", chosen.len(), if well { "no failure" } else { "FAILED" });
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_takes_its_seeds_and_what_was_kept() {
        let extent = Extent { seed: 1, from: 0, inputs: 20, time: Duration::MAX };
        for target in targets::all() {
            assert!(target.run(extent), "{} fails; the lines above say on what", target.name);
        }
    }
}
