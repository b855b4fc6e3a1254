//! `ua check`: a line per thing this installation depends on, with a mark, and a remedy where one is needed.

use messages::Queue;
use runtime::Failure;
use serde::Serialize;
use store::{Store, TemplateState};
use zoom::Zoom;

use crate::assemble;
use crate::cli::Json;
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::output;

#[derive(Serialize)]
struct Line {
    what: &'static str,
    well: bool,
    /// True when it is the configuration that has to be mended, not the world.
    #[serde(skip)]
    users: bool,
    text: String,
}

impl Line {
    fn of(what: &'static str, result: anyhow::Result<String>) -> Self {
        match result {
            Ok(text) => Self { what, well: true, users: false, text },
            Err(error) => {
                let users = crate::exit::is_users(&error);
                Self { what, well: false, users, text: crate::exit::sentence(&error) }
            }
        }
    }
}

pub(super) async fn execute(words: &Json, config: &Config) -> anyhow::Result<Outcome> {
    let lines = [
        Line::of("data folder", data_folder(config)),
        Line::of("broker", broker(config).await),
        Line::of("store", store(config).await),
        Line::of("templates", templates(config).await),
        Line::of("zoom", zoom(config).await),
    ];
    for line in &lines {
        if words.json {
            output::say_json(line)?;
        } else {
            output::say(&format!("{} {:<12} {}", if line.well { "✔" } else { "✘" }, line.what, line.text));
        }
    }
    if lines.iter().all(|line| line.well) {
        return Ok(Outcome::Complete);
    }
    let failed: Vec<&str> = lines.iter().filter(|line| !line.well).map(|line| line.what).collect();
    let text = format!("{} of {} checks failed: {}", failed.len(), lines.len(), failed.join(", "));
    if lines.iter().any(|line| line.users) { Err(usage(text)) } else { Err(anyhow::anyhow!(text)) }
}

/// Gets a token and compares its scopes with those that are needed.
///
/// # Errors
/// When the credentials are refused, scopes are missing, or Zoom cannot be reached.
pub(super) async fn credentials(zoom: &Zoom) -> anyhow::Result<zoom::Granted> {
    let granted = zoom.check().await.map_err(|failure| match failure {
        Failure::Halt { cause } => usage(cause),
        Failure::Hold { why, .. } => anyhow::anyhow!(why),
        Failure::Retry { cause, .. } | Failure::Reject { cause } => anyhow::anyhow!(cause.text),
    })?;
    if granted.missing.is_empty() {
        return Ok(granted);
    }
    Err(usage(format!("the Zoom app lacks scopes: add {} in Zoom's marketplace", granted.missing.join(", "))))
}

fn data_folder(config: &Config) -> anyhow::Result<String> {
    if config.amqp.is_some() && config.search.is_some() {
        return Ok("not used: RabbitMQ and Elasticsearch are configured".to_owned());
    }
    let folder = &config.data_dir;
    let probe = folder.join(".ua-check");
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&probe, b"x"));
    written
        .map_err(|error| usage(format!("cannot write to {}: {error}; set UA_DATA_DIR", folder.display())))?;
    std::fs::remove_file(&probe)?;
    Ok(folder.display().to_string())
}

async fn broker(config: &Config) -> anyhow::Result<String> {
    let broker = assemble::reader(config, "check").await?;
    let mut waiting = 0;
    for queue in Queue::all() {
        waiting += broker.depth(&queue).await?.ready;
    }
    broker.close().await;
    let kind = if config.amqp.is_some() { "RabbitMQ" } else { "local file" };
    Ok(format!("{kind}; {} queues, {waiting} messages ready", Queue::all().len()))
}

async fn store(config: &Config) -> anyhow::Result<String> {
    let health = assemble::store(config)?.check().await?;
    Ok(format!("{} {}", health.product, health.version))
}

async fn templates(config: &Config) -> anyhow::Result<String> {
    let count = current_templates(&assemble::store(config)?).await?;
    Ok(format!("{count} present and current"))
}

/// The number of templates, all of them present and current.
///
/// # Errors
/// When one is not, since documents would be mapped wrongly, or when the store is away.
pub(super) async fn current_templates(store: &Store) -> anyhow::Result<usize> {
    let health = store.check().await?;
    let wrong = health.templates.iter().filter(|(_, state)| *state != TemplateState::Current);
    let wrong: Vec<String> = wrong.map(|(name, state)| format!("{name} is {state}")).collect();
    if wrong.is_empty() { Ok(health.templates.len()) } else { Err(usage(wrong.join(", "))) }
}

async fn zoom(config: &Config) -> anyhow::Result<String> {
    let zoom = assemble::zoom(config)?;
    let granted = credentials(&zoom).await?;
    Ok(format!("a token with {} scopes; nothing needed is missing", granted.scopes.len()))
}
