//! Configuration of the planning schedule.

use jiff::tz::TimeZone;
use planner::Schedule;

use super::{ConfigError, Environment};

const EXPRESSION: &str = "UA_SCHEDULE";
const ZONE: &str = "UA_SCHEDULE_TZ";

/// Returns the schedule, if one is configured.
///
/// # Errors
/// When the cron expression or the time zone is invalid.
pub(super) fn schedule(environment: &Environment) -> Result<Option<Schedule>, ConfigError> {
    let name = environment.get_or_default(ZONE);
    let zone = if name.eq_ignore_ascii_case("UTC") { Ok(TimeZone::UTC) } else { TimeZone::get(name) };
    let zone = zone.map_err(|_| {
        let why = "takes the name of a time zone that this system knows, like UTC or Europe/Zurich";
        ConfigError::invalid(ZONE, format!("{why}, not {name:?}"))
    })?;
    let Some(expression) = environment.get(EXPRESSION) else { return Ok(None) };
    let schedule = Schedule::parse(expression, zone).map_err(|error| {
        ConfigError::invalid(EXPRESSION, format!("takes a cron expression like \"30 4 * * *\", but {error}"))
    })?;
    Ok(Some(schedule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str, zone: &str) -> Result<Option<Schedule>, String> {
        let environment = [(EXPRESSION, expression.to_owned()), (ZONE, zone.to_owned())];
        schedule(&Environment::of(environment)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_schedule_names_its_variable_and_field() {
        assert!(of("30 4 * * *", "").unwrap().is_some() && of("", "UTC").unwrap().is_none());
        let error = of("30 25 * * *", "UTC").unwrap_err();
        assert!(error.starts_with("UA_SCHEDULE takes") && error.contains("\"25\" as its hour"), "{error}");
        let error = of("30 4 * * *", "Mars/Olympus").unwrap_err();
        assert!(error.starts_with("UA_SCHEDULE_TZ takes") && error.contains("Mars/Olympus"), "{error}");
    }
}
