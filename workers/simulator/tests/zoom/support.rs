//! A small client for the tests: token, paged reading, and settings of small worlds.

use jiff::civil::{Date, date};
use reqwest::{Client, Response};
use serde_json::Value;
use simulator::{Simulator, ZoomSettings};

/// The date that the tests read; the simulator's clock is two weeks later.
pub(crate) const DAY: Date = date(2026, 1, 14);

/// A small world without quotas; its clock shows noon of 2026-01-28.
pub(crate) fn settings() -> ZoomSettings {
    ZoomSettings {
        seed: 7,
        hosts: 12,
        meetings_per_day: 60,
        participants: 6.0,
        webinars: true,
        speed: 0.0,
        now: Some("2026-01-28T12:00:00Z".parse().unwrap()),
        ..ZoomSettings::default()
    }
}

/// A simulator with a client that holds a token.
pub(crate) struct Api {
    pub(crate) simulator: Simulator,
    pub(crate) client: Client,
    pub(crate) token: String,
}

impl Api {
    pub(crate) async fn start(settings: ZoomSettings) -> Self {
        let simulator = Simulator::start(settings).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let mut api = Self { simulator, client, token: String::new() };
        let granted = json(api.ask_token().await).await;
        api.token = granted["access_token"].as_str().unwrap().to_owned();
        api
    }

    pub(crate) async fn ask_token(&self) -> Response {
        let known = self.simulator.credentials();
        self.client
            .post(self.simulator.oauth_url())
            .basic_auth(known.client_id, Some(known.client_secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("grant_type=account_credentials&account_id={}", known.account_id))
            .send()
            .await
            .unwrap()
    }

    /// Sends a GET below `/v2` with the token.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.try_get(path).await.unwrap()
    }

    pub(crate) async fn try_get(&self, path: &str) -> reqwest::Result<Response> {
        self.client.get(format!("{}{path}", self.simulator.api_url())).bearer_auth(&self.token).send().await
    }

    /// Status and body of a GET below `/v2`.
    pub(crate) async fn ask(&self, path: &str) -> (u16, Value) {
        let response = self.get(path).await;
        (response.status().as_u16(), json(response).await)
    }

    /// Rows of all pages.
    pub(crate) async fn all(&self, path: &str, key: &str) -> Vec<Value> {
        let (mut rows, mut token) = (Vec::new(), String::new());
        let sign = if path.contains('?') { '&' } else { '?' };
        loop {
            let (status, mut page) =
                self.ask(&format!("{path}{sign}page_size=100&next_page_token={token}")).await;
            assert_eq!(status, 200, "{path}: {page}");
            rows.extend(page[key].take().as_array().unwrap_or_else(|| panic!("{path} has no {key}")).clone());
            token = page["next_page_token"].as_str().unwrap_or_default().to_owned();
            if token.is_empty() {
                assert_eq!(page["total_records"], rows.len(), "{path}");
                return rows;
            }
        }
    }

    pub(crate) async fn control(&self, change: Value) {
        let response =
            self.client.post(format!("{}/_control", self.simulator.url())).body(change.to_string()).send();
        let response = response.await.unwrap();
        assert!(response.status().is_success(), "{change}: {}", response.text().await.unwrap());
    }

    /// Sends a GET to one of the simulator's own paths.
    pub(crate) async fn own(&self, path: &str) -> Value {
        json(self.client.get(format!("{}{path}", self.simulator.url())).send().await.unwrap()).await
    }
}

/// Body of an answer.
pub(crate) async fn json(response: Response) -> Value {
    let body = response.text().await.unwrap();
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// Percent-encodes everything but letters and digits twice, which every uuid allows.
pub(crate) fn twice(uuid: &str) -> String {
    once(&once(uuid))
}

/// Percent-encodes everything but letters and digits once.
pub(crate) fn once(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
