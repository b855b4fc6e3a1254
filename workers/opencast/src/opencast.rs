//! State shared by the workers of one process: client, cached episodes, and detected properties of the server.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use runtime::quota::{QuotaStatus, RateLimiter};

use crate::auth::{Credentials, Sign};
use crate::capabilities::{Dialect, Rights};
use crate::client::{Client, Site};
use crate::config::{Choice, Config, ConfigError};
use crate::episode_cache::EpisodeCache;
use crate::pace::Pace;
use crate::workflows::WorkflowPath;

/// Idle connections per host.
const IDLE_CONNECTIONS: usize = 16;

/// Factor on the time of an absence if user tracking was present before.
const PATIENCE: u32 = 10;
/// Gap between two answers after which they count as different absences.
const APART: Duration = Duration::from_secs(300);
/// Time without requests for workflows after a refusal.
const REFUSED: Duration = Duration::from_secs(60);

/// The Opencast source of one process.
pub struct Opencast {
    pub(crate) client: Client,
    pub(crate) episode_cache: EpisodeCache,
    pub(crate) timezone: TimeZone,
    pub(crate) page_size: u32,
    pub(crate) choice: Choice,
    absent_after: Duration,
    learned: Mutex<Learned>,
    /// Whether the lack of user tracking was logged.
    said_absent: AtomicBool,
    /// Whether the lack of workflows was logged.
    said_no_workflows: AtomicBool,
    /// Whether an action's time matched the configured zone.
    zone_agreed: AtomicBool,
}

/// Detected properties of the server.
#[derive(Debug, Default)]
struct Learned {
    /// The dialect, once detected.
    dialect: Option<Dialect>,
    workflows: Option<WorkflowPath>,
    /// Whether workflows were ever answered.
    had_workflows: bool,
    /// Time and reason of the last refusal of workflows.
    refused: Option<(Instant, String)>,
    /// Permissions of the user.
    rights: Option<Rights>,
    had_tracking: bool,
    absence: Option<Absence>,
}

/// Consecutive answers without user tracking.
#[derive(Debug, Clone, Copy)]
struct Absence {
    since: Instant,
    last: Instant,
}

impl Opencast {
    /// Creates the source with a rate limit for this process alone. Makes no calls.
    ///
    /// # Errors
    /// If a URL is invalid or a number is out of range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let pace = Pace::alone(config.calls_per_second);
        Self::with_pace(config, pace)
    }

    /// Creates the source with a shared rate limit for [`Config::account`]. Makes no calls.
    ///
    /// # Errors
    /// As [`Opencast::new`].
    pub fn with_limiter(config: Config, limiter: RateLimiter) -> Result<Self, ConfigError> {
        Self::with_pace(config, Pace::Shared(limiter))
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
            episode_cache: EpisodeCache::new(config.episode_life),
            timezone: config.timezone,
            page_size: config.page_size,
            choice: config.dialect,
            absent_after: config.absent_after,
            learned: Mutex::default(),
            said_absent: AtomicBool::new(false),
            said_no_workflows: AtomicBool::new(false),
            zone_agreed: AtomicBool::new(false),
        })
    }

    /// Returns the rate limit's state as known to this process.
    pub fn quota(&self) -> Option<QuotaStatus> {
        self.client.pace().status()
    }

    /// True while calls are paused.
    pub fn is_paused(&self) -> bool {
        !self.client.pace().is_open()
    }

    /// Releases this process's share of the rate limit; no calls are possible afterwards.
    pub async fn close(&self) {
        self.client.pace().close().await;
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the dialect, if detected.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        self.learned().dialect
    }

    /// Stores or forgets the dialect.
    pub(crate) fn decide(&self, dialect: Option<Dialect>) {
        self.learned().dialect = dialect;
    }

    /// Records an answer of user tracking.
    pub(crate) fn saw_tracking(&self) {
        let mut learned = self.learned();
        (learned.had_tracking, learned.absence) = (true, None);
    }

    /// Records an answer without user tracking. Returns true once the absence has lasted long enough, because a
    /// starting node lacks it for a while.
    pub(crate) fn lacked_tracking(&self, now: Instant) -> bool {
        let mut learned = self.learned();
        let patience = if learned.had_tracking { PATIENCE } else { 1 };
        let same = learned.absence.filter(|absence| now.duration_since(absence.last) < APART);
        let since = same.map_or(now, |absence| absence.since);
        learned.absence = Some(Absence { since, last: now });
        now.duration_since(since) >= self.absent_after * patience
    }

    /// Returns the path of workflows, if detected.
    pub(crate) fn workflow_path(&self) -> Option<WorkflowPath> {
        self.learned().workflows
    }

    /// Stores or forgets the path of workflows.
    pub(crate) fn found_workflows(&self, path: Option<WorkflowPath>) {
        let mut learned = self.learned();
        (learned.workflows, learned.refused) = (path, None);
        learned.had_workflows |= path.is_some();
    }

    /// Whether workflows were ever answered.
    pub(crate) fn had_workflows(&self) -> bool {
        self.learned().had_workflows
    }

    /// Records a refusal of workflows.
    pub(crate) fn refused_workflows(&self, cause: &str) {
        self.learned().refused = Some((Instant::now(), cause.to_owned()));
    }

    /// Returns the reason of a recent refusal of workflows.
    pub(crate) fn why_no_workflows(&self) -> Option<String> {
        let refused = self.learned().refused.clone();
        refused.filter(|(at, _)| at.elapsed() < REFUSED).map(|(_, cause)| cause)
    }

    /// Returns the user's permissions, if detected.
    pub(crate) fn rights(&self) -> Option<Rights> {
        self.learned().rights
    }

    pub(crate) fn found_rights(&self, rights: Rights) {
        self.learned().rights = Some(rights);
    }

    /// Records that an action's time matched the configured zone.
    pub(crate) fn agrees_on_zone(&self) {
        self.zone_agreed.store(true, Ordering::Relaxed);
    }

    /// Whether any action's time matched the configured zone.
    pub(crate) fn agreed_on_zone(&self) -> bool {
        self.zone_agreed.load(Ordering::Relaxed)
    }

    /// Returns true once per process, to log the lack of user tracking.
    pub(crate) fn is_first_to_say_absent(&self) -> bool {
        !self.said_absent.swap(true, Ordering::Relaxed)
    }

    /// Returns true once per process, to log the lack of workflows.
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
    fn an_absence_is_believed_after_a_minute_of_answers_that_agree() {
        let opencast = Opencast::new(Config::new("http://127.0.0.1:8080".into())).unwrap();
        let start = Instant::now();
        let mut lacks = |seconds| opencast.lacked_tracking(start + Duration::from_secs(seconds));
        assert_eq!([0, 20, 40, 59, 60, 300].map(&mut lacks), [false, false, false, false, true, true]);
        assert!(!lacks(601), "a new start, perhaps");
        opencast.saw_tracking();
        let mut lacks = |seconds| opencast.lacked_tracking(start + Duration::from_secs(seconds));
        assert_eq!([700, 760, 900, 1_100, 1_300].map(&mut lacks), [false, false, false, false, true]);
    }

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
