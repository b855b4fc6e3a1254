//! `ua plan`: prints the price of a request, then publishes the jobs.

use jiff::civil::Date;
use messages::{Lane, MAIN_ACCOUNT, RunId, Source};
use planner::{Origin, Price};
use runtime::{Broker, clock};
use serde::Serialize;
use store::Store;

use crate::assemble;
use crate::cli::PlanArgs;
use crate::config::Config;
use crate::exit::Outcome;
use crate::output;
use crate::planning::{self, HarvestRequest, PlanContext, Planned, PlannedBy, QuotaLookup};
use crate::units;
use crate::{confirm, sources};

#[derive(Serialize)]
struct PlanReport<'a> {
    source: Source,
    run: &'a RunId,
    dates: &'a [Date],
    lane: Lane,
    jobs: usize,
    price: Priced<'a>,
    covered: &'a [Date],
    in_flight: &'a [Date],
    published: bool,
}

/// A price and the figures derived from it.
#[derive(Serialize)]
struct Priced<'a> {
    #[serde(flatten)]
    price: &'a Price,
    share_of_day: f64,
    share_of_left: Option<f64>,
    paused: Option<String>,
}

pub(super) async fn execute(asked: PlanArgs, config: &Config) -> anyhow::Result<Outcome> {
    let request = HarvestRequest::from(&asked.selectors, config, clock::now())?;
    let label = asked.selectors.account.as_deref();
    // Checked first: no plan without a configured source to harvest it.
    config.require(&request.sources, label)?;
    let store = assemble::store(config)?;
    crate::templates::current(&store).await?;
    // A dry run declares no queues.
    let (broker, today) = match asked.dry_run {
        true => (assemble::reader(config, "plan").await?, QuotaLookup::AsLeft),
        false => (assemble::broker(config, "plan").await?, QuotaLookup::Asked),
    };
    let mut all = Vec::new();
    for source in &request.sources {
        for config in &config.of_source(*source, label)? {
            let context = PlanContext { config, broker: &broker, store: &store, today };
            all.push(sources::of(*source).plan(&request, context).await?);
        }
    }
    // One question for all accounts: a "no" publishes nothing.
    let asks = || if asked.dry_run || asked.yes { Ok(()) } else { ask(&all) };
    if asked.json {
        asks()?;
    }
    all.iter().try_for_each(|planned| tell(&asked, planned))?;
    if !asked.json {
        asks()?;
    }
    for planned in all {
        if publishes(&asked, &planned) {
            publish(planned, &broker, &store).await?;
        }
    }
    broker.close().await;
    Ok(Outcome::Complete)
}

fn publishes(asked: &PlanArgs, planned: &Planned) -> bool {
    !asked.dry_run && !planned.plan.jobs.is_empty()
}

/// Prints the plan and price of one account.
fn tell(asked: &PlanArgs, planned: &Planned) -> anyhow::Result<()> {
    if let Some(heading) = sources::of(planned.source).vocabulary().heading.filter(|_| !asked.json) {
        output::remark(heading);
    }
    if planned.account != MAIN_ACCOUNT {
        output::remark(&format!("account {}:", planned.account));
    }
    if asked.json {
        return say_json(planned, publishes(asked, planned));
    }
    say(planned);
    Ok(())
}

async fn publish(planned: Planned, broker: &Broker, store: &Store) -> anyhow::Result<()> {
    let (run, jobs) = (planned.asked.run.clone(), planned.plan.jobs.len() as u64);
    planning::publish(planned, PlannedBy::hand(Origin::Plan), broker, store).await?;
    output::remark(&format!(
        "{} published; `ua status --run {run}` shows how far they are, `ua cancel {run}` takes them out",
        units::some(jobs, "job")
    ));
    Ok(())
}

fn say_json(Planned { asked, plan, source, .. }: &Planned, published: bool) -> anyhow::Result<()> {
    let price = &plan.price;
    output::say_json(&PlanReport {
        source: *source,
        run: &asked.run,
        dates: &asked.dates,
        lane: asked.lane,
        jobs: plan.jobs.len(),
        price: Priced {
            price,
            share_of_day: price.share_of_day(),
            share_of_left: price.share_of_left(),
            paused: price.paused(),
        },
        covered: &plan.covered,
        in_flight: &plan.in_flight,
        published,
    })
}

/// Prints the price before anything is published.
fn say(planned: &Planned) {
    let Planned { asked, plan, .. } = planned;
    if plan.jobs.is_empty() {
        output::say(&planned.sentence());
        return;
    }
    let price = &plan.price;
    output::say(&format!("run      {}", asked.run));
    output::say(&format!(
        "jobs     {} in the lane {}{}",
        units::count(plan.jobs.len() as u64),
        asked.lane,
        planned.needless().map(|parts| format!("; {}", parts.join("; "))).unwrap_or_default()
    ));
    output::say(&sources::of(planned.source).calls(price, plan.jobs.len()).to_string());
    let days = (price.per_day > 0).then(|| format!("; {}", units::some(price.quota_days, "quota day")));
    output::say(&format!("quota    {}{}", price.share(), days.unwrap_or_default()));
    if let Some(paused) = price.paused() {
        output::say(&format!("paused   {paused}: the jobs wait until then"));
    }
    output::say(&format!("done     {}", price.finish()));
    for (place, part) in price.basis.iter().enumerate() {
        output::say(&format!("{:<8} {part}", if place == 0 { "basis" } else { "" }));
    }
}

/// Asks before a plan spends more than a day's quota of an account; without a terminal, `--yes` is required.
fn ask(all: &[Planned]) -> anyhow::Result<()> {
    let costly =
        all.iter().filter(|planned| planned.plan.price.quota_days > 1 && !planned.plan.jobs.is_empty());
    let costly: Vec<String> = costly.map(Planned::sentence).collect();
    if costly.is_empty() {
        return Ok(());
    }
    let what = format!("{}: this is more than a day's quota", costly.join("; "));
    confirm::or_fail(&what, "Publish?", "not published")
}
