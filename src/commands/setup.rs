//! `ua setup`: declares the queues and loads the index templates. May be run again at any time.

use serde::Serialize;

use crate::assemble;
use crate::cli::Json;
use crate::config::Config;
use crate::exit::Outcome;
use crate::output;

#[derive(Serialize)]
struct Report {
    queues: &'static str,
    templates: Vec<String>,
}

pub(super) async fn execute(words: &Json, config: &Config) -> anyhow::Result<Outcome> {
    let broker = assemble::broker(config, "setup").await?;
    let store = assemble::store(config)?;
    let loaded = store.setup().await?;
    let report = Report {
        queues: if config.amqp.is_some() { "RabbitMQ" } else { "local file" },
        templates: loaded.changes.iter().map(|(name, change)| format!("{name}: {change}")).collect(),
    };
    broker.close().await;
    if words.json {
        output::say_json(&report)?;
    } else {
        output::say(&format!("queues: declared ({})", report.queues));
        for line in &report.templates {
            output::say(line);
        }
    }
    Ok(Outcome::Complete)
}
