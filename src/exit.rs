//! How the program ends: 0 complete, 1 failed, 2 wrong usage or configuration, 3 finished but incomplete.

use std::process::ExitCode;

use runtime::Failure;

use crate::config::ConfigError;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is done.
    Complete,
    /// Done as far as possible: something is dead, missing or still waiting, and was named.
    Incomplete,
}

/// What the user got wrong: said in one line, exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Shorthand for an error of the user's.
pub fn usage(text: impl Into<String>) -> anyhow::Error {
    UsageError(text.into()).into()
}

/// What is wrong with the settings of a part that was to be put together, as an error of the user's.
pub(crate) fn refused(error: impl Into<anyhow::Error>) -> anyhow::Error {
    usage(sentence(&error.into()))
}

/// What a source could not do, as an error of the user's or of the world's.
pub(crate) fn failed(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Halt { cause } => usage(cause),
        Failure::Hold { why, .. } | Failure::Defer { why, .. } => anyhow::anyhow!(why),
        Failure::Retry { cause, .. } | Failure::Reject { cause } => anyhow::anyhow!(cause.text),
    }
}

/// Says on stderr what went wrong: one line, from what was being done to why it failed.
pub fn say(error: &anyhow::Error) {
    crate::output::remark(&format!("error: {}", sentence(error)));
}

/// An error and its causes as one line.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // A transparent error says the same as its source.
        if !text.ends_with(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    text
}

/// The exit code of a command's result.
pub fn code(result: &anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::from(3),
        Err(error) if is_users(error) => ExitCode::from(2),
        Err(_) => ExitCode::from(1),
    }
}

/// True when the user has to mend it, not the world.
pub(crate) fn is_users(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<UsageError>()
            || cause.is::<ConfigError>()
            || cause.is::<clap::Error>()
            || matches!(cause.downcast_ref(), Some(simulator::StartError::Settings(_)))
            || matches!(cause.downcast_ref(), Some(runtime::RunError::Halted(_)))
            || broker_refusal(cause).is_some_and(|error| matches!(error, runtime::BrokerError::Refused(_)))
            || store_refusal(cause).is_some_and(|error| matches!(error, store::StoreError::Refused(_)))
    })
}

/// The broker's error in an error that says the same as its source, and so hides it from the chain.
fn broker_refusal<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a runtime::BrokerError> {
    use runtime::{BrokerError, OutboxError, PublishError, RunError};
    match (cause.downcast_ref(), cause.downcast_ref(), cause.downcast_ref()) {
        (Some(RunError::Broker(error)), ..) => Some(error),
        (_, Some(OutboxError::Publish(PublishError::Broker(error))), _) => Some(error),
        (.., Some(PublishError::Broker(error))) => Some(error),
        _ => match cause.downcast_ref() {
            Some(indexer::desk::DeskError::Broker(error)) => Some(error),
            _ => cause.downcast_ref::<BrokerError>(),
        },
    }
}

fn store_refusal<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a store::StoreError> {
    match cause.downcast_ref() {
        Some(indexer::desk::DeskError::Store(error)) => Some(error),
        _ => cause.downcast_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_errors_are_two_and_the_worlds_are_one() {
        let of = |error: anyhow::Error| format!("{:?}", code(&Err(error)));
        assert_eq!(of(usage("no")), format!("{:?}", ExitCode::from(2)));
        assert_eq!(of(ConfigError::Missing { names: vec!["X"] }.into()), format!("{:?}", ExitCode::from(2)));
        assert_eq!(of(runtime::BrokerError::Away("x".into()).into()), format!("{:?}", ExitCode::from(1)));
        assert_eq!(of(runtime::BrokerError::Refused("x".into()).into()), format!("{:?}", ExitCode::from(2)));
    }
}
