//! Checks the configuration itself: what is in force, and unknown variables.

use crate::config::{Config, Environment, VARIABLES};
use crate::diagnostic::Diagnostic;

pub(super) fn examine(config: &Config, environment: &Environment) -> Vec<Diagnostic> {
    let mut diagnostics = vec![Diagnostic::well("configuration", in_force(config))];
    diagnostics.extend(environment.unknown().iter().map(|name| misspelt(name)));
    if let Ok(zoom) = &config.zoom
        && zoom.quota_speed > 1.0
        && zoom.api_url.contains("zoom.us")
    {
        let text =
            format!("ZOOM_QUOTA_SPEED is {}: far more calls than the account allows", zoom.quota_speed);
        let remedy = "unset it: it is for `ua simulate --speed` only";
        diagnostics.push(Diagnostic::users("configuration", text).remedy(remedy));
    }
    diagnostics
}

fn in_force(config: &Config) -> String {
    let queues = if config.amqp.is_some() { "RabbitMQ" } else { "the local file" };
    let documents = if config.search.is_some() { "the search engine" } else { "the local file" };
    let folder = match (&config.amqp, &config.search) {
        (Some(_), Some(_)) => "UA_DATA_DIR is not used".to_owned(),
        _ => format!("UA_DATA_DIR is {}", config.data_dir.display()),
    };
    let share = match &config.zoom {
        Ok(zoom) => {
            format!("; {:.0} % of the {:?} quota", zoom.quota_share * 100.0, zoom.plan).to_lowercase()
        }
        Err(_) => String::new(),
    };
    format!("queues in {queues}, documents in {documents}; {folder}{share}")
}

fn misspelt(name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::notable("configuration", format!("{name} is set, and nothing reads it"));
    let near =
        VARIABLES.iter().map(|variable| (strsim::damerau_levenshtein(name, variable.name), variable.name));
    match near.min() {
        Some((distance, near)) if distance <= 3 => {
            diagnostic.remedy(format!("is {near} meant? see example.env"))
        }
        _ => diagnostic.remedy("see example.env for what there is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn a_variable_that_nothing_reads_is_named_without_its_value() {
        let environment = Environment::of([("ES_PASSWROD", "canary".to_owned())]);
        let config = Config::from(&environment).unwrap();
        let diagnostics = examine(&config, &environment);
        assert_eq!(diagnostics.len(), 2);
        assert_eq!(diagnostics[1].text, "ES_PASSWROD is set, and nothing reads it");
        assert_eq!(diagnostics[1].remedy.as_deref(), Some("is ES_PASSWORD meant? see example.env"));
        assert_eq!(misspelt("ZOOM_WORLD").remedy.unwrap(), "see example.env for what there is");
    }
}
