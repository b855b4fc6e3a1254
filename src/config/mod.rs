//! The configuration: flags, then environment, then `.env`, then defaults. Composes the `Config` of each crate; only
//! this module reads the environment.

mod accounts;
mod environment;
mod opencast;
mod schedule;
mod variables;
mod zoom;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::SecretString;

pub use environment::Environment;
pub(crate) use environment::dotenv;
pub use variables::{VARIABLES, Variable};

/// An error in the configuration. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable has an invalid value.
    #[error("{name} {why}; see example.env")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// The values it takes.
        why: String,
    },
    /// Required variables are unset.
    #[error(
        "not set: {}; put them into the environment or .env (see example.env){}",
        names.join(", "),
        if cfg!(feature = "demo") { ", or try `ua demo`, which needs none" } else { "" }
    )]
    Missing {
        /// The variables.
        names: Vec<&'static str>,
    },
    /// `.env` or systemd's credential cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Dotenv {
        /// The file.
        path: PathBuf,
        /// The cause.
        why: String,
    },
}

impl ConfigError {
    /// Builds the error for an invalid value of the variable `name`.
    pub fn invalid(name: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { name, why: why.into() }
    }
}

/// Connection to RabbitMQ, when `AMQP_URL` is set.
#[derive(Debug, Clone)]
pub struct AmqpConfig {
    /// The URL, including the password.
    pub url: SecretString,
    /// Prefix of all queue names.
    pub queue_prefix: String,
    /// A certificate authority to trust in addition to the system's.
    pub ca_cert: Option<PathBuf>,
    /// URL of the management API, including the password, for `ua check`.
    pub management_url: Option<SecretString>,
}

/// Connection to Elasticsearch or OpenSearch, when `ES_HOST` is set.
#[derive(Debug, Clone)]
pub struct SearchConfig {
    /// `host:port` or a URL, which may hold a password.
    pub host: SecretString,
    /// The user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// An API key, instead of user and password.
    pub api_key: Option<SecretString>,
    /// A certificate authority to trust in addition to the system's.
    pub ca_cert: Option<PathBuf>,
}

/// Log filter and format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A filter in the syntax of `tracing`'s `EnvFilter`.
    pub filter: String,
    /// True for JSON lines, false for text.
    pub json: bool,
}

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The first Zoom account. `Err` holds the names of unset credentials, which only some commands need.
    pub zoom: Result<::zoom::Config, Vec<&'static str>>,
    /// Further Zoom accounts of `ZOOM_ACCOUNTS_FILE`.
    pub more_accounts: Vec<::zoom::Config>,
    /// Opencast, if it is configured.
    pub opencast: Option<::opencast::Config>,
    /// Maximum concurrent jobs of Opencast.
    pub opencast_permits: usize,
    /// True to harvest webinars as well.
    pub webinars: bool,
    /// Maximum concurrent list jobs of Zoom.
    pub list_permits: usize,
    /// Maximum concurrent detail jobs of Zoom.
    pub detail_permits: usize,
    /// RabbitMQ, or `None` for the local broker.
    pub amqp: Option<AmqpConfig>,
    /// Maximum messages in `ua.documents`.
    pub documents_limit: usize,
    /// A broker or a store that refuses is asked again for some seconds. Set by the command that runs: roles hold instead.
    pub is_patient: bool,
    /// Elasticsearch, or `None` for the local store.
    pub search: Option<SearchConfig>,
    /// Prefix of all index names.
    pub index_prefix: String,
    /// Period of one index.
    pub index_split: store::Split,
    /// Days for which raw API responses are kept; 0 disables it.
    pub raw_days: u32,
    /// A `MaxMind` DB file for geolocation, if configured.
    pub geolite_path: Option<PathBuf>,
    /// URL of the course list, which may hold a password.
    pub banner: Option<SecretString>,
    /// Folder of the local file.
    pub data_dir: PathBuf,
    /// Schedule for planning, if configured.
    pub schedule: Option<planner::Schedule>,
    /// Log filter and format.
    pub log: LogConfig,
    /// Address on which a worker serves metrics and health; `None` disables it.
    pub http: Option<SocketAddr>,
    /// Host names accepted in requests, in addition to IP addresses and this machine's own name.
    pub http_names: Vec<String>,
}

impl Config {
    /// Builds the configuration from the environment.
    ///
    /// # Errors
    /// When a variable has an invalid value. A missing Zoom account is not an error here.
    pub fn from(environment: &Environment) -> Result<Self, ConfigError> {
        let path = |name| environment.get(name).map(PathBuf::from);
        let secret = |name| environment.get(name).map(SecretString::from);
        let amqp = secret("AMQP_URL").map(|url| AmqpConfig {
            url,
            queue_prefix: environment.get_or_default("UA_QUEUE_PREFIX").to_owned(),
            ca_cert: path("AMQP_CA_CERT"),
            management_url: secret("AMQP_MANAGEMENT_URL"),
        });
        let search = environment.get("ES_HOST").map(|host| SearchConfig {
            host: host.into(),
            user: environment.get("ES_USER").map(str::to_owned),
            password: secret("ES_PASSWORD"),
            api_key: secret("ES_API_KEY"),
            ca_cert: path("ES_CA_CERT"),
        });
        let (http, http_names) = http(environment)?;
        let (zoom, more_accounts) = match zoom::configs(environment) {
            Err(ConfigError::Missing { names }) => (Err(names), Vec::new()),
            configured => {
                let mut accounts = configured?.into_iter();
                (accounts.next().ok_or_else(|| vec!["ZOOM_ACCOUNT_ID"]), accounts.collect())
            }
        };
        Ok(Self {
            zoom,
            more_accounts,
            opencast: opencast::config(environment)?,
            opencast_permits: positive(environment, "OPENCAST_PERMITS")?,
            webinars: environment.flag("ZOOM_WEBINARS")?,
            list_permits: positive(environment, "ZOOM_LIST_PERMITS")?,
            detail_permits: positive(environment, "ZOOM_DETAIL_PERMITS")?,
            amqp,
            documents_limit: positive(environment, "UA_DOCUMENTS_LIMIT")?,
            is_patient: false,
            search,
            index_prefix: environment.get_or_default("UA_INDEX_PREFIX").to_owned(),
            index_split: environment.parsed("UA_INDEX_SPLIT", "day, month or year")?,
            raw_days: environment.parsed("UA_RAW_DAYS", "a number of days, 0 for none")?,
            geolite_path: path("GEOLITE_PATH"),
            banner: banner(environment)?,
            data_dir: PathBuf::from(environment.get_or_default("UA_DATA_DIR")),
            schedule: schedule::schedule(environment)?,
            log: log(environment)?,
            http,
            http_names,
        })
    }
}

fn positive(environment: &Environment, name: &'static str) -> Result<usize, ConfigError> {
    match environment.parsed(name, "a whole number from 1")? {
        0 => Err(ConfigError::invalid(name, "takes a whole number from 1, not 0")),
        number => Ok(number),
    }
}

fn banner(environment: &Environment) -> Result<Option<SecretString>, ConfigError> {
    let Some(text) = environment.get("BANNER_ENDPOINT_BASE") else { return Ok(None) };
    match zoom::is_address(text) {
        true => Ok(Some(text.into())),
        // The value is not shown: an address may hold a password.
        false => Err(ConfigError::invalid(
            "BANNER_ENDPOINT_BASE",
            "takes an address that begins with http:// or https://",
        )),
    }
}

fn http(environment: &Environment) -> Result<(Option<SocketAddr>, Vec<String>), ConfigError> {
    let Some(text) = environment.get("UA_HTTP") else { return Ok((None, Vec::new())) };
    let mut parts = text.split(',').map(str::trim);
    let address = listener(parts.next().unwrap_or_default());
    let address = address.map_err(|why| ConfigError::invalid("UA_HTTP", why))?;
    Ok((Some(address), parts.filter(|name| !name.is_empty()).map(str::to_owned).collect()))
}

/// Parses the address to listen on. A port alone means loopback; other interfaces must be named.
///
/// # Errors
/// When it is neither a port nor an address with a port. The text names the accepted forms.
pub fn listener(text: &str) -> Result<SocketAddr, String> {
    let here = |port: &str| port.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok();
    let address = match text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')) {
        Some(port) => here(port),
        None => here(text).or_else(|| text.parse().ok()),
    };
    address.ok_or_else(|| format!("takes a port, or address:port as in 127.0.0.1:9464, not {text:?}"))
}

fn log(environment: &Environment) -> Result<LogConfig, ConfigError> {
    let json = match environment.get_or_default("UA_LOG_FORMAT") {
        "text" => false,
        "json" => true,
        other => {
            return Err(ConfigError::invalid("UA_LOG_FORMAT", format!("takes text or json, not {other:?}")));
        }
    };
    Ok(LogConfig { filter: environment.get_or_default("UA_LOG").to_owned(), json })
}

#[cfg(test)]
mod tests;
