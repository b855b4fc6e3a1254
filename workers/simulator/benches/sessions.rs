//! Benchmark of the fake Zoom: reads a million sessions over HTTP, page by page, from one core.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::time::{Duration, Instant};

use jiff::ToSpan;
use jiff::civil::{Date, date};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use simulator::{Simulator, Source, ZoomSettings};
use tokio_util::sync::CancellationToken;

const FIRST: Date = date(2026, 1, 1);
const DATES: i32 = 10;
const WANTED: u64 = 1_000_000;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    // `cargo test --all-targets` also runs benchmarks, unoptimised. Only `cargo bench` passes this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("not measured: use cargo bench");
        return Ok(());
    }
    let (tell, told) = std::sync::mpsc::channel();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let server = std::thread::spawn(move || serve(&tell, stopped));
    let (api_url, token, meetings, generated) = told.recv()?;
    println!(
        "world: {} meetings on {DATES} dates, counted in {:.2} s",
        meetings.len(),
        generated.as_secs_f64()
    );
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();
    let read = client.block_on(read(&api_url, &token, &meetings))?;
    let wall = started.elapsed();
    stop.cancel();
    let cpu = server.join().map_err(|_| "the server thread panicked")??;
    println!("read: {} sessions, {:.0} MB, in {} pages", read.sessions, read.bytes as f64 / 1e6, read.pages);
    println!(
        "wall: {:.2} s, {:.0} sessions/s",
        wall.as_secs_f64(),
        read.sessions as f64 / wall.as_secs_f64()
    );
    println!(
        "core of the server: {:.2} s, {:.0} sessions/s",
        cpu.as_secs_f64(),
        read.sessions as f64 / cpu.as_secs_f64()
    );
    if read.sessions < WANTED {
        return Err(format!("the world held only {} sessions", read.sessions).into());
    }
    Ok(())
}

/// API URL, token, meeting uuids, and the time it took to generate them.
type World = (String, String, Vec<String>, Duration);

/// Runs the simulator on this thread; returns the CPU time of serving.
fn serve(tell: &std::sync::mpsc::Sender<World>, stop: CancellationToken) -> Result<Duration, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = ZoomSettings {
            hosts: 500,
            meetings_per_day: 5_000,
            participants: 18.0,
            speed: 0.0,
            now: Some("2026-01-28T12:00:00Z".parse()?),
            ..ZoomSettings::default()
        };
        let simulator = Simulator::start(settings).await?;
        let (meetings, generated) = meetings(&simulator)?;
        let token = simulator.issue_token();
        tell.send((simulator.api_url(), token, meetings, generated))?;
        let before = processor_time()?;
        simulator.run_until(stop).await;
        Ok(processor_time()? - before)
    })
}

fn meetings(simulator: &Simulator) -> Result<(Vec<String>, Duration), Failure> {
    let started = Instant::now();
    let mut meetings = Vec::new();
    for offset in 0..DATES {
        let date = FIRST.checked_add(offset.days())?;
        let truth = simulator.truth(date, Source::Dashboard);
        meetings.extend(truth.ids.unwrap_or_default().meeting_uuids);
    }
    Ok((meetings, started.elapsed()))
}

#[derive(Default)]
struct Read {
    sessions: u64,
    bytes: usize,
    pages: usize,
}

/// Reads the participants of all meetings. One-person meetings answer 404 to this type; their few sessions do not
/// matter.
async fn read(api_url: &str, token: &str, meetings: &[String]) -> Result<Read, Failure> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut read = Read::default();
    for uuid in meetings {
        let once = utf8_percent_encode(uuid, NON_ALPHANUMERIC).to_string();
        let twice = utf8_percent_encode(&once, NON_ALPHANUMERIC);
        let path = format!("{api_url}/metrics/meetings/{twice}/participants?type=past&page_size=300");
        let mut next = String::new();
        loop {
            let page = client.get(format!("{path}&next_page_token={next}")).bearer_auth(token).send().await?;
            let page = page.bytes().await?;
            read.pages += 1;
            read.bytes += page.len();
            read.sessions += count(&page);
            match next_token(&page) {
                Some(token) => next = token,
                None => break,
            }
        }
    }
    Ok(read)
}

/// Counts rows by a key that each row has once; parsing would cost more than serving.
fn count(page: &[u8]) -> u64 {
    let key = b"\"participant_uuid\"";
    page.windows(key.len()).filter(|window| window == key).count() as u64
}

fn next_token(page: &[u8]) -> Option<String> {
    let key = "\"next_page_token\":\"";
    let head = std::str::from_utf8(page.get(..200.min(page.len()))?).ok()?;
    let token = head.split_once(key)?.1.split_once('"')?.0;
    (!token.is_empty()).then(|| token.to_owned())
}

/// CPU time of this thread.
fn processor_time() -> Result<Duration, Failure> {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let spent = schedule.split_whitespace().next().ok_or("the kernel keeps no schedule statistics")?;
    Ok(Duration::from_nanos(spent.parse()?))
}
