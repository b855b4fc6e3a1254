//! Checks the database of places (`GEOLITE_PATH`).

use crate::assemble;
use crate::config::Config;
use crate::diagnostic::Diagnostic;

pub(super) fn examine(config: &Config) -> Diagnostic {
    let Some(path) = &config.geolite_path else {
        return Diagnostic::well("places", "GEOLITE_PATH is not set: documents do not tell places");
    };
    match assemble::enricher(config) {
        Ok(enricher) => {
            let about = enricher.places().unwrap_or_default();
            Diagnostic::well("places", format!("{} (GEOLITE_PATH) is {about}", path.display()))
        }
        Err(error) => {
            let remedy =
                "give GEOLITE_PATH a city database in MaxMind's format, or unset it to go without places";
            Diagnostic::error("places", &error.into(), remedy, remedy)
        }
    }
}
