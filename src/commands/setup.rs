//! `ua setup`: declares the queues and loads the index templates. Idempotent.

use std::time::Duration;

use runtime::Broker;
use runtime::broker::Amqp;
use serde::Serialize;

use crate::assemble;
use crate::cli::Setup;
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::progress::{Progress, Stage};
use crate::{output, units};

/// Time that workers have to answer a presence request.
const PRESENCE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct SetupReport {
    queues: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    migrated: Option<Vec<Migrated>>,
    templates: Vec<String>,
}

#[derive(Serialize)]
struct Migrated {
    queue: String,
    differed: Vec<String>,
    messages: u64,
}

pub(super) async fn execute(words: &Setup, config: &Config) -> anyhow::Result<Outcome> {
    let migrated = if words.migrate { Some(migrate(config).await?) } else { None };
    let templates = declare(config).await?;
    let queues = if config.amqp.is_some() { "RabbitMQ" } else { "local file" };
    let report = SetupReport { queues, migrated, templates };
    if words.json {
        output::say_json(&report)?;
    } else {
        print(&report);
    }
    Ok(Outcome::Complete)
}

/// Declares the queues and loads the templates; returns one line of outcome per template.
pub(super) async fn declare(config: &Config) -> anyhow::Result<Vec<String>> {
    let broker = assemble::broker(config, "setup").await?;
    let store = assemble::store(config)?;
    let loaded = store.setup().await?;
    broker.close().await;
    crate::templates::fits(&loaded.conflicts)?;
    Ok(loaded.changes.iter().map(|(name, change)| format!("{name}: {change}")).collect())
}

fn print(report: &SetupReport) {
    for Migrated { queue, differed, messages } in report.migrated.iter().flatten() {
        let why = if differed.is_empty() { "an interrupted migration" } else { &*differed.join("; ") };
        output::say(&format!("{queue}: recreated ({why}), {} kept", units::some(*messages, "message")));
    }
    if report.migrated.as_ref().is_some_and(Vec::is_empty) {
        output::say("nothing to migrate: every queue is as it should be");
    }
    output::say(&format!("queues: declared ({})", report.queues));
    for line in &report.templates {
        output::say(line);
    }
}

/// Recreates queues with other arguments; refuses while workers are running.
async fn migrate(config: &Config) -> anyhow::Result<Vec<Migrated>> {
    let broker = assemble::reader(config, "setup").await?;
    let migrated = match &broker {
        // The local broker has no queue arguments.
        Broker::Local(_) => Ok(Vec::new()),
        Broker::Amqp(amqp) => match nobody_works(&broker).await {
            Ok(()) => move_messages(amqp).await,
            Err(error) => Err(error),
        },
    };
    broker.close().await;
    migrated
}

async fn nobody_works(broker: &Broker) -> anyhow::Result<()> {
    let workers = match broker.list_workers(PRESENCE_TIMEOUT).await {
        Ok(workers) => workers,
        // Without a presence exchange there are no workers.
        Err(runtime::BrokerError::Refused(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if workers.is_empty() {
        return Ok(());
    }
    let who: Vec<String> =
        workers.iter().map(|worker| format!("process {} on {}", worker.pid, worker.host)).collect();
    Err(usage(format!("workers are at work: stop {}, then run `ua setup --migrate` again", who.join(", "))))
}

async fn move_messages(amqp: &Amqp) -> anyhow::Result<Vec<Migrated>> {
    let mut progress = Progress::new(&["moving"]);
    let moved = amqp
        .migrate(|queue, done, left| {
            let note = Some(queue.to_owned());
            progress.show(&[Stage { name: "moving", done, of: done + left, note }]);
        })
        .await?;
    let migrated = moved.into_iter().map(|moved| Migrated {
        queue: moved.queue,
        differed: moved.differences.iter().map(ToString::to_string).collect(),
        messages: moved.messages,
    });
    Ok(migrated.collect())
}
