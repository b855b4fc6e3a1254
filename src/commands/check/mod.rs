//! `ua check`: a doctor. A line per thing this installation depends on, with a mark and, where something is amiss,
//! what to do about it. Makes nothing and changes nothing.

mod broker;
mod configuration;
mod local;
mod management;
mod places;
mod secrets;
mod store;

use crate::cli::Json;
use crate::config::{Config, Environment};
use crate::exit::{Outcome, usage};
use crate::finding::{Finding, State};
use crate::{output, sources};

pub(super) async fn execute(
    words: &Json,
    config: &Config,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut found = Vec::new();
    let mut say = |findings: Vec<Finding>| -> anyhow::Result<()> {
        for finding in &findings {
            if words.json { output::say_json(finding)? } else { output::say(&finding.to_string()) }
        }
        found.extend(findings);
        Ok(())
    };
    say(configuration::examine(config, environment))?;
    say(secrets::examine(config, environment))?;
    say(vec![places::examine(config)])?;
    if config.amqp.is_none() || config.search.is_none() {
        say(local::examine(config))?;
    }
    say(broker::examine(config).await)?;
    say(store::examine(config).await)?;
    for source in config.begun() {
        say(sources::of(source).examine(config).await)?;
    }
    verdict(&found)
}

fn verdict(found: &[Finding]) -> anyhow::Result<Outcome> {
    let failing: Vec<&Finding> = found.iter().filter(|finding| finding.state == State::Failing).collect();
    if failing.is_empty() {
        return Ok(Outcome::Complete);
    }
    let mut names: Vec<&str> = failing.iter().map(|finding| finding.what).collect();
    names.dedup();
    let text = format!("{} of {} checks failed: {}", failing.len(), found.len(), names.join(", "));
    if failing.iter().any(|finding| finding.users) { Err(usage(text)) } else { Err(anyhow::anyhow!(text)) }
}
