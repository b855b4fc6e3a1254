//! One process and one file: throughput and memory.

use std::time::Instant;

use jiff::civil::Date;
use simulator::{Simulator, Source, ZoomSettings};

use crate::process::Process;

/// Prints sessions per second from a simulator without limits to the local file, through all stages.
pub(crate) async fn throughput() {
    for raw_days in ["0", "30"] {
        let (sessions, seconds, used) = harvest(10, 1_000, raw_days).await;
        println!(
            "embedded, UA_RAW_DAYS={raw_days}: {sessions} sessions in {seconds:.1} s = {:.0} sessions/s; {:.1} cpu-seconds of ua, {} MiB peak",
            sessions as f64 / seconds,
            used.cpu_seconds,
            used.peak_mib,
        );
    }
}

/// Prints the peak resident memory of an embedded harvest of a million sessions.
pub(crate) async fn memory() {
    let (sessions, seconds, used) = harvest(20, 2_000, "0").await;
    println!(
        "memory, embedded: {} MiB peak while harvesting {sessions} sessions in {seconds:.1} s ({:.0}/s)",
        used.peak_mib,
        sessions as f64 / seconds
    );
}

async fn harvest(days: i64, meetings_per_day: u32, raw_days: &str) -> (u64, f64, crate::process::Used) {
    let settings = ZoomSettings {
        speed: 0.0,
        meetings_per_day,
        participants: 20.0,
        hosts: 200,
        ..ZoomSettings::default()
    };
    let world = Simulator::start(settings).await.expect("the simulator starts");
    let yesterday = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(1));
    let first = yesterday.saturating_sub(jiff::Span::new().days(days - 1));
    let dates: Vec<Date> =
        first.series(jiff::Span::new().days(1)).take_while(|date| *date <= yesterday).collect();
    let sessions = dates.iter().map(|date| world.truth_figures(*date, Source::Dashboard).sessions).sum();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let account = world.credentials();
    let environment = [
        ("ZOOM_ACCOUNT_ID", account.account_id),
        ("ZOOM_CLIENT_ID", account.client_id),
        ("ZOOM_CLIENT_SECRET", account.client_secret),
        ("ZOOM_API_URL", world.api_url()),
        ("ZOOM_OAUTH_URL", world.oauth_url()),
        ("ZOOM_QUOTA_SPEED", "0".to_owned()),
        ("ZOOM_DETAIL_PERMITS", "48".to_owned()),
        ("UA_RAW_DAYS", raw_days.to_owned()),
        ("UA_LOG", "warn".to_owned()),
    ];
    let began = Instant::now();
    let words = ["run", "--from", &first.to_string(), "--to", &yesterday.to_string(), "--json"];
    let (used, complete) = Process::start(folder.path(), &environment, &words).watch().await;
    let seconds = began.elapsed().as_secs_f64();
    assert!(complete, "the harvest is not complete; what it says is in {}", folder.path().display());
    world.stop().await;
    (sessions, seconds, used)
}
