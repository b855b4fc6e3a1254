//! Faults, ledger, control, and invalid settings.

use std::time::Duration;

use serde_json::json;
use simulator::opencast::{Dialect, Opencast, OpencastSettings};
use simulator::{Fault, FaultRate};

use crate::support::{Api, settings};

async fn with(fault: Fault, rate: f64) -> Api {
    let faults = vec![FaultRate { fault, rate }];
    let fault_timeout = Duration::from_millis(300);
    Api::start(OpencastSettings { faults, fault_timeout, ..settings(15, Dialect::Upstream) }).await
}

#[tokio::test]
async fn faults_look_like_what_they_are_called() {
    const PATH: &str = "/usertracking/actions.json";
    for (fault, status) in [(Fault::InternalError, 500), (Fault::BadGateway, 502), (Fault::HtmlPage, 200)] {
        let response = with(fault, 1.0).await.get(PATH).await;
        assert_eq!(response.status(), status);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        assert!(response.text().await.unwrap().contains("<html>"));
    }
    let cut = with(Fault::TruncatedJson, 1.0).await.get(PATH).await.text().await.unwrap();
    assert!(cut.starts_with("{\"actions\"") && serde_json::from_str::<serde_json::Value>(&cut).is_err());
    for fault in [Fault::Reset, Fault::Timeout] {
        let api = with(fault, 1.0).await;
        let answer = api.client.get(format!("{}{PATH}", api.opencast.url())).send().await;
        let body = match answer {
            Ok(response) => response.text().await,
            Err(error) => Err(error),
        };
        assert!(body.is_err(), "{fault}");
        assert_eq!(api.opencast.ledger_summary().by_fault, [(fault.name(), 1)].into());
    }
}

#[tokio::test]
async fn a_share_of_calls_is_struck_until_the_control_says_otherwise() {
    let api = with(Fault::InternalError, 0.5).await;
    let struck = async |calls: u32| {
        let mut struck = 0;
        for _ in 0..calls {
            struck += u32::from(api.get("/info/me.json").await.status() == 500);
        }
        struck
    };
    assert!((10..=40).contains(&struck(50).await));
    assert!(api.control(json!({ "faults": [] })).await.status().is_success());
    assert_eq!(struck(20).await, 0);
    for bad in [json!({ "faults": ["429=0.1"] }), json!({ "faults": ["x"] }), json!({ "speed": 1 })] {
        assert_eq!(api.control(bad.clone()).await.status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn the_ledger_tells_every_call_by_path_status_and_credentials() {
    let api = Api::start(settings(15, Dialect::Upstream)).await;
    api.get("/workflow/mediaPackage/a/instances.json").await;
    api.ask("/workflow/mediaPackage/b/instances.json").await;
    api.get("/nothing/here").await;
    let (_, rows) = api.ask("/_ledger").await;
    let told: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (row["path"].as_str().unwrap(), row["status"].as_u64().unwrap(), row["auth"].as_str().unwrap())
        })
        .collect();
    let workflows = "/workflow/mediaPackage/{id}/instances.json";
    assert_eq!(told, [(workflows, 302, "refused"), (workflows, 200, "basic"), ("unknown", 302, "refused")]);
    let summary = api.opencast.ledger_summary();
    assert_eq!((summary.calls, summary.by_status[&302], summary.dropped), (3, 2, 0));
    assert!((1..=3).contains(&summary.peak_per_second));
    let (_, told) = api.ask("/_ledger?summary=true").await;
    assert_eq!(told, serde_json::to_value(summary).unwrap(), "its own paths are not told");
    let (_, rest) = api.ask("/_ledger?since=2").await;
    assert_eq!(rest.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_world_that_cannot_be_is_refused_in_words() {
    let base = || settings(15, Dialect::Upstream);
    let fault = FaultRate { fault: Fault::TooManyRequests, rate: 0.1 };
    for (bad, word) in [
        (OpencastSettings { generation: 4, ..base() }, "generation"),
        (OpencastSettings { generation: 18, ..base() }, "generation"),
        (OpencastSettings { students: 0, ..base() }, "students"),
        (OpencastSettings { actions_per_day: u32::MAX, ..base() }, "actions"),
        (OpencastSettings { odd_share: 1.5, ..base() }, "oddities"),
        (OpencastSettings { live_share: f64::NAN, ..base() }, "live"),
        (OpencastSettings { faults: vec![fault], ..base() }, "faults"),
    ] {
        let error = Opencast::start(bad).await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let taken = Opencast::start(base()).await.unwrap();
    let port = taken.url().rsplit(':').next().unwrap().parse().unwrap();
    let error = Opencast::start(OpencastSettings { port, ..base() }).await.unwrap_err().to_string();
    assert!(error.contains("choose another port"), "{error}");
    taken.stop().await;
}

#[tokio::test]
async fn the_smallest_world_serves() {
    let world = OpencastSettings {
        episodes: 0,
        series: 1,
        students: 1,
        actions_per_day: 1,
        ..settings(16, Dialect::Upstream)
    };
    let api = Api::start(world).await;
    assert_eq!(api.ask("/search/episode.json").await.1["total"], 0);
    let (rows, total) = api.page("day=20260114").await;
    assert_eq!((rows.len(), total), (1, 1));
    let truth = api.opencast.truth(crate::support::DAY);
    assert_eq!((truth.of_unknown_episodes, truth.attendance.len()), (1, 0));
}
