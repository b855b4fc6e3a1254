//! Settings of a simulator. The defaults make a small world without faults.

use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::Timestamp;

use crate::faults::FaultRate;

/// Settings of a simulator.
#[derive(Debug, Clone)]
pub struct ZoomSettings {
    /// Address to listen on. The default is 127.0.0.1; other addresses are for a container of its own.
    pub address: Ipv4Addr,
    /// Port to listen on; 0 picks a free one.
    pub port: u16,
    /// Seed of the world.
    pub seed: u64,
    /// Number of users who own meetings; a few are deactivated.
    pub hosts: u32,
    /// Meetings per date, one-person meetings included.
    pub meetings_per_day: u32,
    /// Mean number of people in a meeting.
    pub participants: f64,
    /// Adds webinars, one per 25 meetings.
    pub webinars: bool,
    /// The account has the webinar add-on. Without it, webinar calls answer 200 with an error text.
    pub webinar_addon: bool,
    /// The account has the Dashboard. Without it, every `/metrics` call answers 400 with code 200.
    pub dashboard: bool,
    /// The plan, which determines the quotas.
    pub plan: AccountPlan,
    /// Multiplier of every quota; 0 disables them.
    pub speed: f64,
    /// Faults to inject into `/v2` calls.
    pub faults: Vec<FaultRate>,
    /// Maximum of consecutive faults per request; `None` is unlimited.
    pub faults_in_a_row: Option<u32>,
    /// How long a call with [`crate::Fault::Timeout`] hangs.
    pub fault_timeout: Duration,
    /// Delay before the first call on a new connection, for network latency and handshakes.
    pub connect_time: Duration,
    /// Start time of the simulator's clock, which runs at real speed. `None` is the real time.
    pub now: Option<Timestamp>,
    /// Scopes of the tokens; `None` grants all that are needed.
    pub scopes: Option<Vec<String>>,
    /// Credentials that the token endpoint accepts.
    pub credentials: Credentials,
    /// Lifetime of an access token.
    pub token_lifetime: Duration,
    /// Lifetime of a page token, by the simulator's clock.
    pub page_token_lifetime: Duration,
}

impl Default for ZoomSettings {
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
            plan: AccountPlan::Business,
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

impl ZoomSettings {
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

/// An invalid setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("simulator settings refused: {0}")]
pub struct SettingsError(pub(crate) &'static str);

/// The plan of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountPlan {
    /// 30 Light, 20 Medium and 10 Heavy calls per second, 10 Resource-intensive per minute, 30,000 Heavy and
    /// Resource-intensive per day.
    Pro,
    /// Business and above: 80, 60 and 40 calls per second, 20 per minute, 60,000 per day.
    Business,
}

impl std::str::FromStr for AccountPlan {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pro" => Ok(Self::Pro),
            "business" => Ok(Self::Business),
            _ => Err(SettingsError("plan must be pro or business")),
        }
    }
}

/// The API that a harvest uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The Dashboard, `/metrics/...`.
    #[default]
    Dashboard,
    /// The Reports, `/report/...`.
    Report,
}

/// Server-to-server OAuth credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Account id.
    pub account_id: String,
    /// Client id of the app.
    pub client_id: String,
    /// Client secret of the app.
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
