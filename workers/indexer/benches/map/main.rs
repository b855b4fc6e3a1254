//! Raw pages in memory -> mapped, encoded NDJSON; the sink answers at once. Prints documents per second on one core:
//! per second of this thread's own processor time where the system tells it, so that other load does not count.

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

/// Maps the same pages again and again, and prints how many documents a second come of it.
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

/// What a round made, and what it took.
struct Round {
    documents: usize,
    written: usize,
    wall: Duration,
    cpu: Duration,
}

/// Decodes, maps and encodes pages for about `long`.
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

/// Processor time of this thread so far; Linux tells it in nanoseconds.
fn cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
