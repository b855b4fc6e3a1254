//! Builds the parts of the program from the configuration and connects them. No other module does.

mod roles;

use std::time::Duration;

use anyhow::Context as _;
use indexer::Enricher;
use messages::Source;
use runtime::broker::Amqp;
use runtime::quota::Account;
use runtime::{Broker, BrokerError, Ladder, Policy};
use secrecy::ExposeSecret as _;
use store::Store;

pub use self::roles::{Parts, Roles, Running};
use crate::config::{AmqpConfig, Config, ConfigError};
use crate::{sources, start};

/// Maximum time that a buffered RabbitMQ delivery waits for a permit. RabbitMQ's consumer timeout is 30 minutes.
pub(crate) const SHELF_LIFE: Duration = Duration::from_secs(600);

/// Opens the configured broker.
///
/// # Errors
/// If the broker is unreachable or refuses.
pub async fn broker(config: &Config, role: &str) -> anyhow::Result<Broker> {
    let Some(amqp) = &config.amqp else { return local_broker(config) };
    connected(config, || Amqp::connect(amqp_settings(amqp, config, role))).await
}

/// Opens the broker for reading: declares nothing, so it needs no configure permission.
///
/// # Errors
/// As [`broker`].
pub async fn reader(config: &Config, role: &str) -> anyhow::Result<Broker> {
    let Some(amqp) = &config.amqp else { return local_broker(config) };
    connected(config, || Amqp::open(amqp_settings(amqp, config, role))).await
}

async fn connected<F: Future<Output = Result<Amqp, BrokerError>>>(
    config: &Config,
    connect: impl Fn() -> F,
) -> anyhow::Result<Broker> {
    let connect = async || Ok(Broker::Amqp(connect().await.context("RabbitMQ (AMQP_URL)")?));
    match config.is_patient {
        true => start::insist("RabbitMQ", Policy::COMMAND, connect).await,
        false => connect().await,
    }
}

fn local_broker(config: &Config) -> anyhow::Result<Broker> {
    let settings = runtime::broker::local::LocalBrokerSettings {
        folder: config.data_dir.clone(),
        ladder: Ladder::default(),
        documents_limit: config.documents_limit,
    };
    Ok(Broker::Local(runtime::broker::Local::open(settings)?))
}

fn amqp_settings(amqp: &AmqpConfig, config: &Config, role: &str) -> runtime::broker::amqp::AmqpSettings {
    runtime::broker::amqp::AmqpSettings {
        url: amqp.url.clone(),
        prefix: amqp.queue_prefix.clone(),
        ladder: Ladder::default(),
        documents_limit: config.documents_limit,
        leads: leads(config),
        ca_cert: amqp.ca_cert.clone(),
        connection_name: format!("ua {role}"),
        buffer_life: SHELF_LIFE,
    }
}

/// Names of all leaderships in this installation.
fn leads(config: &Config) -> Vec<String> {
    let quotas = accounts(config, &config.sources(), None).unwrap_or_default();
    let quotas = quotas.into_iter().map(|(_, account)| account.lead_name());
    quotas.chain(std::iter::once(crate::scheduler::LEAD.to_owned())).collect()
}

/// Opens the configured store.
///
/// # Errors
/// If its settings are invalid. An unreachable store fails at its first use.
pub fn store(config: &Config) -> anyhow::Result<Store> {
    let prefix = config.index_prefix.clone();
    match &config.search {
        None => {
            let settings = store::local::LocalStoreSettings { folder: config.data_dir.clone(), prefix };
            Ok(Store::Local(store::Local::open(settings)?))
        }
        Some(search) => {
            let settings = store::elasticsearch::ElasticsearchSettings {
                host: search.host.expose_secret().to_owned(),
                user: search.user.clone(),
                password: search.password.clone(),
                api_key: search.api_key.clone(),
                ca_cert: search.ca_cert.clone(),
                prefix,
                request_timeout: Duration::from_secs(60),
            };
            let store = store::Elasticsearch::new(settings).context("Elasticsearch (ES_HOST)")?;
            let patience = if config.is_patient { Policy::COMMAND.delays() } else { Vec::new() };
            Ok(Store::Elasticsearch(store).with_patience(&patience))
        }
    }
}

/// Creates the enricher of the index role: places if `GEOLITE_PATH` names a database, and user agents.
///
/// # Errors
/// If the file cannot be read or is not a database of places.
pub fn enricher(config: &Config) -> Result<Enricher, ConfigError> {
    let Some(path) = &config.geolite_path else { return Ok(Enricher::default()) };
    Enricher::with_places(path)
        .map_err(|error| ConfigError::invalid("GEOLITE_PATH", format!("must name a file of places: {error}")))
}

/// Returns the accounts of these sources with this label; all accounts if `label` is `None`.
///
/// # Errors
/// If there is no such account, or a source is not configured.
pub fn accounts(
    config: &Config,
    meant: &[Source],
    label: Option<&str>,
) -> anyhow::Result<Vec<(Source, Account)>> {
    config.require(meant, label)?;
    let mut accounts = Vec::new();
    for source in Source::ALL.into_iter().filter(|source| meant.contains(source)) {
        for config in config.of_source(source, label)? {
            accounts.push((source, sources::of(source).account(&config)?));
        }
    }
    Ok(accounts)
}
