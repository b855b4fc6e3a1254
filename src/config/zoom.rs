//! Configuration of the Zoom accounts.

use secrecy::SecretString;

use super::{Config, ConfigError, Environment};

/// Required variables of an account.
const NEEDED: [&str; 3] = ["ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET"];

impl Config {
    /// True when no required variable of a Zoom account is set.
    pub(crate) fn has_nothing_of_zoom(&self) -> bool {
        self.zoom.as_ref().is_err_and(|missing| missing.len() == NEEDED.len())
    }

    /// Returns one copy of this configuration per Zoom account, with that account as its only one. With a label, only
    /// the account that has it.
    ///
    /// # Errors
    /// When no account is configured, or none has this label.
    pub fn of_accounts(&self, label: Option<&str>) -> Result<Vec<Self>, ConfigError> {
        let first = self.zoom.as_ref().map_err(|names| ConfigError::Missing { names: names.clone() })?;
        let accounts = || std::iter::once(first).chain(&self.more_accounts);
        let meant: Vec<Self> = accounts()
            .filter(|account| label.is_none_or(|label| account.label == label))
            .map(|account| Self { zoom: Ok(account.clone()), more_accounts: Vec::new(), ..self.clone() })
            .collect();
        if meant.is_empty() {
            let known: Vec<&str> = accounts().map(|account| account.label.as_str()).collect();
            return Err(ConfigError::invalid("--account", format!("takes one of {}", known.join(", "))));
        }
        Ok(meant)
    }
}

/// Returns the accounts of `ZOOM_ACCOUNTS_FILE`, or the one account of the variables.
///
/// # Errors
/// When credentials are missing, or a variable or key has an invalid value.
pub(super) fn configs(environment: &Environment) -> Result<Vec<::zoom::Config>, ConfigError> {
    match (environment.get("ZOOM_ACCOUNTS_FILE"), environment.get("ZOOM_ACCOUNT_ID")) {
        (None, _) => Ok(vec![config(environment)?]),
        (Some(_), Some(_)) => {
            let why = "and ZOOM_ACCOUNT_ID are both set: take the one or the other";
            Err(ConfigError::invalid("ZOOM_ACCOUNTS_FILE", why))
        }
        (Some(path), None) => {
            let common = common(environment, String::new(), String::new(), String::new().into())?;
            super::accounts::read(std::path::Path::new(path), &common)
        }
    }
}

/// Returns the account of the variables.
///
/// # Errors
/// When credentials are missing or a variable has an invalid value.
fn config(environment: &Environment) -> Result<::zoom::Config, ConfigError> {
    let [Some(account_id), Some(client_id), Some(client_secret)] = NEEDED.map(|name| environment.get(name))
    else {
        let names = NEEDED.into_iter().filter(|name| environment.get(name).is_none()).collect();
        return Err(ConfigError::Missing { names });
    };
    common(environment, account_id.to_owned(), client_id.to_owned(), SecretString::from(client_secret))
}

/// Returns an account with these credentials and the settings that all accounts share.
fn common(
    environment: &Environment,
    account_id: String,
    client_id: String,
    client_secret: SecretString,
) -> Result<::zoom::Config, ConfigError> {
    let quota_share: f64 = environment.parsed("ZOOM_QUOTA_SHARE", "a number above 0, up to 1")?;
    if !(quota_share > 0.0 && quota_share <= 1.0) {
        let why = format!("takes a number above 0, up to 1, not {quota_share}");
        return Err(ConfigError::invalid("ZOOM_QUOTA_SHARE", why));
    }
    let quota_speed: f64 = environment.parsed("ZOOM_QUOTA_SPEED", "a number from 0")?;
    if !(quota_speed >= 0.0 && quota_speed.is_finite()) {
        return Err(ConfigError::invalid(
            "ZOOM_QUOTA_SPEED",
            format!("takes a number from 0, not {quota_speed}"),
        ));
    }
    let daily_reserve: u64 = environment.parsed("ZOOM_DAILY_RESERVE", "a number of calls, 0 for none")?;
    let base = ::zoom::Config::new(account_id, client_id, client_secret);
    let config = ::zoom::Config {
        api_url: url(environment, "ZOOM_API_URL")?,
        oauth_url: url(environment, "ZOOM_OAUTH_URL")?,
        plan: environment.parsed("ZOOM_PLAN", "pro or business")?,
        quota_share,
        daily_reserve,
        quota_speed,
        source: environment.parsed("ZOOM_SOURCE", "auto, dashboard or report")?,
        webinars: environment.flag("ZOOM_WEBINARS")?,
        ..base
    };
    match reserves_all(&config) {
        Some(why) => Err(ConfigError::invalid("ZOOM_DAILY_RESERVE", why)),
        None => Ok(config),
    }
}

/// Returns an error text when the reserve covers all calls of a day: without it, no job would ever run.
pub(super) fn reserves_all(config: &::zoom::Config) -> Option<String> {
    let per_day = config.account().per_day;
    (config.daily_reserve >= per_day)
        .then(|| format!("leaves nothing of {} calls a day", crate::units::count(per_day)))
}

fn url(environment: &Environment, name: &'static str) -> Result<String, ConfigError> {
    let text = environment.get_or_default(name);
    match is_address(text) {
        true => Ok(text.to_owned()),
        // The value is not shown: an address may hold a password.
        false => Err(ConfigError::invalid(name, "takes an address that begins with http:// or https://")),
    }
}

pub(super) fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}
