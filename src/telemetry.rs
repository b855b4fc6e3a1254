//! Logs: to stderr, as text or as JSON lines, filtered by `UA_LOG`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LogConfig};

/// Starts logging. What libraries log is cut to warnings, whatever the filter says.
///
/// # Errors
/// When the filter cannot be parsed.
pub(crate) fn start(log: &LogConfig) -> Result<(), ConfigError> {
    let refuse =
        |_| ConfigError::invalid("UA_LOG", format!("takes a level or a filter, not {:?}", log.filter));
    // lapin writes returned messages with their bodies, and frames with the login; hyper's lines hold addresses.
    let quiet = ["hyper=warn", "lapin=off", "reqwest=warn", "rustls=warn", "h2=warn", "async_rs=warn"];
    let mut filter = EnvFilter::try_new(&log.filter).map_err(refuse)?;
    for directive in quiet {
        filter = filter
            .add_directive(directive.parse().map_err(|_| ConfigError::invalid("UA_LOG", "cannot be read"))?);
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(crate::progress::LogWriter::default);
    let started = if log.json { builder.json().try_init() } else { builder.with_target(false).try_init() };
    // A second start in one process (tests) keeps the first.
    drop(started);
    Ok(())
}
