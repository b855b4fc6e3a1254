//! The broker's address: parsed once, and displayed without its password.

use std::fmt;
use std::path::Path;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use secrecy::{ExposeSecret as _, SecretString};

use crate::BrokerError;

/// Heartbeat interval in seconds. After twice this time without one, the broker is away.
const HEARTBEAT_SECONDS: u16 = 30;
/// Maximum frame size in bytes. lapin buffers 32 frames per direction of a connection. At RabbitMQ's limit of 128 KiB
/// that is 8 MiB, and a process has two connections.
const FRAME_MAX: u32 = 32 << 10;

/// Address, credentials and trusted certificate authorities of the broker.
#[derive(Clone)]
pub(super) struct Address {
    uri: AMQPUri,
    authorities: Option<String>,
}

impl Address {
    /// Parses the URL and reads, for TLS, a file of certificate authorities trusted in addition to the system's.
    pub(super) fn parse(url: &SecretString, authorities: Option<&Path>) -> Result<Self, BrokerError> {
        let refused = || {
            BrokerError::Misconfigured(
                "AMQP_URL is not of the form amqp[s]://user:password@host:port/vhost".to_owned(),
            )
        };
        // With a missing or extra slash, the password would become part of the virtual host, which is displayed.
        let text = url.expose_secret().trim();
        let place =
            text.strip_prefix("amqp://").or_else(|| text.strip_prefix("amqps://")).ok_or_else(refused)?;
        if place.split_once(['/', '?', '#']).is_some_and(|(_, path)| path.contains('@')) {
            return Err(refused());
        }
        // The parser's error may quote the URL with its password, so it is dropped.
        let mut uri: AMQPUri = url.expose_secret().parse().map_err(|_| refused())?;
        if uri.vhost.is_empty() {
            // An empty path or a single slash means the default virtual host.
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        uri.query.frame_max.get_or_insert(FRAME_MAX);
        let authorities = authorities.map(read_authorities).transpose()?;
        Ok(Self { uri, authorities })
    }

    /// Returns a copy with another heartbeat interval.
    pub(super) fn with_heartbeat(&self, seconds: u16) -> Self {
        let mut address = self.clone();
        address.uri.query.heartbeat = Some(seconds);
        address
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    pub(super) fn is_this_machine(&self) -> bool {
        let host = self.uri.authority.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    pub(super) fn vhost(&self) -> String {
        self.uri.vhost.clone()
    }

    pub(super) fn uri(&self) -> AMQPUri {
        self.uri.clone()
    }

    pub(super) fn tls(&self) -> OwnedTLSConfig {
        OwnedTLSConfig { identity: None, cert_chain: self.authorities.clone() }
    }
}

fn read_authorities(path: &Path) -> Result<String, BrokerError> {
    let refuse = |why: &str| {
        BrokerError::Misconfigured(format!(
            "cannot use the certificate authorities in {}: {why}",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(&error.to_string()))?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        Ok(text)
    } else {
        Err(refuse("no PEM certificate in it"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.uri.scheme {
            AMQPScheme::AMQP => "amqp",
            AMQPScheme::AMQPS => "amqps",
        };
        let authority = &self.uri.authority;
        write!(f, "{scheme}://{}:{} (virtual host {})", authority.host, authority.port, self.uri.vhost)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, BrokerError> {
        Address::parse(&SecretString::from(url), None)
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address = parse("amqps://harvester:canary-81@mq.example.org/usage").unwrap();
        assert_eq!(address.to_string(), "amqps://mq.example.org:5671 (virtual host usage)");
        assert_eq!(format!("{address:?}"), address.to_string());
        assert_eq!(address.uri().authority.userinfo.password, "canary-81");
    }

    #[test]
    fn a_slash_at_the_end_is_the_default_virtual_host() {
        for url in ["amqp://a:b@host:1", "amqp://a:b@host:1/", "amqp://a:b@host:1/%2f"] {
            assert_eq!(parse(url).unwrap().uri().vhost, "/", "{url}");
        }
        assert_eq!(parse("amqp://a:b@host:1/team").unwrap().uri().vhost, "team");
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for url in [
            "http://harvester:canary-81@host",
            "canary-81",
            "amqp://harvester:canary-81@host:port/",
            "amqp:///harvester:canary-81@host/",
            "",
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains("AMQP_URL") && !error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = SecretString::from("amqps://a:b@host/");
        for path in [file.path(), Path::new("/no/such/file.pem")] {
            let error = Address::parse(&url, Some(path)).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
    }
}
