//! State shared by the workers of one process: client, quota, host ids, and the selected source.

use std::time::Duration;

use jiff::SignedDuration;
use messages::Calls;
use runtime::quota::{QuotaStatus, RateLimiter};
use runtime::{Failure, body};

use crate::auth::{Credentials, Tokens};
use crate::client::Client;
use crate::config::{Config, ConfigError};
use crate::headers::Limit;
use crate::hosts::Hosts;
use crate::request;
use crate::scopes::{self, Granted, missing_scopes};
use crate::source::Source;
use crate::{Choice, Quota, RateClass};

/// Idle connections per host.
const IDLE_CONNECTIONS: usize = 64;

/// Timeout of an interactive examination.
const EXAMINATION_TIME: Duration = Duration::from_secs(15);

/// Result of [`Zoom::examine`].
#[derive(Debug, Clone, PartialEq)]
pub struct Examination {
    /// Granted and missing scopes.
    pub granted: Granted,
    /// Whether the token may read the Dashboard's meetings.
    pub reads_dashboard: bool,
    /// API time minus local time; `None` if the API names no time.
    pub skew: Option<SignedDuration>,
    /// Medium calls per second that the API allows.
    pub medium_per_second: Option<u64>,
    /// Medium calls made by the examination.
    pub medium_calls: u32,
}

/// The Zoom source of one process.
pub struct Zoom {
    label: String,
    others: Vec<Zoom>,
    pub(crate) client: Client,
    pub(crate) hosts: Hosts,
    pub(crate) source: Source,
    pub(crate) webinars: bool,
    choice: Choice,
    oauth_url: String,
}

impl Zoom {
    /// Creates the source with a quota for this process alone. Makes no calls.
    ///
    /// # Errors
    /// If a credential is missing, a URL is invalid, or a number is out of range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let account = config.account();
        let quota = Quota::new(RateLimiter::in_process(account.clone()), &account);
        Self::with_quota(config, quota)
    }

    /// Creates the source with the given limiter. Makes no calls.
    ///
    /// # Errors
    /// As [`Zoom::new`].
    pub fn with_quota(config: Config, quota: Quota) -> Result<Self, ConfigError> {
        config.check()?;
        let api_url = address(&config.api_url, "ZOOM_API_URL")?;
        let oauth_url = address(&config.oauth_url, "ZOOM_OAUTH_URL")?;
        let http = body::client()
            .user_agent(concat!("ua/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build()?;
        let credentials = Credentials {
            oauth_url: oauth_url.clone(),
            account_id: config.account_id,
            client_id: config.client_id,
            client_secret: config.client_secret,
        };
        let tokens = Tokens::new(http.clone(), credentials);
        Ok(Self {
            label: config.label,
            others: Vec::new(),
            client: Client::new(http, api_url, tokens, quota, config.quota_speed),
            hosts: Hosts::default(),
            source: Source::new(config.source),
            webinars: config.webinars,
            choice: config.source,
            oauth_url,
        })
    }

    /// Gets a token and compares its scopes with the required ones.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the credentials are refused, [`Failure::Hold`] if the endpoint fails.
    pub async fn check(&self) -> Result<Granted, Failure> {
        let token = self.client.token().await?;
        let scopes = token.scopes.clone();
        let missing = missing_scopes(&scopes, self.choice, self.webinars);
        let without_host_ids = !scopes::lists_users(&scopes);
        Ok(Granted { scopes, missing, without_host_ids })
    }

    /// Like [`Zoom::check`], and also returns the API's clock and rate limit. Makes one medium call, or none if the
    /// token may not list users.
    ///
    /// # Errors
    /// As [`Zoom::check`], and if the API does not answer.
    pub async fn examine(&self) -> Result<Examination, Failure> {
        let granted = self.check().await?;
        let request = (!granted.without_host_ids).then(|| request::users("active", "30"));
        let silent = |_| {
            Failure::hold(
                None,
                "zoom's api did not answer within a quarter of a minute, or the quota gave no leave to ask"
                    .to_owned(),
            )
        };
        let sampling = self.client.sample(request.as_ref());
        let sample = tokio::time::timeout(EXAMINATION_TIME, sampling).await.map_err(silent)??;
        let per_second = sample.rates.allowed.filter(|_| sample.rates.limit == Some(Limit::Rate));
        Ok(Examination {
            reads_dashboard: scopes::reads_dashboard(&granted.scopes),
            granted,
            skew: sample.skew,
            medium_per_second: per_second,
            medium_calls: u32::from(request.is_some()),
        })
    }

    /// Adds other accounts: each job is performed with the account it names.
    #[must_use]
    pub fn with_others(mut self, others: Vec<Self>) -> Self {
        self.others = others;
        self
    }

    /// Returns the account's configured name.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns all accounts, this one first.
    pub fn accounts(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.others)
    }

    pub(crate) fn of_account(&self, label: &str) -> Option<&Self> {
        self.accounts().find(|account| account.label == label)
    }

    pub(crate) fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// Returns the calls made so far, over all accounts.
    pub fn calls(&self) -> Calls {
        self.accounts().fold(Calls::default(), |mut calls, account| {
            calls += account.client.calls();
            calls
        })
    }

    /// Returns each account's quota state as known to this process.
    pub fn quotas(&self) -> Vec<QuotaStatus> {
        self.accounts().filter_map(|account| account.client.quota().status()).collect()
    }

    /// Releases this process's share of the quotas; no calls are possible afterwards.
    pub async fn close(&self) {
        for account in self.accounts() {
            account.client.quota().close().await;
        }
    }

    /// Returns whether at least one account can work: Zoom answers, and none of the classes is on hold. Uses no quota.
    pub(crate) async fn is_well(&self, classes: &[RateClass]) -> bool {
        for account in self.accounts() {
            let client = &account.client;
            if client.quota().is_open(classes) && client.reachable(&account.oauth_url).await {
                return true;
            }
        }
        false
    }

    /// Ends the wait of open circuit breakers, after an operator lifted a hold.
    pub(crate) fn resumed(&self) {
        self.accounts().for_each(|account| account.client.try_now());
    }

    /// True if the class with this index is not on hold.
    pub(crate) fn lifted(&self, index: usize) -> bool {
        self.client.quota().lifted(index)
    }
}

impl std::fmt::Debug for Zoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zoom").field("source", &self.source).finish_non_exhaustive()
    }
}

fn address(text: &str, variable: &'static str) -> Result<String, ConfigError> {
    let url = reqwest::Url::parse(text.trim()).map_err(|_| ConfigError::Address { variable })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(ConfigError::Address { variable });
    }
    Ok(text.trim().trim_end_matches('/').to_owned())
}
