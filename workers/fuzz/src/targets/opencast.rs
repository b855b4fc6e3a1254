//! Opencast's answers in every dialect: every row is read, or has a fault that names a field.

use opencast_wire::{Action, Episode, actions, episode, workflow};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{bounded, fixtures, said_well, target};
use crate::driver::Target;
use crate::mutate::{Form, named};

pub(super) fn targets() -> Vec<Target> {
    let pages =
        [fixtures("opencast-wire", &["actions"]), fixtures("indexer", &["opencast_actions"])].concat();
    let episodes = fixtures("indexer", &["opencast_episode"]);
    let answers = fixtures("opencast-wire", &["workflows"]);
    let probed = [
        r#"{"user":{"username":"admin"},"roles":["ROLE_ADMIN","ROLE_USER"],"org":{"adminRole":"ROLE_ADMIN"}}"#,
        r#"{"rest":[{"path":"/usertracking","title":"x"},{"path":"/search"}],"engine":[]}"#,
        r#"{"consistent":true,"version":"16.5.0","buildNumber":"1"}"#,
    ];
    let challenges = [
        r#"Digest realm="Opencast", qop="auth", nonce="MTc3", algorithm=MD5"#,
        r#"Digest realm="a\"b", domain="/ /x", nonce="n", opaque="o", stale=true, qop="auth,auth-int", algorithm=SHA-256-sess, charset=UTF-8, userhash=true"#,
    ];
    vec![
        target("opencast-probe", Form::Json, probed.map(|text| text.as_bytes().to_vec()).into(), || {
            Box::new(probe)
        }),
        target(
            "opencast-challenge",
            Form::Text,
            challenges.map(|text| text.as_bytes().to_vec()).into(),
            || Box::new(challenge),
        ),
        target("opencast-actions", Form::Json, pages, || Box::new(page)),
        target("opencast-episodes", Form::Json, episodes, || Box::new(results)),
        target("opencast-workflows", Form::Json, answers, || Box::new(workflows)),
        target("opencast-answer", Form::Json, vec![b"<html>".to_vec(), b"{}".to_vec()], || Box::new(answer)),
    ]
}

/// Returns the answer as the client reads it.
fn body(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str::<&RawValue>(&text).ok().map(|body| body.get().to_owned())
}

/// Returns the number of rows at `place`; `None` when a member occurs twice.
fn rows(text: &str, place: &str) -> Option<usize> {
    let value: Value = serde_json::from_str(text).ok()?;
    // Of a duplicate member `value` has the last one.
    if named(text.as_bytes()) != members(&value) {
        return None;
    }
    match value.pointer(place)? {
        Value::Array(rows) => Some(rows.len()),
        Value::Object(_) => Some(1),
        _ => None,
    }
}

/// How many members the objects in a value have.
fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        Value::Array(list) => list.iter().map(members).sum(),
        _ => 0,
    }
}

fn page(bytes: &[u8]) -> bool {
    let Some(text) = body(bytes) else { return false };
    let body: &RawValue = serde_json::from_str(&text).unwrap();
    match actions::page(body) {
        Ok(page) => {
            if let Some(rows) = rows(&text, "/actions/action") {
                assert_eq!(page.rows.len(), rows, "rows of the page");
            }
            for row in page.rows {
                match Action::read(row) {
                    Ok(action) => bounded(format!("{action:?}").len(), row.get().as_bytes()),
                    Err(fault) => said_well(&fault.to_string()),
                }
            }
            true
        }
        Err(fault) => {
            said_well(&fault.to_string());
            false
        }
    }
}

fn results(bytes: &[u8]) -> bool {
    let Some(text) = body(bytes) else { return false };
    let body: &RawValue = serde_json::from_str(&text).unwrap();
    let found = match episode::results(body) {
        Ok(found) => found,
        Err(fault) => {
            said_well(&fault.to_string());
            // The indexer reads a single result.
            return Episode::read(body).is_ok();
        }
    };
    if let Some(rows) = rows(&text, "/search-results/result").or_else(|| rows(&text, "/result")) {
        assert_eq!(found.results.len(), rows, "results of the answer");
    }
    for result in found.results {
        match Episode::read(result) {
            Ok(episode) => {
                bounded(serde_json::to_vec(&episode.facts()).unwrap().len(), result.get().as_bytes());
            }
            Err(fault) => said_well(&fault.to_string()),
        }
    }
    true
}

fn workflows(bytes: &[u8]) -> bool {
    let Some(text) = body(bytes) else { return false };
    let body: &RawValue = serde_json::from_str(&text).unwrap();
    match workflow::workflows(body) {
        Ok(workflows) => {
            assert!(workflows.is_sorted_by(|one, next| one.id >= next.id), "the newest first");
            bounded(serde_json::to_vec(&workflow::context(&workflows)).unwrap().len(), bytes);
            true
        }
        Err(fault) => {
            said_well(&fault.to_string());
            false
        }
    }
}

fn probe(bytes: &[u8]) -> bool {
    let (version, is_known) = ::opencast::fuzz::probed(bytes);
    version.iter().for_each(|version| said_well(version));
    is_known || version.is_some()
}

fn challenge(bytes: &[u8]) -> bool {
    let signed = ::opencast::fuzz::challenged(bytes, "canary-81");
    if let Some(header) = &signed {
        assert!(!header.contains("canary-81"), "a digest shows the password: {header}");
        bounded(header.len(), bytes);
    }
    signed.is_some()
}

fn answer(bytes: &[u8]) -> bool {
    let chance = crate::driver::hash(bytes);
    let (status, headers) = super::zoom::frame(chance);
    let judged = ::opencast::fuzz::judge(chance as usize, status, &headers, bytes);
    judged.map(|said| said_well(&said)).is_none()
}
