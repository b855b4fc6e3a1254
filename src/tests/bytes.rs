//! Answers of Zoom that are not UTF-8: a broken byte costs one character, and the archive returns the answer as received.

use std::path::Path;

use axum::Router;
use axum::http::Uri;
use serde_json::{Value, json};
use store::{DocumentKind, Query, Store, local};

use crate::program::{Program, closed_date};

const UUID: &str = "4444AAAiAAAAAiAiAiiAiA==";

/// What a Zoom with one meeting of one participant answers; both names were written in Latin-1.
fn answer(path: &str, date: &str) -> Vec<u8> {
    let times =
        format!(r#""start_time":"{date}T08:00:00Z","end_time":"{date}T09:00:00Z","duration":"01:00:00""#);
    match path {
        "/oauth/token" => br#"{"access_token":"token","expires_in":3599,"scope":""}"#.to_vec(),
        "/users" => br#"{"total_records":0,"users":[]}"#.to_vec(),
        path if path.ends_with("/participants") => {
            let join = format!(r#"","join_time":"{date}T08:01:00Z","leave_time":"{date}T08:59:00Z"}}]}}"#);
            let row = br#"{"total_records":1,"participants":[{"user_id":"16778240","user_name":"J"#;
            [&row[..], b"\xfcrgen", join.as_bytes()].concat()
        }
        path if path.ends_with("/meetings") => {
            let row =
                format!(r#"{{"total_records":1,"meetings":[{{"uuid":"{UUID}","id":81234567890,"topic":"F"#);
            let rest = format!("hrung\",\"participants\":1,{times}}}]}}\n");
            [row.as_bytes(), b"\xfc", rest.as_bytes()].concat()
        }
        _ => br#"{"code":404,"message":"unknown"}"#.to_vec(),
    }
}

/// The one document of a kind.
async fn only(store: &Store, kind: DocumentKind) -> Value {
    let hits = store.search(&Query::all(kind)).await.unwrap();
    assert_eq!(hits.len(), 1, "{kind:?}");
    serde_json::from_str(hits[0].source.get()).unwrap()
}

/// The archived answer with this id.
async fn archived(store: &Store, id: &str) -> Vec<u8> {
    let hit = store.get(DocumentKind::Raw, id).await.unwrap().unwrap_or_else(|| panic!("no {id}"));
    indexer::archive::answer(&hit.source).unwrap()
}

fn opened(folder: &Path) -> Store {
    let settings = local::LocalStoreSettings { folder: folder.join("ua-data"), prefix: String::new() };
    Store::Local(local::Local::open(settings).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_is_not_utf_8_costs_one_character_and_the_archive_keeps_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let date = closed_date();
    let served = date.clone();
    // The list of one-person meetings is empty.
    let app = Router::new().fallback(move |uri: Uri| {
        let one = uri.query().is_some_and(|query| query.contains("type=pastOne"));
        let empty = one && uri.path().ends_with("/meetings");
        let body = if empty {
            br#"{"total_records":0,"meetings":[]}"#.to_vec()
        } else {
            answer(uri.path(), &served)
        };
        std::future::ready(body)
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let program = Program::new()
        .with("ZOOM_ACCOUNT_ID", "account")
        .with("ZOOM_CLIENT_ID", "client")
        .with("ZOOM_CLIENT_SECRET", "secret")
        .with("ZOOM_OAUTH_URL", format!("{base}/oauth/token"))
        .with("ZOOM_API_URL", &base)
        .with("ZOOM_WEBINARS", "false")
        .with("ZOOM_QUOTA_SPEED", 100);
    let ended = program.call(&["run", "--date", &date, "--json"]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    let summary: Value = serde_json::from_str(ended.out.lines().last().unwrap()).unwrap();
    assert_eq!(summary["dropped_fields"], json!({ "topic": 1, "user_name": 1 }), "{summary}");

    let store = opened(program.path());
    assert_eq!(only(&store, DocumentKind::Meetings).await["topic"], "F\u{fffd}hrung");
    assert_eq!(only(&store, DocumentKind::Sessions).await["user_name"], "J\u{fffd}rgen");
    let list = archived(&store, &format!("zoom:meetings:{date}#past.1")).await;
    assert_eq!(list, answer("/metrics/meetings", &date));
    let page = archived(&store, &format!("zoom:participants:{UUID}#1")).await;
    assert_eq!(page, answer("/metrics/meetings/id/participants", &date));
}
