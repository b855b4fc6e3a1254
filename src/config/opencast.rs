//! Configuration of Opencast.

use super::zoom::is_address;
use super::{Config, ConfigError, Environment};

impl Config {
    /// Returns the configuration of Opencast.
    ///
    /// # Errors
    /// When Opencast is not configured.
    pub fn opencast(&self) -> Result<&::opencast::Config, ConfigError> {
        self.opencast.as_ref().ok_or_else(|| ConfigError::Missing { names: vec!["OPENCAST_ENGAGE_URL"] })
    }
}

/// Returns the server of the variables; `None` when no address is set.
///
/// # Errors
/// When a variable has an invalid value.
pub(super) fn config(environment: &Environment) -> Result<Option<::opencast::Config>, ConfigError> {
    let Some(engage_url) = address(environment, "OPENCAST_ENGAGE_URL")? else { return Ok(None) };
    let calls_per_second: f64 = environment.parsed("OPENCAST_CALLS_PER_SECOND", "a number from 0")?;
    if !(calls_per_second >= 0.0 && calls_per_second.is_finite()) {
        let why = format!("takes a number from 0, not {calls_per_second}");
        return Err(ConfigError::invalid("OPENCAST_CALLS_PER_SECOND", why));
    }
    let zone = environment.get_or_default("OPENCAST_TIMEZONE");
    let timezone = ::opencast::time_zone(zone).ok_or_else(|| {
        let why = format!(
            "takes the name of a time zone, as in America/New_York, or a fixed offset, as in +01:00, not {zone:?}"
        );
        ConfigError::invalid("OPENCAST_TIMEZONE", why)
    })?;
    let (user, password) = (environment.get("OPENCAST_USER"), environment.get("OPENCAST_PASSWORD"));
    if user.is_some() != password.is_some() {
        let why = "and OPENCAST_PASSWORD go together: set both, or neither for what everybody may see";
        return Err(ConfigError::invalid("OPENCAST_USER", why));
    }
    Ok(Some(::opencast::Config {
        admin_url: address(environment, "OPENCAST_ADMIN_URL")?,
        user: user.unwrap_or_default().to_owned(),
        password: password.unwrap_or_default().into(),
        auth: environment.parsed("OPENCAST_AUTH", "auto, basic or digest")?,
        dialect: environment.parsed("OPENCAST_DIALECT", "auto, dce or upstream")?,
        timezone,
        calls_per_second,
        ca_cert: environment.get("OPENCAST_CA_CERT").map(Into::into),
        ..::opencast::Config::new(engage_url)
    }))
}

fn address(environment: &Environment, name: &'static str) -> Result<Option<String>, ConfigError> {
    match environment.get(name) {
        Some(text) if is_address(text) => Ok(Some(text.trim_end_matches('/').to_owned())),
        // The value is not shown: an address may hold a password.
        Some(_) => Err(ConfigError::invalid(name, "takes an address that begins with http:// or https://")),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Result<Option<::opencast::Config>, ConfigError> {
        config(&Environment::of(variables.iter().map(|(name, value)| (*name, (*value).to_owned()))))
    }

    const ENGAGE: (&str, &str) = ("OPENCAST_ENGAGE_URL", "https://engage.example.org/");

    #[test]
    fn without_an_address_there_is_no_opencast() {
        assert!(read(&[("OPENCAST_USER", "a")]).unwrap().is_none());
        let config = read(&[ENGAGE]).unwrap().unwrap();
        assert_eq!(
            (config.engage_url.as_str(), config.calls_per_second),
            ("https://engage.example.org", 5.0)
        );
        assert_eq!(config.timezone, jiff::tz::TimeZone::UTC);
        let fixed = read(&[ENGAGE, ("OPENCAST_TIMEZONE", "+01:00")]).unwrap().unwrap();
        assert_eq!(fixed.timezone, jiff::tz::TimeZone::fixed(jiff::tz::offset(1)));
    }

    #[test]
    fn a_wrong_value_names_its_variable_and_what_it_takes() {
        for wrong in [
            ("OPENCAST_ENGAGE_URL", "engage"),
            ("OPENCAST_ADMIN_URL", "ftp://h"),
            ("OPENCAST_CALLS_PER_SECOND", "-1"),
            ("OPENCAST_TIMEZONE", "Mars/Olympus"),
            ("OPENCAST_TIMEZONE", "+25:00"),
            ("OPENCAST_AUTH", "ntlm"),
            ("OPENCAST_DIALECT", "old"),
        ] {
            let mut variables = vec![ENGAGE];
            variables.retain(|(name, _)| *name != wrong.0);
            let error = read(&[variables.as_slice(), &[wrong]].concat()).unwrap_err().to_string();
            assert!(error.starts_with(wrong.0) && error.contains("takes"), "{error}");
        }
        let error = read(&[ENGAGE, ("OPENCAST_USER", "a")]).unwrap_err().to_string();
        assert!(error.contains("OPENCAST_PASSWORD"), "{error}");
    }
}
