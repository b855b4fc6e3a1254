//! What an error of the AMQP library means to us.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use crate::BrokerError;

/// Refused when trying again cannot help; else away.
pub(super) fn of(error: &lapin::Error) -> BrokerError {
    let ErrorKind::ProtocolError(told) = error.kind() else {
        return BrokerError::Away(error.to_string());
    };
    let text = told.get_message();
    match told.kind() {
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => BrokerError::Refused(format!(
            "{text}; look at the virtual host in AMQP_URL and the user's rights"
        )),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
            BrokerError::Refused(format!("{text}; look at the user in AMQP_URL and its rights"))
        }
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND | AMQPSoftError::PRECONDITIONFAILED) => {
            BrokerError::Refused(text.to_string())
        }
        _ => BrokerError::Away(text.to_string()),
    }
}

/// True when the thing asked for does not exist at the broker.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::NOTFOUND)
}

/// True when the thing exists with other arguments.
pub(super) fn is_differing(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::PRECONDITIONFAILED)
}

/// True when somebody else has it for himself alone.
pub(super) fn is_locked(error: &lapin::Error) -> bool {
    is_soft(error, &AMQPSoftError::RESOURCELOCKED)
}

/// The broker's own words, without its code and without the user's name.
pub(super) fn words(error: &lapin::Error) -> String {
    let ErrorKind::ProtocolError(told) = error.kind() else { return error.to_string() };
    let text = told.get_message().to_string();
    let text = text.split_once(" - ").map_or(text.as_str(), |(_, words)| words);
    text.split_once(" for user '").map_or(text, |(words, _)| words).to_owned()
}

/// True when the user lacks a right.
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
    fn what_may_pass_is_away() {
        for code in [320, 501, 504, 541, 506, 405] {
            assert!(matches!(told(code), BrokerError::Away(text) if text.contains("SAID")), "{code}");
        }
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset).into();
        assert!(matches!(of(&lost), BrokerError::Away(_)));
    }
}
