//! Configuration of the Zoom source. Independent of the environment, which the binary reads.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::ZoomPlan;

/// Selects Zoom's Dashboard or Reports endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The Dashboard; the Reports if the plan has no Dashboard.
    Auto,
    /// `/metrics/...` only.
    Dashboard,
    /// `/report/...` only.
    Report,
}

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        match text {
            "auto" => Ok(Self::Auto),
            "dashboard" => Ok(Self::Dashboard),
            "report" => Ok(Self::Report),
            _ => Err(UnknownChoice),
        }
    }
}

/// Error of an unknown choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source must be auto, dashboard or report")]
pub struct UnknownChoice;

/// Configuration of one Zoom account.
#[derive(Clone)]
pub struct Config {
    /// Name of the account in jobs, orders and queues.
    pub label: String,
    /// Zoom's account id.
    pub account_id: String,
    /// Client id of the server-to-server OAuth app.
    pub client_id: String,
    /// Client secret of the app.
    pub client_secret: SecretString,
    /// Base URL of the API, with `/v2`.
    pub api_url: String,
    /// URL of the token endpoint.
    pub oauth_url: String,
    /// The account's plan, which defines the quota.
    pub plan: ZoomPlan,
    /// Usable share of the account's quota, above 0 and at most 1.
    pub quota_share: f64,
    /// Calls per day reserved for other apps, independent of the share.
    pub daily_reserve: u64,
    /// Multiplies every quota, for a simulator; 0 means unlimited. 1 for Zoom itself.
    pub quota_speed: f64,
    /// Dashboard or Reports.
    pub source: Choice,
    /// Whether webinars are harvested.
    pub webinars: bool,
    /// Timeout of a call, including the answer.
    pub request_timeout: Duration,
    /// Timeout of a connection.
    pub connect_timeout: Duration,
}

impl Config {
    /// Returns the configuration for Zoom itself with these credentials and defaults.
    pub fn new(account_id: String, client_id: String, client_secret: SecretString) -> Self {
        Self {
            label: "main".to_owned(),
            account_id,
            client_id,
            client_secret,
            api_url: "https://api.zoom.us/v2".to_owned(),
            oauth_url: "https://zoom.us/oauth/token".to_owned(),
            plan: ZoomPlan::Business,
            quota_share: 0.8,
            daily_reserve: 0,
            quota_speed: 1.0,
            source: Choice::Auto,
            webinars: false,
            request_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let required = [
            ("ZOOM_ACCOUNT_ID", self.account_id.as_str()),
            ("ZOOM_CLIENT_ID", self.client_id.as_str()),
            ("ZOOM_CLIENT_SECRET", self.client_secret.expose_secret()),
        ];
        if let Some((variable, _)) = required.iter().find(|(_, value)| value.trim().is_empty()) {
            return Err(ConfigError::Missing { variable });
        }
        if !(self.quota_share > 0.0 && self.quota_share <= 1.0) {
            return Err(ConfigError::Share { share: self.quota_share });
        }
        if !self.quota_speed.is_finite() || self.quota_speed < 0.0 {
            return Err(ConfigError::Speed { speed: self.quota_speed });
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("api_url", &self.api_url)
            .field("oauth_url", &self.oauth_url)
            .field("plan", &self.plan)
            .field("quota_share", &self.quota_share)
            .field("source", &self.source)
            .field("webinars", &self.webinars)
            .finish_non_exhaustive()
    }
}

/// Error of an invalid configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A credential is empty.
    #[error("{variable} is not set: take it from the server-to-server OAuth app in Zoom's marketplace")]
    Missing {
        /// Name of the environment variable.
        variable: &'static str,
    },
    /// A URL is invalid.
    #[error("{variable} is not an http or https address")]
    Address {
        /// Name of the environment variable.
        variable: &'static str,
    },
    /// The share is out of range.
    #[error("ZOOM_QUOTA_SHARE is {share}: it must be above 0 and at most 1")]
    Share {
        /// The configured value.
        share: f64,
    },
    /// The speed is out of range.
    #[error("the quota speed is {speed}: it must be 0 (no quota) or a positive number")]
    Speed {
        /// The configured value.
        speed: f64,
    },
    /// The HTTP client cannot be built.
    #[error("the http client cannot be built: {0}")]
    Http(#[from] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("account".into(), "client".into(), SecretString::from("canary-secret"))
    }

    #[test]
    fn debug_shows_no_credentials() {
        let text = format!("{:?}", config());
        assert!(text.contains("api.zoom.us"), "{text}");
        assert!(!text.contains("canary") && !text.contains("client"), "{text}");
    }

    #[test]
    fn what_cannot_work_is_named() {
        let mut wrong = config();
        wrong.client_id = " ".into();
        assert!(wrong.check().unwrap_err().to_string().contains("ZOOM_CLIENT_ID"));
        for share in [0.0, 1.1, f64::NAN] {
            let wrong = Config { quota_share: share, ..config() };
            assert!(matches!(wrong.check(), Err(ConfigError::Share { .. })), "{share}");
        }
        let wrong = Config { quota_speed: -1.0, ..config() };
        assert!(matches!(wrong.check(), Err(ConfigError::Speed { .. })));
        assert!(config().check().is_ok());
    }
}
