//! What the workers of one process share: client, known episodes, and what the server has turned out to be.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::tz::TimeZone;
use runtime::quota::{Allowance, News};

use crate::auth::{Credentials, Sign};
use crate::client::{Client, Site};
use crate::config::{Choice, Config, ConfigError};
use crate::known::Known;
use crate::pace::Pace;
use crate::probe::Dialect;
use crate::workflows::WorkflowPath;

/// Idle connections kept per host.
const IDLE_CONNECTIONS: usize = 16;

/// The Opencast source of one process.
pub struct Opencast {
    pub(crate) client: Client,
    pub(crate) known: Known,
    pub(crate) timezone: TimeZone,
    pub(crate) page_size: u32,
    pub(crate) choice: Choice,
    /// The dialect, once it is decided.
    dialect: Mutex<Option<Dialect>>,
    workflows: Mutex<Option<WorkflowPath>>,
    /// Whether it was said that the server has no user tracking.
    said_absent: AtomicBool,
    /// Whether it was said that the admin node has no workflows.
    said_no_workflows: AtomicBool,
}

impl Opencast {
    /// The source as configured, with a rate of calls of this process alone. Nothing is asked yet.
    ///
    /// # Errors
    /// When an address is none, or a number is out of range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let pace = Pace::alone(config.calls_per_second);
        Self::with_pace(config, pace)
    }

    /// The source as configured, with leave to call from elsewhere, whose account is [`Config::account`].
    ///
    /// # Errors
    /// As [`Opencast::new`].
    pub fn with_allowance(config: Config, allowance: Allowance) -> Result<Self, ConfigError> {
        Self::with_pace(config, Pace::Shared(allowance))
    }

    fn with_pace(config: Config, pace: Pace) -> Result<Self, ConfigError> {
        config.check()?;
        let signed = !config.user.is_empty();
        let credentials = signed.then(|| Credentials { user: config.user, password: config.password });
        let site = |url: &str, variable| {
            Ok::<_, ConfigError>(Site::new(
                address(url, variable)?,
                Sign::new(credentials.clone(), config.auth),
            ))
        };
        let engage = site(&config.engage_url, "OPENCAST_ENGAGE_URL")?;
        let admin = config.admin_url.as_deref().map(|url| site(url, "OPENCAST_ADMIN_URL")).transpose()?;
        let mut http = runtime::body::client()
            .user_agent(concat!("ua/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS);
        for authority in config.ca_cert.as_deref().map(authorities).transpose()?.unwrap_or_default() {
            http = http.add_root_certificate(authority);
        }
        Ok(Self {
            client: Client::new(http.build()?, engage, admin, pace),
            known: Known::new(config.episode_life),
            timezone: config.timezone,
            page_size: config.page_size,
            choice: config.dialect,
            dialect: Mutex::default(),
            workflows: Mutex::default(),
            said_absent: AtomicBool::new(false),
            said_no_workflows: AtomicBool::new(false),
        })
    }

    /// How the calls stand, as far as this process knows.
    pub fn quota(&self) -> Option<News> {
        self.client.pace().news()
    }

    /// True while no call may be made.
    pub fn is_paused(&self) -> bool {
        !self.client.pace().is_open()
    }

    /// Ends this process's part in the quota in good order; no call is made any more.
    pub async fn close(&self) {
        self.client.pace().close().await;
    }

    /// The dialect, if it was decided.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the dialect that was found, or forgets it when it has turned out to be another.
    pub(crate) fn decide(&self, dialect: Option<Dialect>) {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = dialect;
    }

    /// Where workflows are asked for, if it was found out.
    pub(crate) fn workflow_path(&self) -> Option<WorkflowPath> {
        *self.workflows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the path that was found, or forgets it when there is none any more.
    pub(crate) fn found_workflows(&self, path: Option<WorkflowPath>) {
        *self.workflows.lock().unwrap_or_else(PoisonError::into_inner) = path;
    }

    /// True for whoever is to say that the server has no user tracking: once in a process.
    pub(crate) fn is_first_to_say_absent(&self) -> bool {
        !self.said_absent.swap(true, Ordering::Relaxed)
    }

    /// True for whoever is to say that the admin node has no workflows: once in a process.
    pub(crate) fn is_first_to_say_no_workflows(&self) -> bool {
        !self.said_no_workflows.swap(true, Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Opencast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opencast").field("dialect", &self.dialect()).finish_non_exhaustive()
    }
}

fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, ConfigError> {
    let wrong = |why: String| ConfigError::Authority { path: path.to_owned(), why };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(authorities) if authorities.is_empty() => Err(wrong("there is none in it".to_owned())),
        Ok(authorities) => Ok(authorities),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn address(text: &str, variable: &'static str) -> Result<String, ConfigError> {
    let wrong = || ConfigError::Address { variable };
    let url = reqwest::Url::parse(text.trim()).map_err(|_| wrong())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    match matches!(url.scheme(), "http" | "https") && url.has_host() && plain && url.fragment().is_none() {
        true => Ok(text.trim().trim_end_matches('/').to_owned()),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_and_holds_no_secret() {
        assert_eq!(address(" https://oc.example.org/base/ ", "X").unwrap(), "https://oc.example.org/base");
        for wrong in [
            "",
            "oc.example.org",
            "ftp://x",
            "https://a:b@x",
            "https://a@x",
            "https://x/?a=b",
            "https://x/#a",
        ] {
            assert!(address(wrong, "X").unwrap_err().to_string().starts_with("X is not"), "{wrong}");
        }
    }
}
