//! Benchmark of mapping: raw pages in memory to NDJSON, without a store. Prints documents per second of this thread's
//! CPU time, so that other load does not count; of wall time where the system does not report CPU time.

#![recursion_limit = "256"]

mod actions;
#[path = "../../tests/support/mmdb.rs"]
#[expect(clippy::expect_used, clippy::cast_possible_truncation, reason = "what tests and benchmarks share")]
mod mmdb;
mod sessions;

use std::hint::black_box;
use std::time::{Duration, Instant};

use indexer::{Enricher, Target, encode_page};
use messages::{Document, decode};
use store::{Batch, Split};

const PAGES: usize = 40;
const ROWS: usize = 300;
const BULK: usize = 1_000;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(700);

fn main() {
    measure("sessions", &(0..PAGES).map(sessions::page).collect::<Vec<_>>(), &Enricher::default());
    let folder = tempfile::tempdir().unwrap_or_else(|error| unreachable!("a folder: {error}"));
    measure(
        "user actions with places and programs",
        &(0..PAGES).map(actions::page).collect::<Vec<_>>(),
        &actions::enricher(folder.path()),
    );
}

/// Maps the pages repeatedly and prints documents per second.
#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn measure(what: &str, pages: &[Vec<u8>], enricher: &Enricher) {
    let bytes: usize = pages.iter().map(Vec::len).sum();
    println!("pages of {ROWS} {what}, {} bytes of raw page for each", bytes / (PAGES * ROWS));
    let mut batch = Batch::new();
    round(pages, &mut batch, enricher, Duration::from_millis(200));
    let mut rates: Vec<f64> = (1..=ROUNDS)
        .map(|number| {
            let Round { documents, written, wall, cpu } = round(pages, &mut batch, enricher, ROUND);
            let (by_cpu, by_wall) = (rate(documents, cpu), rate(documents, wall));
            println!(
                "round {number}: {by_cpu:.0} documents/s of cpu, {by_wall:.0}/s of wall, {} bytes each",
                written / documents
            );
            by_cpu
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "indexer map+encode, {what}: {:.0} documents/s (median of {ROUNDS} rounds, one core)",
        rates[ROUNDS / 2]
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn rate(documents: usize, took: Duration) -> f64 {
    documents as f64 / took.as_secs_f64()
}

/// Result of a round.
struct Round {
    documents: usize,
    written: usize,
    wall: Duration,
    cpu: Duration,
}

/// Decodes, maps and encodes the pages for about `long`.
fn round(pages: &[Vec<u8>], batch: &mut Batch, enricher: &Enricher, long: Duration) -> Round {
    let target = Target { prefix: "", split: Split::Month, ua_version: env!("CARGO_PKG_VERSION"), enricher };
    let (mut documents, mut written) = (0, 0);
    let (start, used) = (Instant::now(), cpu());
    while start.elapsed() < long {
        for page in pages {
            let Ok(Document::Raw(raw)) = decode(black_box(page)) else { continue };
            let encoded = encode_page(&raw, &target, batch);
            assert!(encoded.is_ok_and(|encoded| encoded.unusable.is_empty()), "every row is a document");
            if batch.len() >= BULK {
                documents += batch.len();
                written += black_box(batch.ndjson(0..batch.len())).len();
                batch.clear();
            }
        }
    }
    let wall = start.elapsed();
    let cpu = used.zip(cpu()).map_or(wall, |(before, after)| after.saturating_sub(before));
    Round { documents, written, wall, cpu }
}

/// Returns the CPU time of this thread so far; Linux reports nanoseconds.
fn cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
