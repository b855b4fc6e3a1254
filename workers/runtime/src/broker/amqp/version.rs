//! Reads the broker's version. lapin does not expose the server's properties, so this module opens its own
//! connection, reads the server's greeting, and disconnects.

use std::io::{self, Error, ErrorKind, Read, Write as _};
use std::sync::Arc;
use std::time::Duration;

use lapin::tcp::{AMQPUriTcpExt as _, HandshakeError};
use lapin::types::parsing::parse_field_table;
use lapin::types::{AMQPValue, FieldTable};

use super::address::Address;
use super::fault;
use crate::BrokerError;

/// The oldest version whose quorum queues have a TTL and at-least-once dead-lettering.
const OLDEST: (u32, u32) = (3, 10);
const GREETING_TIME: Duration = Duration::from_secs(5);
/// The reply of a TLS server to anything but TLS: an alert of version 3.x.
const TLS_ALERT: [u8; 2] = [0x15, 3];
/// Maximum size of a greeting in bytes; a usual one has some hundred.
const GREETING_LIMIT: usize = 1 << 16;

/// Returns the broker's version; refuses one that is too old.
pub(super) async fn ask(address: &Arc<Address>) -> Result<String, BrokerError> {
    let asked = Arc::clone(address);
    let greeting = tokio::task::spawn_blocking(move || listen(&asked)).await;
    let greeting =
        greeting.map_err(|error| BrokerError::Away(format!("asking for its version failed: {error}")))?;
    // Errors are temporary: a load balancer in front of a starting broker, or a certificate in renewal.
    let properties =
        greeting.map_err(|error| BrokerError::Away(format!("{address}: {}", fault::broken(&error))))?;
    check(&properties)
}

fn listen(address: &Address) -> io::Result<FieldTable> {
    let mut uri = address.uri();
    uri.query.connection_timeout = Some(GREETING_TIME.as_millis().try_into().unwrap_or(u64::MAX));
    let tls = address.tls();
    let mut stream = match uri.connect_with_config(tls.as_ref()) {
        Ok(stream) => stream,
        Err(HandshakeError::Failure(error)) => return Err(error),
        Err(HandshakeError::WouldBlock(_)) => return Err(ErrorKind::TimedOut.into()),
    };
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(GREETING_TIME))?;
    stream.set_write_timeout(Some(GREETING_TIME))?;
    stream.write_all(b"AMQP\0\0\x09\x01")?;
    stream.flush()?;
    read_greeting(&mut stream)
}

/// Reads a `connection.start` frame: type, channel, size; class, method, two version bytes, the properties.
pub(super) fn read_greeting(stream: &mut impl Read) -> io::Result<FieldTable> {
    let stranger = || {
        let text = "what answers there is no AMQP 0-9-1 broker: is the port in AMQP_URL right, and is the broker up behind it?";
        Error::new(ErrorKind::InvalidData, text)
    };
    let mut head = [0; 7];
    stream.read_exact(&mut head)?;
    if head[..2] == TLS_ALERT {
        return Err(Error::new(ErrorKind::InvalidData, "the port is one for TLS: set amqps:// in AMQP_URL"));
    }
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    if head[..3] != [1, 0, 0] || size > GREETING_LIMIT {
        return Err(stranger());
    }
    let mut greeting = vec![0; size];
    stream.read_exact(&mut greeting)?;
    let properties =
        greeting.strip_prefix(&[0, 10, 0, 10]).and_then(|rest| rest.get(2..)).ok_or_else(stranger)?;
    let (_, properties) = parse_field_table(properties).map_err(|_| stranger())?;
    Ok(properties)
}

pub(super) fn check(properties: &FieldTable) -> Result<String, BrokerError> {
    let text = |name: &str| match properties.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        _ => "unknown".to_owned(),
    };
    let (product, version) = (text("product"), text("version"));
    match major_minor(&version) {
        Some(found) if found < OLDEST => Err(BrokerError::Refused(format!(
            "{product} {version} is too old: ua needs RabbitMQ {}.{} or newer",
            OLDEST.0, OLDEST.1
        ))),
        // A server without a version may be any broker; declaring the queues shows whether it fits.
        _ => Ok(version),
    }
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_version(version: &str) -> Result<String, BrokerError> {
        let mut properties = FieldTable::default();
        properties.insert("product".into(), AMQPValue::LongString("RabbitMQ".into()));
        properties.insert("version".into(), AMQPValue::LongString(version.into()));
        check(&properties)
    }

    #[test]
    fn brokers_from_three_ten_on_are_taken() {
        for version in ["3.10.0", "3.10.8", "3.13.7", "4.0.5", "4.2.0-rc.1", "10.0", "weird"] {
            assert_eq!(check_version(version).unwrap(), version);
        }
        assert_eq!(check(&FieldTable::default()).unwrap(), "unknown");
    }

    #[test]
    fn an_older_broker_is_refused_in_words() {
        for version in ["3.9.29", "3.8.0", "2.7.1"] {
            let error = check_version(version).unwrap_err().to_string();
            assert!(error.contains(version) && error.contains("3.10 or newer"), "{error}");
        }
    }
}
