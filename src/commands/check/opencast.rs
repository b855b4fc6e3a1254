//! Opencast: what the server is and can, as it shows when it is asked.

use std::time::Duration;

use opencast::{Capabilities, Opencast};
use runtime::Failure;

use super::finding::Finding;
use crate::assemble;
use crate::config::Config;
use crate::exit::usage;

/// Pauses between two tries to reach the server.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    if config.opencast.is_none() {
        return Vec::new();
    }
    let opencast = match assemble::opencast(config) {
        Ok(opencast) => opencast,
        Err(error) => return vec![Finding::error("opencast", &error)],
    };
    match opencast.probe().await {
        Ok(seen) => found(&seen),
        Err(failure) => vec![Finding::error("opencast", &understood(failure))],
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

/// Asks the server for what it is: credentials are good, and it answers. Trouble that may pass is given some time.
///
/// # Errors
/// When the credentials are refused or the server cannot be reached.
pub(in crate::commands) async fn reachable(opencast: &Opencast) -> anyhow::Result<()> {
    for pause in PAUSES {
        match opencast.probe().await {
            Ok(_) => return Ok(()),
            Err(Failure::Retry { .. } | Failure::Hold { .. }) => tokio::time::sleep(pause).await,
            Err(failure) => return Err(understood(failure)),
        }
    }
    opencast.probe().await.map(|_| ()).map_err(understood)
}

fn understood(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Halt { cause } => usage(cause),
        Failure::Hold { why, .. } | Failure::Defer { why, .. } => anyhow::anyhow!(why),
        Failure::Retry { cause, .. } | Failure::Reject { cause } => anyhow::anyhow!(cause.text),
    }
}
