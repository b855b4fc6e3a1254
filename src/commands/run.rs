//! `ua run`: the whole job in this process: plan, fetch, index, and a receipt at the end.

use std::time::Duration;

use planner::Origin;
use serde::Serialize;
use store::{Kind, Query, Store};
use tokio_util::sync::CancellationToken;

use crate::allowed;
use crate::assemble::{self, Parts};
use crate::cli::{Destination, Run};
use crate::config::Config;
use crate::coverage;
use crate::exit::Outcome;
use crate::harvest::{self, Ended};
use crate::output;
use crate::planning::{self, By, Wish};
use crate::summary::{self, Summary};

pub(super) async fn execute(words: Run, config: &Config) -> anyhow::Result<Outcome> {
    let wish = Wish::from(&words.selectors, coverage::today())?;
    let mut outcome = Outcome::Complete;
    // One after the other: each has its own dates to look at, and its own receipt.
    for account in &config.of_accounts(words.selectors.account.as_deref())? {
        if one(&words, &wish, config, account).await? == Outcome::Incomplete {
            outcome = Outcome::Incomplete;
        }
    }
    Ok(outcome)
}

/// The job of one account.
async fn one(words: &Run, wish: &Wish, config: &Config, account: &Config) -> anyhow::Result<Outcome> {
    match words.destination {
        Destination::Index => {
            let (summary, _) = harvest(wish, config, account, words.wait).await?;
            report(&summary, words.json)
        }
        Destination::Stdout => {
            // Queues and documents live in a folder of their own, gone at the end: nothing is left behind.
            let folder = tempfile::tempdir()?;
            let config = Config {
                amqp: None,
                search: None,
                data_dir: folder.path().to_owned(),
                raw_days: 0,
                ..account.clone()
            };
            let (summary, store) = harvest(wish, &config, &config, words.wait).await?;
            print_documents(&store).await?;
            if words.json {
                return report(&summary, true);
            }
            output::remark(&summary.sentence());
            Ok(summary.outcome())
        }
    }
}

/// Plans what is wished for the one account of `account`, fetches and indexes with all of `config`; returns the summary and the store, for a look at it.
pub(super) async fn harvest(
    wish: &Wish,
    config: &Config,
    account: &Config,
    wait: Duration,
) -> anyhow::Result<(Summary, Store)> {
    let enricher = assemble::enricher(config)?;
    super::check::credentials(&*assemble::zoom(config)?).await?;
    let began = runtime::clock::now();
    let broker = assemble::broker(config, "run").await?;
    let store = assemble::store(config)?;
    store.setup().await?;
    // Nobody is asked how much of today is left: nothing hangs on this price.
    let quota = allowed::configured(account)?;
    let planned = planning::plan(wish, account, &quota, &broker, &store).await?;
    output::remark(&planned.sentence());
    let (picked, wanted) = (planned.picked_jobs(), planned.wanted.clone());
    if !planned.plan.jobs.is_empty() {
        planning::publish(planned, By::hand(Origin::Run), &broker, &store).await?;
    }
    let zoom = assemble::fetcher(config, &broker).await?;
    let parts = Parts {
        broker: broker.clone(),
        store: store.clone(),
        zoom: Some(zoom.clone()),
        index: Some(enricher),
        schedule: None,
    };
    let stop = CancellationToken::new();
    let running = parts.start(config, &stop, Duration::from_secs(25));
    let ended = harvest::until_done(running, &broker, &store, &wanted.run, wait).await;
    zoom.close().await;
    broker.close().await;
    let ended = ended?;
    store.refresh().await?;
    let summary = summary::of(&wanted.dates, &picked, &store, began, zoom.calls()).await?;
    Ok((summary.with(ended), store))
}

pub(super) fn report(summary: &Summary, json: bool) -> anyhow::Result<Outcome> {
    if json {
        output::say_json(summary)?;
    } else {
        output::say(&summary.sentence());
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

/// One JSON line per document; receipts and dead letters are not documents.
async fn print_documents(store: &Store) -> anyhow::Result<()> {
    for kind in [Kind::Meetings, Kind::Sessions] {
        let (query, mut after) = (Query::all(kind), None);
        loop {
            let (hits, next) = store.scan(&query, 1_000, after).await?;
            for hit in &hits {
                let line =
                    Line { _index: &hit.index, _id: &hit.id, _version: hit.version, _source: &hit.source };
                output::say_json(&line)?;
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

/// How the waiting ended, in the summary's words.
impl Summary {
    fn with(mut self, ended: Ended) -> Self {
        if let Ended::Waiting(lines) = ended {
            self.waits_for = lines;
            self.complete = false;
        }
        self
    }
}
