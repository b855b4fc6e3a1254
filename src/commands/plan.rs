//! `ua plan`: prints the price of what is wished, then publishes the jobs.

use std::io::{IsTerminal as _, Write as _};

use jiff::civil::Date;
use messages::{Lane, RunId};
use planner::Price;
use serde::Serialize;

use crate::assemble;
use crate::cli::Plan;
use crate::config::Config;
use crate::coverage;
use crate::exit::{Outcome, usage};
use crate::output;
use crate::planning::{self, Planned, Wish};

#[derive(Serialize)]
struct Report<'a> {
    run: &'a RunId,
    dates: &'a [Date],
    lane: Lane,
    jobs: usize,
    price: &'a Price,
    covered: &'a [Date],
    in_flight: &'a [Date],
    published: bool,
}

pub(super) async fn execute(words: Plan, config: &Config) -> anyhow::Result<Outcome> {
    let wish = Wish::from(&words.selectors, coverage::today())?;
    // Asked for first: a plan nobody could work on should not be made.
    assemble::zoom(config)?;
    let store = assemble::store(config)?;
    super::check::current_templates(&store).await?;
    let broker = assemble::broker(config, "plan").await?;
    let planned = planning::plan(&wish, config, &broker, &store).await?;
    let publishes = !words.dry_run && !planned.plan.jobs.is_empty();
    if publishes && !words.yes {
        ask(&planned)?;
    }
    say(&planned, publishes, words.json)?;
    if publishes {
        planning::publish(planned.plan, &broker, &store).await?;
    }
    broker.close().await;
    Ok(Outcome::Complete)
}

fn say(planned: &Planned, published: bool, json: bool) -> anyhow::Result<()> {
    let Planned { wanted, plan } = planned;
    if !json {
        output::say(&planned.sentence());
        return Ok(());
    }
    output::say_json(&Report {
        run: &wanted.run,
        dates: &wanted.dates,
        lane: wanted.lane(runtime::clock::now()),
        jobs: plan.jobs.len(),
        price: &plan.price,
        covered: &plan.covered,
        in_flight: &plan.in_flight,
        published,
    })
}

/// Asks before more than a day's quota is spent; without a terminal `--yes` has to say so.
fn ask(planned: &Planned) -> anyhow::Result<()> {
    let price = &planned.plan.price;
    if price.quota_days.is_none_or(|days| days <= 1) {
        return Ok(());
    }
    let sentence = planned.sentence();
    if !std::io::stdin().is_terminal() {
        return Err(usage(format!("{sentence}: this is more than a day's quota; say --yes to publish it")));
    }
    output::remark(&sentence);
    let mut prompt = std::io::stderr().lock();
    write!(prompt, "This is more than a day's quota. Publish? [y/N] ")?;
    prompt.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(usage("not published")),
    }
}
