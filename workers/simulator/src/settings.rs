//! What a simulator can be told, with defaults that make a small and fault-free world.

use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::Timestamp;

use crate::faults::FaultRate;

/// Everything a simulator is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on: 127.0.0.1, unless it is alone in a container.
    pub address: Ipv4Addr,
    /// The port there; 0 takes any free one.
    pub port: u16,
    /// Decides the world, together with the sizes below.
    pub seed: u64,
    /// Users who own meetings; a few of them are deactivated.
    pub hosts: u32,
    /// Meetings on every date, one-person meetings included.
    pub meetings_per_day: u32,
    /// Mean number of people in a meeting.
    pub participants: f64,
    /// Whether the account holds webinars, one for 25 meetings.
    pub webinars: bool,
    /// Whether the account has the webinar add-on; without it webinar calls answer 200 with an error text.
    pub webinar_addon: bool,
    /// Whether the account has the Dashboard; without it every `/metrics` call answers 400 with code 200.
    pub dashboard: bool,
    /// The plan, which decides the quotas.
    pub plan: Plan,
    /// Multiplies every quota; 0 lifts them all.
    pub speed: f64,
    /// Faults to inject on `/v2` calls.
    pub faults: Vec<FaultRate>,
    /// How many faults in a row strike one and the same request at most; `None`: chance alone decides.
    pub faults_in_a_row: Option<u32>,
    /// How long a call stricken by [`crate::Fault::Timeout`] hangs.
    pub fault_timeout: Duration,
    /// How long a new connection takes before its first call arrives: what a way and handshakes would cost.
    pub connect_time: Duration,
    /// What the simulator's clock shows at the start; it runs on from there. `None` is the real time.
    pub now: Option<Timestamp>,
    /// Scopes of the tokens; `None` grants all that are needed.
    pub scopes: Option<Vec<String>>,
    /// What the token endpoint accepts.
    pub credentials: Credentials,
    /// How long an access token is valid.
    pub token_lifetime: Duration,
    /// How long a page token is valid, by the simulator's clock.
    pub page_token_lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            port: 0,
            seed: 1,
            hosts: 50,
            meetings_per_day: 200,
            participants: 12.0,
            webinars: false,
            webinar_addon: true,
            dashboard: true,
            plan: Plan::Business,
            speed: 1.0,
            faults: Vec::new(),
            faults_in_a_row: None,
            fault_timeout: Duration::from_secs(60),
            connect_time: Duration::ZERO,
            now: None,
            scopes: None,
            credentials: Credentials::default(),
            token_lifetime: Duration::from_secs(3_600),
            page_token_lifetime: Duration::from_secs(15 * 60),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if self.hosts == 0 || self.hosts > 1_000_000 {
            return Err(SettingsError("hosts must be between 1 and 1000000"));
        }
        if self.meetings_per_day > 1_000_000 {
            return Err(SettingsError("meetings per day must be at most 1000000"));
        }
        if !(1.0..=1_000.0).contains(&self.participants) {
            return Err(SettingsError("participants must be between 1 and 1000"));
        }
        if !self.speed.is_finite() || self.speed < 0.0 {
            return Err(SettingsError("speed must be 0 (no quota) or a positive number"));
        }
        Ok(())
    }
}

/// A setting with which no simulator can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("simulator settings refused: {0}")]
pub struct SettingsError(pub(crate) &'static str);

/// The plan of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// Pro: 30, 20 and 10 calls a second, 10 a minute, 30,000 a day.
    Pro,
    /// Business and above: 80, 60 and 40 calls a second, 20 a minute, 60,000 a day.
    Business,
}

impl std::str::FromStr for Plan {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pro" => Ok(Self::Pro),
            "business" => Ok(Self::Business),
            _ => Err(SettingsError("plan must be pro or business")),
        }
    }
}

/// Which of Zoom's two ways a harvest takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// `/metrics/...`
    #[default]
    Dashboard,
    /// `/report/...`
    Report,
}

/// Server-to-server OAuth credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account's id.
    pub account_id: String,
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            account_id: "simulated-account".to_owned(),
            client_id: "simulated-client".to_owned(),
            client_secret: "simulated-secret".to_owned(),
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}
