//! The Zoom account's configuration.

use secrecy::SecretString;

use super::{ConfigError, Environment};

/// What the Zoom crate wants to know.
///
/// # Errors
/// When credentials are missing or a value is not one its variable takes.
pub(super) fn config(environment: &Environment) -> Result<::zoom::Config, ConfigError> {
    let needed = ["ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET"];
    let [Some(account_id), Some(client_id), Some(client_secret)] = needed.map(|name| environment.get(name))
    else {
        let names = needed.into_iter().filter(|name| environment.get(name).is_none()).collect();
        return Err(ConfigError::Missing { names });
    };
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
    let base =
        ::zoom::Config::new(account_id.to_owned(), client_id.to_owned(), SecretString::from(client_secret));
    Ok(::zoom::Config {
        api_url: url(environment, "ZOOM_API_URL")?,
        oauth_url: url(environment, "ZOOM_OAUTH_URL")?,
        plan: environment.parsed("ZOOM_PLAN", "pro or business")?,
        quota_share,
        daily_reserve,
        quota_speed,
        source: environment.parsed("ZOOM_SOURCE", "auto, dashboard or report")?,
        webinars: environment.flag("ZOOM_WEBINARS")?,
        ..base
    })
}

fn url(environment: &Environment, name: &'static str) -> Result<String, ConfigError> {
    let text = environment.get_or_default(name);
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => Ok(text.to_owned()),
        // Not shown: an address may hold a password.
        _ => Err(ConfigError::invalid(name, "takes an address that begins with http:// or https://")),
    }
}
