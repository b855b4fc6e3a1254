//! `ua dev`: starts and stops the servers of docker/docker-compose.yml on this machine, for trials. Independent of what
//! the servers do, because it only calls Docker's command line.

mod compose;
mod files;

use std::time::Duration;

use anyhow::bail;
use serde::Serialize;
use tokio::time::Instant;

use compose::{Compose, Service};

use super::setup;
use crate::cli::{Dev, DevCommand, DevDown, DevLogs, DevUp};
use crate::config::{Config, Environment};
use crate::exit::Outcome;
use crate::progress::{Progress, Stage};
use crate::{confirm, output};

/// Pause between two checks of the servers' health.
const PAUSE: Duration = Duration::from_secs(1);

/// The addresses that a program needs to use the servers.
#[derive(Serialize)]
struct Addresses {
    amqp_url: String,
    es_host: String,
    management: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kibana: Option<String>,
}

pub(super) async fn execute(words: Dev, environment: Environment) -> anyhow::Result<Outcome> {
    let compose = Compose::new(words.folder);
    match words.command {
        DevCommand::Init => {
            for line in files::init(compose.folder())? {
                output::say(&line);
            }
            Ok(Outcome::Complete)
        }
        DevCommand::Up(words) => up(&compose, &words, environment).await,
        DevCommand::Down(words) => down(&compose, &words).await,
        DevCommand::Logs(words) => logs(&compose, &words).await,
    }
}

async fn up(compose: &Compose, words: &DevUp, environment: Environment) -> anyhow::Result<Outcome> {
    compose.engine().await?;
    for line in files::init(compose.folder())? {
        output::remark(&line);
    }
    let mut servers = vec!["rabbitmq", "elasticsearch"];
    servers.extend(words.kibana.then_some("kibana"));
    compose.run(&[&["up", "--detach"], &*servers].concat()).await?;
    well(compose, &servers, words.within).await?;
    let addresses = addresses(compose, words.kibana).await?;
    let environment =
        environment.with("AMQP_URL", addresses.amqp_url.clone()).with("ES_HOST", addresses.es_host.clone());
    let templates = setup::declare(&Config::from(&environment)?).await?;
    output::remark(&format!("queues declared; {}", templates.join(", ")));
    if words.json {
        output::say_json(&addresses)?;
    } else {
        output::say(&format!("export AMQP_URL={} ES_HOST={}", addresses.amqp_url, addresses.es_host));
        output::say(&format!("# queues in a browser: {} (user ua)", addresses.management));
        addresses.kibana.iter().for_each(|kibana| output::say(&format!("# Kibana: {kibana}")));
    }
    Ok(Outcome::Complete)
}

/// Waits until Docker reports all `servers` as healthy.
async fn well(compose: &Compose, servers: &[&'static str], within: Duration) -> anyhow::Result<()> {
    let mut progress = Progress::new(&["servers"]);
    let deadline = Instant::now() + within;
    loop {
        let services = compose.services().await?;
        let waiting: Vec<&str> = servers
            .iter()
            .copied()
            .filter(|server| !services.iter().any(|one| one.is_well(server)))
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let (of, left) = (servers.len() as u64, waiting.len() as u64);
        let note = Some(format!("waiting for {}", waiting.join(", ")));
        progress.show(&[Stage { name: "servers", done: of - left, of, note }]);
        // A stopped server that was not requested is no error.
        let asked = services.iter().filter(|one| servers.contains(&one.service.as_str()));
        if let Some(gone) = asked.into_iter().find(|one| one.has_ended()) {
            bail!("{} has ended: see `ua dev logs {}`", gone.service, gone.service);
        }
        if Instant::now() >= deadline {
            bail!("not well within {within:?}: {}; see `ua dev logs`", waiting.join(", "));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn addresses(compose: &Compose, kibana: bool) -> anyhow::Result<Addresses> {
    let password = files::password(compose.folder())?;
    let kibana = match kibana {
        true => Some(format!("http://{}", compose.port("kibana", 5_601).await?)),
        false => None,
    };
    Ok(Addresses {
        amqp_url: format!("amqp://ua:{password}@{}/%2f", compose.port("rabbitmq", 5_672).await?),
        es_host: format!("http://{}", compose.port("elasticsearch", 9_200).await?),
        management: format!("http://{}", compose.port("rabbitmq", 15_672).await?),
        kibana,
    })
}

async fn down(compose: &Compose, words: &DevDown) -> anyhow::Result<Outcome> {
    files::must_be_there(compose.folder())?;
    compose.engine().await?;
    if words.volumes && !words.yes {
        confirm::or_fail(
            "this deletes every queue, message and document of these servers",
            "delete them?",
            "nothing was stopped and nothing deleted",
        )?;
    }
    let words: &[&str] = if words.volumes { &["down", "--volumes"] } else { &["down"] };
    compose.run(words).await?;
    Ok(Outcome::Complete)
}

async fn logs(compose: &Compose, words: &DevLogs) -> anyhow::Result<Outcome> {
    files::must_be_there(compose.folder())?;
    compose.engine().await?;
    let mut call = vec!["logs", "--no-color"];
    call.extend(words.follow.then_some("--follow"));
    call.push("--");
    call.extend(words.servers.iter().map(String::as_str));
    compose.show(&call).await?;
    Ok(Outcome::Complete)
}

impl Service {
    fn is_well(&self, server: &str) -> bool {
        self.service == server && self.health == "healthy"
    }

    fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "exited" | "dead")
    }
}
