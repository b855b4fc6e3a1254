//! Address and bounds of RabbitMQ. Plain values.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::Ladder;

/// Address and bounds of RabbitMQ.
#[derive(Debug, Clone)]
pub struct AmqpSettings {
    /// `amqp[s]://user:password@host:port/vhost`.
    pub url: SecretString,
    /// Prefix of all exchange and queue names, by default `ua`.
    pub prefix: String,
    /// Rungs and attempts.
    pub ladder: Ladder,
    /// Maximum number of messages in `ua.documents`.
    pub documents_limit: usize,
    /// The names that are led here: their queues are surveyed and migrated with the others.
    pub leads: Vec<String>,
    /// Certificate authorities (PEM), trusted in addition to the system's.
    pub ca_cert: Option<PathBuf>,
    /// Connection name in the broker's management.
    pub connection_name: String,
    /// How long a delivery may wait here for a worker before it is requeued. Far below the half hour after which
    /// RabbitMQ closes the channel.
    pub buffer_life: Duration,
}

impl AmqpSettings {
    /// Default settings for a broker at `url`.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            prefix: "ua".to_owned(),
            ladder: Ladder::default(),
            documents_limit: 2_000,
            leads: Vec::new(),
            ca_cert: None,
            connection_name: "ua".to_owned(),
            buffer_life: Duration::from_secs(600),
        }
    }
}
