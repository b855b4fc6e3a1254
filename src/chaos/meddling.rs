//! A foreign template with precedence over ours: `ua check` must name it, and no worker may start.

use std::process::Output;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::site::Site;

/// Time for a worker to refuse its start.
const PATIENCE: Duration = Duration::from_secs(60);
/// Name of the policy and of the template.
pub(crate) const NAME: &str = "chaos-meddles";

/// Adds a template with precedence over that of the sessions, starts a worker, and removes the template. Returns what
/// was not reported.
pub(crate) async fn template(site: &Site) -> Vec<String> {
    let url = format!("{}/_index_template/{NAME}{}", site.search, site.indices);
    let settings = json!({"index.mapping.total_fields.limit": 5});
    let patterns = [format!("{}sessions-*", site.indices)];
    let body = json!({"index_patterns": patterns, "priority": 900, "template": {"settings": settings}});
    send(Method::PUT, &url, Some(&body)).await;
    let checked = site.quietly(&["check"]).await;
    let worked = site.quietly_for(&["work", "index"], PATIENCE).await;
    send(Method::DELETE, &url, None).await;
    let mut missed = unreported("a foreign template", &checked, &[NAME]);
    match worked {
        Some(worked) => {
            missed.extend(unreported("a foreign template, at a worker's start", &worked, &[NAME]));
        }
        None => missed.push("a worker runs on with a foreign template".to_owned()),
    }
    missed
}

/// Returns the words missing from a command's output, and an exit code of 0.
pub(crate) fn unreported(what: &str, output: &Output, words: &[&str]) -> Vec<String> {
    let said = text(output);
    let mut missed: Vec<String> = Vec::new();
    if output.status.success() {
        missed.push(format!("{what}: the command ends with 0"));
    }
    for word in words.iter().filter(|word| !said.contains(*word)) {
        missed.push(format!("{what}: nothing is said of {word}: {said}"));
    }
    missed
}

pub(crate) fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// Sends a request to a server, which must succeed.
pub(crate) async fn send(method: Method, url: &str, body: Option<&Value>) {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let mut request = client.request(method, url).header("content-type", "application/json");
    if let Some(body) = body {
        request = request.body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{url}: {status} {}", answer.text().await.unwrap_or_default());
}
