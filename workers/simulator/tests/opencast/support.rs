//! A small client for the tests, and settings of small worlds.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;
use simulator::opencast::{Dialect, Disorder, Opencast, OpencastSettings};

/// The date that the tests read; the fake's clock is two weeks later.
pub(crate) const DAY: Date = date(2026, 1, 14);

/// A small world in a time zone other than UTC.
pub(crate) fn settings(generation: u8, dialect: Dialect) -> OpencastSettings {
    OpencastSettings {
        seed: 7,
        generation,
        dialect,
        timezone: TimeZone::get("America/New_York").unwrap(),
        actions_per_day: 1_200,
        ragged_day: false,
        disorder: if dialect == Dialect::Dce { Disorder::Stable } else { Disorder::Local },
        now: Some("2026-01-28T12:00:00Z".parse().unwrap()),
        ..OpencastSettings::default()
    }
}

/// A fake Opencast with a client that does not follow redirects.
pub(crate) struct Api {
    pub(crate) opencast: Opencast,
    pub(crate) client: Client,
}

impl Api {
    pub(crate) async fn start(settings: OpencastSettings) -> Self {
        let opencast = Opencast::start(settings).await.unwrap();
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { opencast, client }
    }

    /// Sends a GET without credentials.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.opencast.url())).send().await.unwrap()
    }

    /// Status and body of a GET with Basic credentials.
    pub(crate) async fn ask(&self, path: &str) -> (u16, Value) {
        let known = self.opencast.credentials();
        let request = self.client.get(format!("{}{path}", self.opencast.url()));
        let response = request.basic_auth(known.user, Some(known.password)).send().await.unwrap();
        let (status, body) = (response.status().as_u16(), response.text().await.unwrap());
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    pub(crate) async fn control(&self, change: Value) -> Response {
        let url = format!("{}/_control", self.opencast.url());
        self.client.post(url).body(change.to_string()).send().await.unwrap()
    }

    /// Rows of one page of actions, and the total.
    pub(crate) async fn page(&self, query: &str) -> (Vec<Value>, u64) {
        let (status, mut body) = self.ask(&format!("/usertracking/actions.json?{query}")).await;
        assert_eq!(status, 200, "{query}: {body}");
        let total = number(&body["actions"]["total"]);
        (many(body["actions"]["action"].take()), total)
    }

    /// Rows of all pages, each read once; there may be fewer or more than the total.
    pub(crate) async fn pages(&self, query: &str, limit: usize) -> Vec<Value> {
        let mut rows = Vec::new();
        for offset in (0..).step_by(limit) {
            let (page, total) = self.page(&format!("{query}&limit={limit}&offset={offset}")).await;
            rows.extend(page);
            if offset + limit >= total as usize {
                return rows;
            }
        }
        rows
    }
}

/// Converts an object, an array or null to a list.
pub(crate) fn many(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(many) => many,
        one => vec![one],
    }
}

/// Workflows of an answer; without any, the answer is "" or lacks the member.
pub(crate) fn workflows(answer: &Value) -> Vec<Value> {
    many(answer["workflows"].get("workflow").cloned().unwrap_or_default())
}

/// A number in an attribute of any generation.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

/// A scalar as text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
