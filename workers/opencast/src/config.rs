//! What the Opencast source is told. Plain values: the environment is read elsewhere.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::SecretString;

/// How to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Basic; Digest as soon as the server asks for it.
    Auto,
    /// HTTP Basic.
    Basic,
    /// HTTP Digest, as Opencast's system account needs it.
    Digest,
}

/// Which dialect of user tracking to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Whichever the server turns out to speak.
    Auto,
    /// Harvard DCE's: any window of time can be asked for.
    Dce,
    /// Everybody else's: a day at a time.
    Upstream,
}

/// A choice that is none of those known.
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

/// Everything the Opencast source is told.
#[derive(Clone)]
pub struct Config {
    /// Where the players' node is: user tracking and search.
    pub engage_url: String,
    /// Where the admin node is: workflows. `None`: episodes go without the times of their live streams.
    pub admin_url: Option<String>,
    /// The user; empty: nobody signs in, and what everybody may see is all that is seen.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// How to sign in.
    pub auth: Auth,
    /// Which dialect of user tracking to speak.
    pub dialect: Choice,
    /// The server's own time zone: what a date means there.
    pub timezone: TimeZone,
    /// Calls per second over all workers of the fleet; 0: no limit.
    pub calls_per_second: f64,
    /// Actions per page.
    pub page_size: u32,
    /// A certificate authority to trust beside the public ones: a file of PEM certificates.
    pub ca_cert: Option<PathBuf>,
    /// How long a call may take, answer included.
    pub request_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// For how long an episode that was looked up is not looked up again; one that is unknown for a tenth of it.
    pub episode_life: Duration,
}

/// Pages may not be larger than this: a page travels as one message.
const MOST_ACTIONS: u32 = 10_000;

impl Config {
    /// A server at this address that lets everybody in, and the defaults of everything else.
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
            .field("timezone", &self.timezone.iana_name())
            .field("calls_per_second", &self.calls_per_second)
            .finish_non_exhaustive()
    }
}

/// Why the Opencast source cannot be built as configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An address is not one.
    #[error("{variable} is not an http or https address without a user, a password or a query")]
    Address {
        /// The variable.
        variable: &'static str,
    },
    /// A user that Basic cannot carry.
    #[error("OPENCAST_USER holds a colon: no way of signing in can carry that")]
    User,
    /// The rate is no rate.
    #[error("OPENCAST_CALLS_PER_SECOND is {rate}: it must be 0 (no limit) or from 0.001 to 1000000")]
    Rate {
        /// What was given.
        rate: f64,
    },
    /// The size of a page is none.
    #[error("the page size is {size}: it must be from 1 to {MOST_ACTIONS}")]
    PageSize {
        /// What was given.
        size: u32,
    },
    /// The file of a certificate authority is none.
    #[error("OPENCAST_CA_CERT must name a file of PEM certificates: {path}: {why}")]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
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
    fn choices_are_read_by_name_and_others_refused() {
        assert_eq!("digest".parse(), Ok(Auth::Digest));
        assert_eq!("dce".parse(), Ok(Choice::Dce));
        assert_eq!("ntlm".parse::<Auth>().unwrap_err().to_string(), "it must be auto, basic or digest");
        assert_eq!("".parse::<Choice>().unwrap_err().to_string(), "it must be auto, dce or upstream");
    }
}
