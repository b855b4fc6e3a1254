//! Classifies errors of lapin and of the connection below it.

use std::io;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use crate::BrokerError;

/// Returns `Refused` when a retry cannot help, else `Away`.
pub(super) fn of(error: &lapin::Error) -> BrokerError {
    let told = match error.kind() {
        ErrorKind::ProtocolError(told) => told,
        ErrorKind::IOError(error) => return BrokerError::Away(broken(error)),
        _ => return BrokerError::Away(error.to_string()),
    };
    let text = told.get_message();
    match told.kind() {
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => not_allowed(&text.to_string()),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => BrokerError::Refused(format!(
            "{text}; likely causes: a wrong user or password in AMQP_URL, a missing right (`ua check` names it), or a broker \
             that has not loaded its users yet"
        )),
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND | AMQPSoftError::PRECONDITIONFAILED) => {
            BrokerError::Refused(text.to_string())
        }
        _ => BrokerError::Away(text.to_string()),
    }
}

/// Returns why a connection or a channel ended.
pub(super) fn why(error: &lapin::Error) -> String {
    match of(error) {
        BrokerError::Away(why) | BrokerError::Refused(why) => why,
        other => other.to_string(),
    }
}

/// Classifies `NOT_ALLOWED`: a connection limit or a starting virtual host is temporary; a missing virtual host is
/// probably a wrong address.
fn not_allowed(text: &str) -> BrokerError {
    let says = |words: &str| text.contains(words);
    let of = if says("vhost") {
        "virtual host"
    } else if says("user connection") {
        "user"
    } else {
        "node"
    };
    if says("connection limit") {
        return BrokerError::Away(format!(
            "the {of} has reached its limit of connections: raise it (`rabbitmqctl list_vhost_limits`, \
             `list_user_limits`), or end other clients"
        ));
    }
    if says("is down") {
        return BrokerError::Away(
            "the virtual host is down: look at the broker's log, or `rabbitmqctl restart_vhost`".to_owned(),
        );
    }
    BrokerError::Refused(format!(
        "{text}; likely causes: another virtual host in AMQP_URL, a user without rights on it, or a broker that has not loaded \
         its definitions yet"
    ))
}

/// Explains an error of the connection and what to do about it.
pub(super) fn broken(error: &io::Error) -> String {
    let said = error.to_string();
    let said = said.split(" (os error ").next().unwrap_or_default().to_owned();
    if let Some(meaning) = messages::tls::explain(&said, "AMQP_CA_CERT") {
        return meaning;
    }
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "it takes connections and does not answer: the node may be frozen or overloaded, or the address is another \
             service's (AMQP_URL)"
                .to_owned()
        }
        io::ErrorKind::ConnectionRefused => {
            format!("{said}; is the broker running, and is AMQP_URL right?")
        }
        io::ErrorKind::UnexpectedEof => {
            "it closed the connection without a word: it may be starting, or expect TLS (amqps:// in AMQP_URL)"
                .to_owned()
        }
        _ => said,
    }
}

/// Returns true when the queue or exchange does not exist.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::NOTFOUND)
}

/// Returns true when the queue or exchange exists with other arguments.
pub(super) fn is_differing(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::PRECONDITIONFAILED)
}

/// Returns true when another connection has exclusive access.
pub(super) fn is_locked(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::RESOURCELOCKED)
}

/// Returns the broker's message without its code and without the user's name.
pub(super) fn words(error: &lapin::Error) -> String {
    let ErrorKind::ProtocolError(told) = error.kind() else { return error.to_string() };
    let text = told.get_message().to_string();
    let text = text.split_once(" - ").map_or(text.as_str(), |(_, words)| words);
    text.split_once(" for user '").map_or(text, |(words, _)| words).to_owned()
}

/// Returns true when the user lacks a permission.
pub(super) fn is_forbidden(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::ACCESSREFUSED)
}

fn is_soft(error: &lapin::Error, soft: &AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(told) if *told.kind() == AMQPErrorKind::Soft(soft.clone()))
}

#[cfg(test)]
mod tests {
    use lapin::protocol::AMQPError;

    use super::*;

    fn told(code: u16) -> BrokerError {
        let error = AMQPError::from_id(code, "SAID - by the broker".into()).unwrap();
        of(&ErrorKind::ProtocolError(error).into())
    }

    #[test]
    fn what_will_not_pass_is_refused() {
        for code in [403, 404, 406, 530] {
            assert!(matches!(told(code), BrokerError::Refused(text) if text.contains("SAID")), "{code}");
        }
    }

    #[test]
    fn a_limit_of_connections_is_waited_for() {
        for (said, of) in [
            (
                "NOT_ALLOWED - access to vhost 'v' refused for user 'u': connection limit (1) is reached",
                "virtual host",
            ),
            ("NOT_ALLOWED - connection refused for user 'u': user connection limit (2) is reached", "user"),
            ("NOT_ALLOWED - access to vhost 'v' refused for user 'u': vhost 'v' is down", "virtual host"),
        ] {
            let error = AMQPError::from_id(530, said.into()).unwrap();
            let error = of_kind(error);
            assert!(matches!(&error, BrokerError::Away(text) if text.contains(of)), "{error}");
            assert!(!error.to_string().contains("'u'"), "{error}");
        }
    }

    fn of_kind(error: AMQPError) -> BrokerError {
        of(&ErrorKind::ProtocolError(error).into())
    }

    #[test]
    fn errors_of_the_connection_are_said_in_words() {
        let frozen = broken(&io::Error::from_raw_os_error(11));
        assert!(frozen.contains("does not answer") && !frozen.contains("os error"), "{frozen}");
        let reset = broken(&io::Error::from_raw_os_error(104));
        assert_eq!(reset, "Connection reset by peer");
        let expired = io::Error::other("invalid peer certificate: certificate expired: verification time 9");
        assert!(broken(&expired).contains("has expired"), "{}", broken(&expired));
        let plain =
            io::Error::new(io::ErrorKind::InvalidData, "received corrupt message of type InvalidContentType");
        assert!(broken(&plain).contains("does not speak TLS"), "{}", broken(&plain));
    }

    #[test]
    fn what_may_pass_is_away() {
        for code in [320, 501, 504, 541, 506, 405] {
            assert!(matches!(told(code), BrokerError::Away(text) if text.contains("SAID")), "{code}");
        }
        let lost = io::Error::from(io::ErrorKind::ConnectionReset).into();
        assert!(matches!(of(&lost), BrokerError::Away(_)));
    }
}
