//! The file of places: what it is, or that documents go without.

use crate::assemble;
use crate::config::Config;
use crate::finding::Finding;

pub(super) fn examine(config: &Config) -> Finding {
    let Some(path) = &config.geolite_path else {
        return Finding::well("places", "GEOLITE_PATH is not set: documents do not tell places");
    };
    match assemble::enricher(config) {
        Ok(enricher) => {
            let about = enricher.places().unwrap_or_default();
            Finding::well("places", format!("{} (GEOLITE_PATH) is {about}", path.display()))
        }
        Err(error) => {
            let remedy =
                "give GEOLITE_PATH a city database in MaxMind's format, or unset it to go without places";
            Finding::error("places", &error.into(), remedy, remedy)
        }
    }
}
