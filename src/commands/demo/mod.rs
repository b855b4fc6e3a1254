//! `ua demo`: runs the whole pipeline against a simulated Zoom account and a simulated Opencast, and compares the
//! harvest with the truth.

mod lectures;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::{Calls, Lane};
use onefile::private;
use serde::Serialize;
use simulator::{LedgerSummary, Simulator, Source, Truth, ZoomSettings};
use store::{DocumentKind, Query, Store};

use self::lectures::Lectures;
use super::{run, simulate};
use crate::cli::Demo;
use crate::config::{Config, Environment};
use crate::exit::{Outcome, usage};
use crate::output;
use crate::planning::HarvestRequest;
use crate::receipts;
use crate::summary::Summary;
use crate::units;

/// How long the demo waits for delayed jobs.
const WAIT: Duration = Duration::from_secs(180);

#[derive(Serialize)]
struct DemoReport {
    date: Date,
    truth: Counts,
    harvested: Counts,
    missing: u64,
    unexpected: u64,
    calls: Calls,
    over_quota: u64,
    dead: u64,
    seconds: f64,
    opencast: Lectures,
    complete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Counts {
    meetings: u64,
    sessions: u64,
}

pub(super) async fn execute(words: Demo, config: &Config) -> anyhow::Result<Outcome> {
    let date =
        words.date.unwrap_or_else(|| receipts::read::today().saturating_sub(jiff::Span::new().days(1)));
    zoom::window::check(date, receipts::read::today()).map_err(|error| usage(error.to_string()))?;
    let folder = words.data_dir.clone().unwrap_or_else(|| config.data_dir.join("demo"));
    fresh_folder(&folder)?;
    let settings = ZoomSettings { now: Some(well_after(date)), ..simulate::settings(&words.world) };
    let simulator = Simulator::start(settings).await.context("cannot start the simulator")?;
    let opencast = lectures::start(&words, well_after(date)).await?;
    let config = account(&words, &folder, &simulator, &opencast, config)?;
    let request = HarvestRequest { dates: vec![date], lane: Some(Lane::Daily), ..HarvestRequest::default() };
    output::remark(&format!(
        "a simulated account with {} on {date}, and lectures with {}; fetching it all",
        units::some(u64::from(words.world.meetings_per_day), "meeting"),
        units::some(u64::from(lectures::ACTIONS), "user action"),
    ));
    let pass =
        |source| run::Pass { source, config: &config, account: &config, quota_broker: None, wait: WAIT };
    let (summary, store) = run::harvest(&request, &pass(messages::Source::Zoom)).await?;
    let truth = simulator.truth(date, Source::Dashboard);
    let mut report = compare(date, &truth, &store, &summary, &simulator.ledger_summary()).await?;
    let (watched, store) = run::harvest(&request, &pass(messages::Source::Opencast)).await?;
    report.opencast = lectures::compare(&opencast.truth(date), &store, &watched).await?;
    report.complete &= report.opencast.complete;
    simulator.stop().await;
    opencast.stop().await;
    if words.json {
        output::say_json(&report)?;
    } else {
        print(&report, &folder);
    }
    Ok(if report.complete { Outcome::Complete } else { Outcome::Incomplete })
}

/// Returns a time after the end of the date's last meeting, including meetings over midnight, so that the truth is
/// final.
fn well_after(date: Date) -> Timestamp {
    let noon = date.saturating_add(jiff::Span::new().days(1)).at(12, 0, 0, 0);
    TimeZone::UTC
        .to_timestamp(noon)
        .map_or_else(|_| runtime::clock::now(), |noon| noon.max(runtime::clock::now()))
}

/// Returns the configuration of the demo: the simulators' accounts, and everything else in one folder.
fn account(
    words: &Demo,
    folder: &Path,
    simulator: &Simulator,
    opencast: &simulator::opencast::Opencast,
    config: &Config,
) -> anyhow::Result<Config> {
    let (account, system) = (simulator.credentials(), opencast.credentials());
    let environment = Environment::of([
        ("ZOOM_ACCOUNT_ID", account.account_id),
        ("ZOOM_CLIENT_ID", account.client_id),
        ("ZOOM_CLIENT_SECRET", account.client_secret),
        ("ZOOM_API_URL", simulator.api_url()),
        ("ZOOM_OAUTH_URL", simulator.oauth_url()),
        ("ZOOM_QUOTA_SPEED", if words.world.speed > 0.0 { words.world.speed } else { 10_000.0 }.to_string()),
        ("ZOOM_WEBINARS", words.world.webinars.to_string()),
        ("OPENCAST_ENGAGE_URL", opencast.url()),
        ("OPENCAST_ADMIN_URL", opencast.url()),
        ("OPENCAST_USER", system.user),
        ("OPENCAST_PASSWORD", system.password),
        ("OPENCAST_CALLS_PER_SECOND", "0".to_owned()),
        ("UA_DATA_DIR", folder.display().to_string()),
    ]);
    Ok(Config { log: config.log.clone(), ..Config::from(&environment)? })
}

/// Marks a folder as a demo's: a demo replaces only files of an earlier demo.
const MARK: &str = "this-is-a-demo";

/// Creates the folder, or removes the files of an earlier demo. Keeps a file that no demo made.
fn fresh_folder(folder: &Path) -> anyhow::Result<()> {
    let (file, mark) = (folder.join("ua.db"), folder.join(MARK));
    if file.exists() && !mark.exists() {
        let text = format!("{} was not made by a demo; choose another --data-dir", file.display());
        return Err(usage(text));
    }
    for name in ["ua.db", "ua.db-wal", "ua.db-shm"] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("cannot replace the demo in {}", folder.display()));
            }
            _ => {}
        }
    }
    let made = private::folder(folder).and_then(|()| private::touch(&mark));
    made.map_err(|error| {
        usage(format!("cannot write to {}: {error}; choose another --data-dir", folder.display()))
    })
}

async fn compare(
    date: Date,
    truth: &Truth,
    store: &Store,
    summary: &Summary,
    ledger: &LedgerSummary,
) -> anyhow::Result<DemoReport> {
    let meetings = ids(store, DocumentKind::Meetings).await?;
    let sessions = ids(store, DocumentKind::Sessions).await?;
    let known = truth.ids.as_ref().context("the simulator told no ids")?;
    let gone: HashSet<&String> = known.gone.iter().chain(&known.forbidden).collect();
    let true_meetings: HashSet<&String> = known.meeting_uuids.iter().chain(&known.webinar_uuids).collect();
    let true_sessions: HashSet<&String> =
        known.session_ids.iter().chain(&known.webinar_session_ids).collect();
    let unseen = |have: &HashSet<String>, want: &HashSet<&String>| {
        let missing = want.iter().filter(|id| !have.contains(**id) && !gone.contains(**id)).count();
        let unexpected = have.iter().filter(|id| !want.contains(id)).count();
        (missing as u64, unexpected as u64)
    };
    let (missing_meetings, extra_meetings) = unseen(&meetings, &true_meetings);
    let (missing_sessions, extra_sessions) = unseen(&sessions, &true_sessions);
    let (missing, unexpected) = (missing_meetings + missing_sessions, extra_meetings + extra_sessions);
    Ok(DemoReport {
        date,
        truth: Counts { meetings: true_meetings.len() as u64, sessions: true_sessions.len() as u64 },
        harvested: Counts { meetings: meetings.len() as u64, sessions: sessions.len() as u64 },
        missing,
        unexpected,
        calls: summary.came.calls,
        over_quota: ledger.over,
        dead: summary.dead,
        seconds: summary.seconds,
        opencast: Lectures::default(),
        complete: missing == 0 && unexpected == 0,
    })
}

pub(super) async fn ids(store: &Store, kind: DocumentKind) -> anyhow::Result<HashSet<String>> {
    let (query, mut ids, mut after) = (Query::all(kind), HashSet::new(), None);
    loop {
        let (hits, next) = store.scan(&query, 2_000, after).await?;
        ids.extend(hits.into_iter().map(|hit| hit.id));
        match next {
            Some(next) => after = Some(next),
            None => return Ok(ids),
        }
    }
}

fn print(report: &DemoReport, folder: &Path) {
    let mut table = output::table(&["", "truth", "harvested"]);
    let row = |name: &str, truth: u64, harvested: u64| {
        [name.to_owned(), units::count(truth), units::count(harvested)]
    };
    table.add_row(row("meetings", report.truth.meetings, report.harvested.meetings));
    table.add_row(row("participant sessions", report.truth.sessions, report.harvested.sessions));
    let lectures = &report.opencast;
    table.add_row(row("user actions", lectures.truth.actions, lectures.harvested.actions));
    table.add_row(row("episodes", lectures.truth.episodes, lectures.harvested.episodes));
    table.add_row(row("calls over quota", 0, report.over_quota));
    output::say(&table.to_string());
    let Calls { light, medium, heavy, resource_intensive } = report.calls;
    output::say(&format!(
        "{} {} in {:.1} s with {} heavy, {} resource-intensive, {} medium and {} light calls to Zoom and {} to Opencast; {}",
        report.date,
        if report.complete { "is complete" } else { "is NOT complete" },
        report.seconds + lectures.seconds,
        units::count(heavy),
        units::count(resource_intensive),
        units::count(medium),
        units::count(light),
        units::count(lectures.calls),
        units::some(report.dead + lectures.dead, "dead letter"),
    ));
    let (missing, unexpected) = (report.missing + lectures.missing, report.unexpected + lectures.unexpected);
    if missing + unexpected > 0 {
        output::say(&format!(
            "{} missing, {} unexpected",
            units::some(missing, "document"),
            units::count(unexpected)
        ));
    }
    let (db, dir) = (folder.join("ua.db").display().to_string(), folder.display().to_string());
    output::say(&format!(
        "\nGo on with:\n  sqlite3 -box {db} \"select topic, count(*) sessions, sum(duration)/3600 hours from sessions group by topic order by 2 desc limit 5\"\n  sqlite3 -box {db} \"select device_family, count(*) from sessions group by 1 order by 2 desc\"\n  sqlite3 -box {db} \"select episode_title, count(distinct huid) students from useractions group by 1 order by 2 desc limit 5\"\n  UA_DATA_DIR={dir} ua export attendance\n  UA_DATA_DIR={dir} ua status",
    ));
}
