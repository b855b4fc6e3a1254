//! `ua run`: plans, fetches and indexes in this process, and prints a summary.

use std::sync::Arc;
use std::time::Duration;

use messages::Source;
use planner::Origin;
use runtime::{Broker, Policy, clock};
use serde::Serialize;
use store::{Query, Store};
use tokio_util::sync::CancellationToken;

use crate::assemble::{self, Parts};
use crate::cli::{Destination, Run};
use crate::config::Config;
use crate::drain::{self, Ended};
use crate::exit::Outcome;
use crate::output;
use crate::planning::{self, HarvestRequest, PlanContext, PlannedBy, QuotaLookup};
use crate::sources::{self, vocabulary};
use crate::start;
use crate::summary::{self, Summary};

/// A harvest of one source and account, with a summary of its own.
pub(super) struct Pass<'a> {
    pub source: Source,
    /// The whole configuration. All its accounts fetch, because their jobs come from the same queues.
    pub config: &'a Config,
    /// The configuration of the account to plan for.
    pub account: &'a Config,
    /// Configuration of the broker with the quota, if the broker of `config` is temporary: other processes that fetch
    /// with these accounts share the quota there.
    pub quota_broker: Option<&'a Config>,
    /// How long to wait for delayed jobs and holds.
    pub wait: Duration,
}

pub(super) async fn execute(words: Run, config: &Config) -> anyhow::Result<Outcome> {
    let request = HarvestRequest::from(&words.selectors, config, clock::now())?;
    let label = words.selectors.account.as_deref();
    config.require(&request.sources, label)?;
    let mut outcome = Outcome::Complete;
    // One after the other: each has its own dates and its own summary.
    for source in request.sources.iter().copied() {
        for account in &config.of_source(source, label)? {
            let pass = Pass { source, config, account, quota_broker: None, wait: words.wait };
            if one(&words, &request, pass).await? == Outcome::Incomplete {
                outcome = Outcome::Incomplete;
            }
        }
    }
    Ok(outcome)
}

/// Executes one pass.
async fn one(words: &Run, request: &HarvestRequest, pass: Pass<'_>) -> anyhow::Result<Outcome> {
    match words.destination {
        Destination::Index => {
            let (summary, _) = harvest(request, &pass).await?;
            report(&summary, words.json)
        }
        Destination::Stdout => {
            // Queues and documents are in a temporary folder, removed at the end. Only the quota is where it always is.
            let folder = tempfile::tempdir()?;
            let config = Config {
                amqp: None,
                search: None,
                data_dir: folder.path().to_owned(),
                raw_days: 0,
                ..pass.account.clone()
            };
            let (summary, store) = harvest(
                request,
                &Pass { config: &config, account: &config, quota_broker: Some(pass.account), ..pass },
            )
            .await?;
            print_documents(&store).await?;
            if words.json {
                return report(&summary, true);
            }
            output::remark(&summary.sentence());
            Ok(summary.outcome())
        }
    }
}

/// Plans a request, fetches and indexes it; returns the summary, and the store for reading.
pub(super) async fn harvest(request: &HarvestRequest, pass: &Pass<'_>) -> anyhow::Result<(Summary, Store)> {
    let Pass { source, config, .. } = *pass;
    let enricher = assemble::enricher(config)?;
    let once = Policy::COMMAND;
    let name = source.to_string();
    start::insist(&name, once, || sources::of(source).check(config)).await?;
    let began = clock::now();
    let broker = assemble::broker(config, "run").await?;
    let store = assemble::store(config)?;
    let set_up = store.setup().await?;
    crate::templates::fits(&set_up.conflicts)?;
    crate::clocks::agree(&store).await?;
    let quota_broker = open_quota_broker(pass, &broker).await?;
    // Without valid credentials nothing is planned.
    let fetcher = sources::of(source).join(config, &quota_broker).await?;
    if let Err(error) = start::insist(&name, once, || fetcher.greet()).await {
        fetcher.close().await;
        return Err(error);
    }
    // The remaining quota is not read, because this price has no consequence.
    let context =
        PlanContext { config: pass.account, broker: &broker, store: &store, today: QuotaLookup::Unasked };
    let planned = sources::of(source).plan(request, context).await?;
    output::remark(&planned.sentence());
    let asked = planned.asked.clone();
    if !planned.plan.jobs.is_empty() {
        planning::publish(planned, PlannedBy::hand(Origin::Run), &broker, &store).await?;
    }
    let parts = Parts {
        broker: broker.clone(),
        // Roles hold after a refusal, so the store must not retry as well.
        store: store.clone().with_patience(&[]),
        fetchers: vec![Arc::clone(&fetcher)],
        index: Some(enricher),
        schedule: None,
        policy: once,
    };
    let stop = CancellationToken::new();
    let running = parts.start(config, &stop, Duration::from_secs(25));
    let ended = drain::until_done(running, &broker, &store, (source, &asked.run), pass.wait).await;
    fetcher.close().await;
    quota_broker.close().await;
    broker.close().await;
    let ended = ended?;
    store.refresh().await?;
    let summary = summary::of(source, &asked, &store, began, fetcher.calls()).await?;
    Ok((summary.with(ended), store))
}

/// Opens the broker that holds the quota: the broker of the jobs, unless that one is temporary.
async fn open_quota_broker(pass: &Pass<'_>, broker: &Broker) -> anyhow::Result<Broker> {
    match pass.quota_broker {
        Some(config) => assemble::broker(config, "run").await,
        None => Ok(broker.clone()),
    }
}

pub(super) fn report(summary: &Summary, json: bool) -> anyhow::Result<Outcome> {
    if json {
        output::say_json(summary)?;
    } else {
        output::say(&summary.sentence());
    }
    for line in summary.findings.lines() {
        output::remark(&format!("finding: {line}"));
    }
    for (field, values) in &summary.dropped_fields {
        output::remark(&format!(
            "dropped: {} of the field {field}: of another type, or not readable",
            crate::units::some(*values, "value")
        ));
    }
    for line in &summary.waits_for {
        output::remark(&format!("waiting: {line}"));
    }
    Ok(summary.outcome())
}

#[derive(Serialize)]
struct Line<'a> {
    _index: &'a str,
    _id: &'a str,
    _version: i64,
    _source: &'a serde_json::value::RawValue,
}

/// Prints one JSON line per document; receipts and dead letters are not documents.
async fn print_documents(store: &Store) -> anyhow::Result<()> {
    for kind in vocabulary::all().flat_map(|(_, words)| words.documents) {
        let (query, mut after) = (Query::all(*kind), None);
        loop {
            let (hits, next) = store.scan(&query, 1_000, after).await?;
            for hit in &hits {
                let line =
                    Line { _index: &hit.index, _id: &hit.id, _version: hit.version, _source: &hit.source };
                output::say_json(&line)?;
            }
            match next {
                Some(next) if !output::is_broken() => after = Some(next),
                _ => break,
            }
        }
    }
    Ok(())
}

/// Adds the outcome of the wait to the summary.
impl Summary {
    fn with(mut self, ended: Ended) -> Self {
        if let Ended::Waiting(lines) = ended {
            self.waits_for = lines;
            self.complete = false;
        }
        self
    }
}
