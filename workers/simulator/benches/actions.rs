//! Benchmark of the fake Opencast: reads a date of a million user actions over HTTP, page by page.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::time::Instant;

use jiff::civil::{Date, date};
use simulator::opencast::{Disorder, Opencast, OpencastSettings};

const DAY: Date = date(2026, 1, 14);
const WANTED: u32 = 1_000_000;
const PAGE: u32 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --all-targets` also runs benchmarks, unoptimised. Only `cargo bench` passes this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("not measured: use cargo bench");
        return Ok(());
    }
    let settings = OpencastSettings {
        actions_per_day: WANTED,
        episodes: 500,
        students: 2_000,
        disorder: Disorder::Stable,
        now: Some("2026-01-28T12:00:00Z".parse()?),
        ..OpencastSettings::default()
    };
    let opencast = Opencast::start(settings).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let base = format!("{}/usertracking/actions.json?day=20260114&limit={PAGE}", opencast.url());
    let (started, mut bytes, mut rows) = (Instant::now(), 0, 0);
    for offset in (0..WANTED).step_by(PAGE as usize) {
        let page = client.get(format!("{base}&offset={offset}")).send().await?.bytes().await?;
        bytes += page.len();
        rows += count(&page);
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "read: {rows} actions, {:.0} MB, {seconds:.2} s, {:.0} actions/s",
        bytes as f64 / 1e6,
        rows as f64 / seconds
    );
    println!("peak memory of server and reader: {} MB", peak_memory_kb()? / 1_024);
    let started = Instant::now();
    let truth = opencast.truth_figures(DAY);
    println!(
        "truth: {} actions, {} attendances, {:.2} s",
        truth.actions,
        truth.attendance.len(),
        started.elapsed().as_secs_f64()
    );
    println!("peak memory with the truth: {} MB", peak_memory_kb()? / 1_024);
    opencast.stop().await;
    if rows as u32 == WANTED { Ok(()) } else { Err(format!("read {rows} actions of {WANTED}").into()) }
}

/// Counts rows by a key that each row has once.
fn count(page: &[u8]) -> usize {
    let key = b"\"mediapackageId\"";
    page.windows(key.len()).filter(|window| window == key).count()
}

fn peak_memory_kb() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the kernel tells no peak")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
