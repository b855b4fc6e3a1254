//! A million user actions of Opencast: into the local file, fetched in windows and as whole days, and into
//! Elasticsearch with one process per role.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use simulator::opencast::{Dialect, Disorder, Opencast, OpencastSettings};
use store::{DocumentKind, Query};

use crate::process::Process;

/// User actions per date, and number of dates.
const PER_DAY: u32 = 100_000;
const DAYS: i64 = 10;
/// Maximum time of the harvest; later actions are not counted.
const PATIENCE: Duration = Duration::from_secs(600);

/// Measures windows, with and without places, and whole days with 2 and 10 permits, in order and out of order.
pub(crate) async fn embedded() {
    let (windows, days) = ((Dialect::Dce, Disorder::Stable), (Dialect::Upstream, Disorder::Stable));
    harvest("in windows", windows, 2, false).await;
    harvest("in windows, with places", windows, 2, true).await;
    harvest("as days, two at once", days, 2, false).await;
    harvest("as days, ten at once", days, 10, false).await;
    let unordered = (Dialect::Upstream, Disorder::Local);
    harvest("as days, ten at once, rows out of order", unordered, 10, false).await;
}

/// Least share of documents with a place when there is a file of places: some addresses are private, invalid or IPv6.
const PLACED: f64 = 0.5;

/// A file of places as large as a real one of cities: every /18 below 224.0.0.0, each a city of its own.
fn places() -> Vec<u8> {
    let networks = (1..224_u16).flat_map(|first| (0..1_024_u16).map(move |rest| (first, rest)));
    let networks = networks.map(|(first, rest)| {
        let (second, third) = (rest >> 2, (rest & 3) << 6);
        let place = (f64::from(first) / 3.0, f64::from(second) / 2.0);
        let name = format!("City {first} {second} {third}");
        let city = crate::mmdb::city(&name, "Region", ("CH", "Switzerland"), place);
        (format!("{first}.{second}.{third}.0/18"), city)
    });
    crate::mmdb::database("GeoLite2-City", networks)
}

/// Writes the file of places and returns its path.
fn places_in(folder: &Path) -> String {
    let (path, places) = (folder.join("places.mmdb"), places());
    std::fs::write(&path, &places).expect("the file of places can be written");
    println!("user actions: a file of places of {} MiB", places.len() >> 20);
    path.display().to_string()
}

/// Prints actions per second of one process into the local file, with parsed user agents, and its peak memory.
async fn harvest(how: &str, (dialect, disorder): (Dialect, Disorder), permits: u32, with_places: bool) {
    let (opencast, dates) = world(dialect, disorder).await;
    let mut environment = environment(&opencast);
    environment.push(("OPENCAST_PERMITS", permits.to_string()));
    let folder = tempfile::tempdir().expect("a folder can be made");
    if with_places {
        environment.push(("GEOLITE_PATH", places_in(folder.path())));
    }
    let began = Instant::now();
    let words =
        ["run", "--from", &dates[0].to_string(), "--to", &dates[dates.len() - 1].to_string(), "--json"];
    let (used, complete) = Process::start(folder.path(), &environment, &words).watch().await;
    let seconds = began.elapsed().as_secs_f64();
    assert!(complete, "the harvest is not complete");
    let actions = u64::from(PER_DAY) * dates.len() as u64;
    println!(
        "user actions, embedded, {how}: {actions} in {seconds:.1} s = {:.0}/s; {:.1} cpu-seconds of ua, {} MiB peak",
        actions as f64 / seconds,
        used.cpu_seconds,
        used.peak_mib
    );
    if with_places {
        let settings =
            store::local::LocalStoreSettings { folder: folder.path().join("ua-data"), prefix: String::new() };
        placed(&store::Store::Local(store::Local::open(settings).expect("the file opens")), actions).await;
    }
    opencast.stop().await;
}

/// Checks that enough actions have a place: otherwise the benchmark measured no lookups.
async fn placed(store: &store::Store, actions: u64) {
    let told = Query::all(DocumentKind::Useractions).with("geoip.country_code2", "CH");
    let placed = store.count(&told).await.expect("a count") as f64 / actions as f64;
    println!("user actions: {:.0} % have a place", placed * 100.0);
    assert!(placed >= PLACED, "the addresses were not looked up");
}

/// Measures the same over RabbitMQ into Elasticsearch, with `ua work opencast` and `ua work index`.
pub(crate) async fn roles() {
    roles_with(false).await;
    roles_with(true).await;
}

async fn roles_with(places: bool) {
    let Some((amqp, search)) = crate::pipeline::servers() else { return };
    let (opencast, dates) = world(Dialect::Dce, Disorder::Stable).await;
    let (folder, prefix) = (tempfile::tempdir().expect("a folder can be made"), "bench-actions-");
    let mut environment = environment(&opencast);
    environment.extend([
        ("AMQP_URL", amqp),
        ("UA_QUEUE_PREFIX", format!("bench{}", std::process::id())),
        ("ES_HOST", search.clone()),
        ("UA_INDEX_PREFIX", prefix.to_owned()),
    ]);
    if places {
        environment.push(("GEOLITE_PATH", places_in(folder.path())));
    }
    let store = crate::pipeline::store(&search, prefix);
    store.setup().await.expect("templates");
    let words =
        ["plan", "--from", &dates[0].to_string(), "--to", &dates[dates.len() - 1].to_string(), "--yes"];
    let (_, planned) = Process::start(folder.path(), &environment, &words).watch().await;
    assert!(planned, "the plan failed");
    let (began, wanted) = (Instant::now(), u64::from(PER_DAY) * dates.len() as u64);
    let fetch = Process::start(folder.path(), &environment, &["work", "opencast"]);
    let index = Process::start(folder.path(), &environment, &["work", "index"]);
    // Poll rarely: each poll makes the index refresh.
    let mut held = 0;
    while began.elapsed() < PATIENCE && held < wanted {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let _ = store.refresh().await;
        held = store.count(&Query::all(DocumentKind::Useractions)).await.unwrap_or(held);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "user actions, roles on RabbitMQ and Elasticsearch{}: {held} of {wanted} in {seconds:.1} s = {:.0}/s; opencast {} MiB, index {} MiB peak",
        if places { ", with places" } else { "" },
        held as f64 / seconds,
        fetch.used().peak_mib,
        index.used().peak_mib
    );
    drop((fetch, index));
    store.wipe_prefix().await.expect("the indices can be removed");
    opencast.stop().await;
}

async fn world(dialect: Dialect, disorder: Disorder) -> (Opencast, Vec<Date>) {
    let settings = OpencastSettings {
        actions_per_day: PER_DAY,
        episodes: 500,
        students: 2_000,
        disorder,
        public_addresses: true,
        generation: if dialect == Dialect::Dce { 5 } else { 15 },
        dialect,
        ..OpencastSettings::default()
    };
    let opencast = Opencast::start(settings).await.expect("the simulator starts");
    let yesterday = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(1));
    let first = yesterday.saturating_sub(jiff::Span::new().days(DAYS - 1));
    (opencast, first.series(jiff::Span::new().days(1)).take_while(|date| *date <= yesterday).collect())
}

fn environment(opencast: &Opencast) -> Vec<(&'static str, String)> {
    let system = opencast.credentials();
    vec![
        ("OPENCAST_ENGAGE_URL", opencast.url()),
        ("OPENCAST_ADMIN_URL", opencast.url()),
        ("OPENCAST_USER", system.user),
        ("OPENCAST_PASSWORD", system.password),
        ("OPENCAST_CALLS_PER_SECOND", "0".to_owned()),
        ("UA_RAW_DAYS", "0".to_owned()),
        ("UA_LOG", "warn".to_owned()),
    ]
}
