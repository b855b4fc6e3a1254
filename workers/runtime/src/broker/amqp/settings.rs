//! Where RabbitMQ is, and the bounds of what we keep there. Plain values.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::Ladder;

/// Where RabbitMQ is, and the bounds of what we keep there.
#[derive(Debug, Clone)]
pub struct AmqpSettings {
    /// `amqp[s]://user:password@host:port/vhost`.
    pub url: SecretString,
    /// What the names of all our exchanges and queues begin with: `ua`.
    pub prefix: String,
    /// Rungs and attempts.
    pub ladder: Ladder,
    /// Messages that `ua.documents` takes at most.
    pub documents_limit: usize,
    /// The names that processes lead here: their queues are surveyed and made anew with the others.
    pub leads: Vec<String>,
    /// Certificate authorities (PEM) to trust besides the system's.
    pub ca_cert: Option<PathBuf>,
    /// What the broker's operator sees this process as.
    pub connection_name: String,
    /// How long a delivery may wait here for a worker before it is requeued; far below the half hour after
    /// which the broker would close the channel.
    pub buffer_life: Duration,
}

impl AmqpSettings {
    /// The usual settings for a broker at `url`.
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
