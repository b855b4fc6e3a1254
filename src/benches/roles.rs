//! Peak resident memory of each role, in separate processes, on RabbitMQ and Elasticsearch.

use std::time::{Duration, Instant};

use simulator::{Simulator, Source, ZoomSettings};
use store::{DocumentKind, Query};

use crate::process::Process;

/// Maximum time of the harvest; later sessions are not counted.
const PATIENCE: Duration = Duration::from_secs(900);

/// Harvests a million sessions with `ua work zoom` and `ua work index`, and prints the resources of each.
pub(crate) async fn memory(days: i64) {
    let Some((amqp, search)) = crate::pipeline::servers() else { return };
    let settings = ZoomSettings {
        speed: 0.0,
        meetings_per_day: 2_000,
        participants: 20.0,
        hosts: 200,
        ..ZoomSettings::default()
    };
    let world = Simulator::start(settings).await.expect("the simulator starts");
    let yesterday = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(1));
    let first = yesterday.saturating_sub(jiff::Span::new().days(days - 1));
    let dates: Vec<jiff::civil::Date> =
        first.series(jiff::Span::new().days(1)).take_while(|date| *date <= yesterday).collect();
    let sessions: u64 = dates.iter().map(|date| world.truth_figures(*date, Source::Dashboard).sessions).sum();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let account = world.credentials();
    let prefix = "bench-roles-";
    let environment = [
        ("ZOOM_ACCOUNT_ID", account.account_id),
        ("ZOOM_CLIENT_ID", account.client_id),
        ("ZOOM_CLIENT_SECRET", account.client_secret),
        ("ZOOM_API_URL", world.api_url()),
        ("ZOOM_OAUTH_URL", world.oauth_url()),
        ("ZOOM_QUOTA_SPEED", "0".to_owned()),
        ("AMQP_URL", amqp),
        ("UA_QUEUE_PREFIX", format!("bench{}", std::process::id())),
        ("ES_HOST", search.clone()),
        ("UA_INDEX_PREFIX", prefix.to_owned()),
        ("UA_RAW_DAYS", "0".to_owned()),
        ("UA_LOG", "warn".to_owned()),
    ];
    let store = crate::pipeline::store(&search, prefix);
    store.setup().await.expect("templates");
    let words = ["plan", "--from", &first.to_string(), "--to", &yesterday.to_string(), "--yes"];
    let (_, planned) = Process::start(folder.path(), &environment, &words).watch().await;
    assert!(planned, "the plan failed");
    let began = Instant::now();
    let zoom = Process::start(folder.path(), &environment, &["work", "zoom"]);
    let index = Process::start(folder.path(), &environment, &["work", "index"]);
    // Poll rarely: each poll makes the index refresh.
    let mut held = 0;
    while began.elapsed() < PATIENCE && held < sessions {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _ = store.refresh().await;
        held = store.count(&Query::all(DocumentKind::Sessions)).await.unwrap_or(held);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "memory, roles on RabbitMQ and Elasticsearch: zoom {} MiB, index {} MiB peak; {held} of {sessions} sessions in {seconds:.1} s ({:.0}/s)",
        zoom.used().peak_mib,
        index.used().peak_mib,
        held as f64 / seconds
    );
    drop((zoom, index));
    store.wipe_prefix().await.expect("the indices can be removed");
    world.stop().await;
}
