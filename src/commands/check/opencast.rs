//! Opencast: what the server is and can, as it shows when it is asked.

use opencast::Capabilities;

use super::finding::Finding;
use crate::assemble;
use crate::config::Config;
use crate::exit::failed;

const USERS: &str =
    "see OPENCAST_USER, OPENCAST_PASSWORD, OPENCAST_AUTH and the addresses of engage and admin node";
const WORLDS: &str = "see that OPENCAST_ENGAGE_URL can be reached from here and its server is up";

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    if config.opencast.is_none() {
        return Vec::new();
    }
    let opencast = match assemble::opencast(config) {
        Ok(opencast) => opencast,
        Err(error) => return vec![Finding::error("opencast", &error, USERS, WORLDS)],
    };
    match opencast.probe().await {
        Ok(seen) => found(&seen),
        Err(failure) => vec![Finding::error("opencast", &failed(failure), USERS, WORLDS)],
    }
}

fn found(seen: &Capabilities) -> Vec<Finding> {
    let lines = seen.lines().into_iter().map(|(about, text)| {
        let text = format!("{about}: {text}");
        // Lectures can be harvested without it, who watched them cannot.
        match about == "user tracking" && !seen.usertracking {
            true => Finding::notable("opencast", text),
            false => Finding::well("opencast", text),
        }
    });
    lines.collect()
}
