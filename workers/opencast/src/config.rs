//! Configuration of the Opencast source. Independent of the environment, which the binary reads.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::{Offset, TimeZone};
use secrecy::SecretString;

/// Authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Basic, or Digest if the server asks for it.
    Auto,
    /// HTTP Basic.
    Basic,
    /// HTTP Digest, which Opencast's system account requires.
    Digest,
}

/// Selects the dialect of user tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Detected from the server.
    Auto,
    /// Harvard DCE's fork: any time window.
    Dce,
    /// Upstream: one day at a time.
    Upstream,
}

/// Error of an unknown choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be {0}")]
pub struct UnknownChoice(&'static str);

impl FromStr for Auth {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        match text {
            "auto" => Ok(Self::Auto),
            "basic" => Ok(Self::Basic),
            "digest" => Ok(Self::Digest),
            _ => Err(UnknownChoice("auto, basic or digest")),
        }
    }
}

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        match text {
            "auto" => Ok(Self::Auto),
            "dce" => Ok(Self::Dce),
            "upstream" => Ok(Self::Upstream),
            _ => Err(UnknownChoice("auto, dce or upstream")),
        }
    }
}

/// Parses a time zone's name, or a fixed UTC offset such as `+01:00`, for a server whose time zone database is
/// outdated.
pub fn time_zone(text: &str) -> Option<TimeZone> {
    TimeZone::get(text).ok().or_else(|| offset(text).map(TimeZone::fixed))
}

/// Returns the name that [`time_zone`] parses.
pub fn time_zone_name(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => offset_name(offset),
        (None, Err(_)) => "a zone without a name".to_owned(),
    }
}

/// Formats an offset as `+01:00`.
pub(crate) fn offset_name(offset: Offset) -> String {
    let (sign, seconds) = (if offset.is_negative() { '-' } else { '+' }, offset.seconds().unsigned_abs());
    format!("{sign}{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)
}

fn offset(text: &str) -> Option<Offset> {
    let text = text.trim_start_matches("UTC").trim_start_matches("GMT");
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(parts), 5) => parts,
        (None, 4) => digits.split_at_checked(2)?,
        (None, 1 | 2) => (digits, "00"),
        _ => return None,
    };
    let number =
        |text: &str| text.parse::<i32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    // No zone has ever had a larger offset.
    let seconds = hours * 3_600 + minutes * 60;
    Offset::from_seconds(sign * seconds).ok().filter(|_| seconds <= 18 * 3_600)
}

/// Configuration of the Opencast source.
#[derive(Clone)]
pub struct Config {
    /// URL of the engage node: user tracking and search.
    pub engage_url: String,
    /// URL of the admin node: workflows. `None`: episodes have no live stream times.
    pub admin_url: Option<String>,
    /// User name; empty for unsigned requests, which see only public data.
    pub user: String,
    /// Password of the user.
    pub password: SecretString,
    /// Authentication method.
    pub auth: Auth,
    /// Dialect of user tracking.
    pub dialect: Choice,
    /// The server's time zone, which defines its dates.
    pub timezone: TimeZone,
    /// Calls per second over all workers of the fleet; 0 means unlimited.
    pub calls_per_second: f64,
    /// Actions per page.
    pub page_size: u32,
    /// PEM file with certificate authorities to trust in addition to the public ones.
    pub ca_cert: Option<PathBuf>,
    /// Timeout of a call, including the answer.
    pub request_timeout: Duration,
    /// Timeout of a connection.
    pub connect_timeout: Duration,
    /// Time for which user tracking must be absent before the absence counts, because a starting node lacks it, too.
    pub absent_after: Duration,
    /// Cache lifetime of an episode; a tenth of it for an unknown one.
    pub episode_life: Duration,
}

/// Maximum actions per page, which is sent as one message.
const MOST_ACTIONS: u32 = 10_000;

impl Config {
    /// Returns the configuration for a server at this URL with unsigned requests and defaults.
    pub fn new(engage_url: String) -> Self {
        Self {
            engage_url,
            admin_url: None,
            user: String::new(),
            password: SecretString::default(),
            auth: Auth::Auto,
            dialect: Choice::Auto,
            timezone: TimeZone::UTC,
            calls_per_second: 5.0,
            page_size: 1_000,
            ca_cert: None,
            request_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            absent_after: Duration::from_secs(60),
            episode_life: Duration::from_secs(900),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.user.contains(':') {
            return Err(ConfigError::User);
        }
        let rate = self.calls_per_second;
        if !(rate == 0.0 || (0.001..=1_000_000.0).contains(&rate)) {
            return Err(ConfigError::Rate { rate });
        }
        if !(1..=MOST_ACTIONS).contains(&self.page_size) {
            return Err(ConfigError::PageSize { size: self.page_size });
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("engage_url", &self.engage_url)
            .field("admin_url", &self.admin_url)
            .field("auth", &self.auth)
            .field("dialect", &self.dialect)
            .field("timezone", &time_zone_name(&self.timezone))
            .field("calls_per_second", &self.calls_per_second)
            .finish_non_exhaustive()
    }
}

/// Error of an invalid configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A URL is invalid.
    #[error("{variable} is not an http or https address without a user, a password or a query")]
    Address {
        /// Name of the environment variable.
        variable: &'static str,
    },
    /// The user name contains a colon, which no authentication method supports.
    #[error("OPENCAST_USER holds a colon: no way of signing in can carry that")]
    User,
    /// The rate is out of range.
    #[error("OPENCAST_CALLS_PER_SECOND is {rate}: it must be 0 (no limit) or from 0.001 to 1000000")]
    Rate {
        /// The configured value.
        rate: f64,
    },
    /// The page size is out of range.
    #[error("the page size is {size}: it must be from 1 to {MOST_ACTIONS}")]
    PageSize {
        /// The configured value.
        size: u32,
    },
    /// The certificate file is unusable.
    #[error("OPENCAST_CA_CERT must name a file of PEM certificates: {path}: {why}")]
    Authority {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        why: String,
    },
    /// The HTTP client cannot be built.
    #[error("the http client cannot be built: {0}")]
    Http(#[from] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            user: "canary-user".into(),
            password: SecretString::from("canary-password"),
            ..Config::new("http://127.0.0.1:8080".into())
        }
    }

    #[test]
    fn debug_shows_no_credentials() {
        let text = format!("{:?}", config());
        assert!(text.contains("127.0.0.1"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn what_cannot_work_is_named() {
        let said = |config: Config| config.check().unwrap_err().to_string();
        assert!(said(Config { user: "a:b".into(), ..config() }).contains("OPENCAST_USER"));
        for rate in [-1.0, f64::NAN, f64::INFINITY, 1e-9] {
            let wrong = Config { calls_per_second: rate, ..config() };
            assert!(said(wrong).contains("OPENCAST_CALLS_PER_SECOND"), "{rate}");
        }
        for size in [0, 10_001] {
            assert!(said(Config { page_size: size, ..config() }).contains("page size"));
        }
        assert!(config().check().is_ok());
        assert!(Config { calls_per_second: 0.0, ..config() }.check().is_ok());
    }

    #[test]
    fn a_zone_is_a_name_or_a_fixed_offset() {
        let name = |text| time_zone(text).map(|zone| time_zone_name(&zone));
        for (text, meant) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("UTC", "UTC"),
            ("+01:00", "+01:00"),
            ("-0530", "-05:30"),
            ("UTC+9", "+09:00"),
            ("GMT-03", "-03:00"),
            ("+14:00", "+14:00"),
        ] {
            assert_eq!(name(text).as_deref(), Some(meant), "{text}");
        }
        for wrong in
            ["", "+", "+1:00", "+01:60", "+19:00", "01:00", "Mars/Olympus", "+ä1:00", "+-1", "++01", "+010"]
        {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn choices_are_read_by_name_and_others_refused() {
        assert_eq!("digest".parse(), Ok(Auth::Digest));
        assert_eq!("dce".parse(), Ok(Choice::Dce));
        assert_eq!("ntlm".parse::<Auth>().unwrap_err().to_string(), "it must be auto, basic or digest");
        assert_eq!("".parse::<Choice>().unwrap_err().to_string(), "it must be auto, dce or upstream");
    }
}
