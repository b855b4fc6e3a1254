//! Outcomes and exit codes: 0 complete, 1 failed, 2 wrong usage or configuration, 3 finished but incomplete.

use std::process::ExitCode;

use runtime::{BrokerError, Failure};
use store::StoreError;

use crate::config::ConfigError;

/// Outcome of a command that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is done.
    Complete,
    /// Something is dead, missing or still waiting, and was reported.
    Incomplete,
}

/// A mistake of the user: one line, exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// A refusal of a peer: credentials, a scope or a licence, or a peer that is not set up. Exit code 2 once the command
/// gives up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RefusedError(pub String);

/// Creates a [`UsageError`].
pub fn usage(text: impl Into<String>) -> anyhow::Error {
    UsageError(text.into()).into()
}

/// Converts an error in a part's settings to a usage error.
pub(crate) fn refused(error: impl Into<anyhow::Error>) -> anyhow::Error {
    usage(sentence(&error.into()))
}

/// Converts a source's failure to an error: a usage error, a refusal or another.
pub(crate) fn failed(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Halt { cause } => usage(cause),
        Failure::Refused { cause } => RefusedError(cause).into(),
        Failure::Hold { why, .. } | Failure::Defer { why, .. } => anyhow::anyhow!(why),
        Failure::Retry { cause, .. } | Failure::Reject { cause } => anyhow::anyhow!(cause.text),
    }
}

/// Converts an error to the failure of a role, which holds unless the configuration is wrong.
pub(crate) fn failure(error: &anyhow::Error) -> Failure {
    let cause = sentence(error);
    match (is_users(error), is_refusal(error)) {
        (true, _) => Failure::Halt { cause },
        (false, true) => Failure::Refused { cause },
        (false, false) => Failure::hold(None, cause),
    }
}

/// Prints an error on stderr: one line, from the attempted action to the cause.
pub(crate) fn say(error: &anyhow::Error) {
    crate::output::remark(&format!("error: {}", sentence(error)));
}

/// Returns an error and its causes as one line; escapes control characters in text of peers.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // A transparent error repeats its source.
        if !text.ends_with(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    messages::printable(&text).into_owned()
}

/// Reports the error of a finished command, or results that did not reach stdout, and returns the exit code.
pub fn conclude(result: &anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Err(_) if crate::output::is_abandoned() => return ExitCode::SUCCESS,
        Err(error) => say(error),
        Ok(_) => {
            if let Some(failure) = crate::output::failure() {
                crate::output::remark(&format!("error: {failure}"));
                return ExitCode::FAILURE;
            }
        }
    }
    code(result)
}

/// Returns the exit code of a command's result.
fn code(result: &anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::from(3),
        Err(error) if is_users(error) || is_refusal(error) && !may_pass(error) => ExitCode::from(2),
        Err(_) => ExitCode::from(1),
    }
}

/// True if this program's configuration is wrong: waiting does not help.
pub(crate) fn is_users(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<UsageError>()
            || cause.is::<ConfigError>()
            || cause.is::<clap::Error>()
            || is_simulators(cause)
            || matches!(cause.downcast_ref(), Some(runtime::RunError::Halted(_)))
            || broker_error(cause)
                .is_some_and(|error| matches!(error, BrokerError::Misconfigured(_) | BrokerError::Gone(_)))
            || store_error(cause).is_some_and(|error| matches!(error, StoreError::Misconfigured(_)))
    })
}

/// True if the settings of a simulator are wrong.
fn is_simulators(cause: &(dyn std::error::Error + 'static)) -> bool {
    #[cfg(feature = "demo")]
    return matches!(cause.downcast_ref(), Some(simulator::StartError::Settings(_)));
    #[cfg(not(feature = "demo"))]
    {
        let _ = cause;
        false
    }
}

/// True if a peer refuses: credentials, permissions, a scope or a licence.
pub(crate) fn is_refusal(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<RefusedError>()
            || broker_error(cause).is_some_and(|error| matches!(error, BrokerError::Refused(_)))
            || store_error(cause)
                .is_some_and(|error| matches!(error, StoreError::Refused(_) | StoreError::Denied(_)))
    })
}

/// True for a refusal that is not about credentials, for example by a wrong address or a load balancer.
fn may_pass(error: &anyhow::Error) -> bool {
    error.chain().filter_map(store_error).any(|error| matches!(error, StoreError::Refused(_)))
}

/// Returns the broker's error from a transparent error, which hides it from the chain.
fn broker_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a BrokerError> {
    use runtime::{OutboxError, PublishError, RunError};
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

fn store_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a StoreError> {
    match cause.downcast_ref() {
        Some(indexer::desk::DeskError::Store(error)) => Some(error),
        _ => cause.downcast_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_waited_for_and_a_wrong_setting_is_not() {
        let peers: [anyhow::Error; 4] = [
            failed(Failure::refused("the token endpoint answered 401")),
            anyhow::Error::from(BrokerError::Refused("x".into())).context("RabbitMQ (AMQP_URL)"),
            StoreError::Refused("x".into()).into(),
            StoreError::Denied("x".into()).into(),
        ];
        for error in peers {
            assert!(is_refusal(&error) && !is_users(&error), "{error:?}");
        }
        let ours = [
            failed(Failure::Halt { cause: "OPENCAST_DIALECT is dce".to_owned() }),
            BrokerError::Misconfigured("AMQP_URL is not of the form".into()).into(),
            StoreError::Misconfigured("ES_HOST is empty".into()).into(),
            usage("no"),
        ];
        for error in ours {
            assert!(is_users(&error) && !is_refusal(&error), "{error:?}");
        }
    }

    #[test]
    fn the_users_errors_are_two_and_the_worlds_are_one() {
        let of = |error: anyhow::Error| format!("{:?}", code(&Err(error)));
        assert_eq!(of(usage("no")), format!("{:?}", ExitCode::from(2)));
        assert_eq!(of(ConfigError::Missing { names: vec!["X"] }.into()), format!("{:?}", ExitCode::from(2)));
        assert_eq!(of(BrokerError::Away("x".into()).into()), format!("{:?}", ExitCode::from(1)));
        assert_eq!(of(BrokerError::Refused("x".into()).into()), format!("{:?}", ExitCode::from(2)));
        assert_eq!(of(StoreError::Denied("x".into()).into()), format!("{:?}", ExitCode::from(2)));
        assert_eq!(of(StoreError::Refused("x".into()).into()), format!("{:?}", ExitCode::from(1)));
    }

    #[test]
    fn an_error_is_one_line_whatever_a_peer_says() {
        let error = anyhow::anyhow!("no right\u{1b}[2J\nerror: forged").context("cannot ask");
        assert_eq!(sentence(&error), r"cannot ask: no right\u{1b}[2J\nerror: forged");
    }
}
