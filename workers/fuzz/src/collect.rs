//! Rebuilds the corpus: small pages of the simulated Zoom and of both dialects of the simulated Opencast.

use std::fs;

use jiff::Timestamp;
use reqwest::{Client, Url};
use simulator::opencast::{self, Dialect, Opencast};
use simulator::{Simulator, ZoomSettings};

use crate::driver::corpus;

/// Rows per page.
const ROWS: usize = 3;

/// Requests pages from the simulators and writes the answers to the corpus.
pub(crate) fn collect() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        zoom().await;
        for (name, dialect, generation) in [("dce", Dialect::Dce, 5), ("upstream", Dialect::Upstream, 16)] {
            lectures(name, dialect, generation).await;
        }
    });
}

fn keep(target: &str, name: &str, body: &str) {
    let folder = corpus(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.json")), body).unwrap();
}

async fn get(client: &Client, url: &str, token: &str) -> String {
    let url: Url = url.parse().unwrap();
    let answer = client.get(url.clone()).bearer_auth(token).send().await.unwrap();
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    answer.text().await.unwrap()
}

async fn zoom() {
    let now: Timestamp = "2026-01-03T12:00:00Z".parse().unwrap();
    let settings = ZoomSettings {
        now: Some(now),
        hosts: 4,
        meetings_per_day: 30,
        participants: 3.0,
        webinars: true,
        speed: 0.0,
        ..ZoomSettings::default()
    };
    let simulator = Simulator::start(settings).await.unwrap();
    let (client, token) = (Client::builder().build().unwrap(), simulator.issue_token());
    let api = simulator.api_url();
    let page = format!("from=2026-01-02&to=2026-01-02&page_size={ROWS}");
    let asked = |path: String| {
        let (client, token, api) = (client.clone(), token.clone(), api.clone());
        async move { get(&client, &format!("{api}{path}"), &token).await }
    };
    let users = asked(format!("/users?page_size={ROWS}")).await;
    keep("zoom-users", "users", &users);
    let meetings = asked(format!("/metrics/meetings?type=past&{page}")).await;
    let webinars = asked(format!("/metrics/webinars?type=past&{page}")).await;
    let host = member(&users, "users", "id");
    let reported = asked(format!("/report/users/{host}/meetings?{page}")).await;
    for (name, target, body) in [
        ("meetings", "map-metrics-meetings", &meetings),
        ("webinars", "map-metrics-webinars", &webinars),
        ("report", "map-report-meetings", &reported),
    ] {
        keep("zoom-lists", name, body);
        keep(target, "page", body);
    }
    let encoded =
        |uuid: String| uuid.replace('%', "%25").replace('/', "%252F").replace('+', "%2B").replace('=', "%3D");
    let meeting = encoded(member(&meetings, "meetings", "uuid"));
    let webinar = encoded(member(&webinars, "webinars", "uuid"));
    let reported = encoded(member(&reported, "meetings", "uuid"));
    let calls = [
        (format!("/metrics/meetings/{meeting}?type=past"), "map-metrics-meeting"),
        (
            format!("/metrics/meetings/{meeting}/participants?type=past&page_size={ROWS}"),
            "map-metrics-participants",
        ),
        (
            format!("/metrics/webinars/{webinar}/participants?type=past&page_size={ROWS}"),
            "map-metrics-attendees",
        ),
        (format!("/report/meetings/{reported}"), "map-report-meeting"),
        (format!("/report/meetings/{reported}/participants?page_size={ROWS}"), "map-report-participants"),
        (format!("/report/webinars/{webinar}/participants?page_size={ROWS}"), "map-report-attendees"),
    ];
    for (path, target) in calls {
        let body = asked(path).await;
        keep(target, "page", &body);
        keep("zoom-details", target, &body);
    }
    simulator.stop().await;
}

/// Returns a member of the first row of a list.
fn member(page: &str, list: &str, name: &str) -> String {
    let page: serde_json::Value = serde_json::from_str(page).unwrap();
    page[list][0][name].as_str().unwrap_or_else(|| panic!("no {name} in {page}")).to_owned()
}

async fn lectures(name: &str, dialect: Dialect, generation: u8) {
    let now: Timestamp = "2026-01-03T12:00:00Z".parse().unwrap();
    let settings = opencast::OpencastSettings {
        now: Some(now),
        dialect,
        generation,
        actions_per_day: 200,
        ..opencast::OpencastSettings::default()
    };
    let opencast = Opencast::start(settings).await.unwrap();
    let client = Client::builder().build().unwrap();
    let account = opencast.credentials();
    let asked = |path: &str| {
        let request = client
            .get(format!("{}{path}", opencast.url()))
            .basic_auth(&account.user, Some(&account.password));
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    let page = asked(&format!("/usertracking/actions.json?limit={ROWS}&day=20260102")).await;
    keep("map-actions", name, &page);
    keep("opencast-actions", name, &page);
    let episodes = asked("/search/episode.json?limit=1").await;
    keep("opencast-episodes", name, &episodes);
    let found: &serde_json::value::RawValue = serde_json::from_str(&episodes).unwrap();
    let found = opencast_wire::episode::results(found).unwrap();
    keep("map-episode", name, found.results[0].get());
    keep("opencast-workflows", name, &asked("/workflow/instances.json?count=1").await);
    opencast.stop().await;
}
