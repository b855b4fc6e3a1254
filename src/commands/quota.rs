//! `ua quota`, `ua pause`, `ua resume`: orders to whoever keeps the accounts' quota.

use std::time::Duration;

use runtime::quota::{self, Account, Answer, News, Order};

use crate::assemble;
use crate::cli::{OfAccount, Pause, Paused, Quota, QuotaCommand, Resume, settings};
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::output;

/// How long whoever keeps the quota may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn execute(words: Quota, config: &Config) -> anyhow::Result<Outcome> {
    match words.command {
        None => order(&words.of, config, |_| Order::Show).await,
        Some(QuotaCommand::Show(of)) => order(&of, config, |_| Order::Show).await,
        Some(QuotaCommand::Set { settings: wished, of }) => {
            order(&of, config, |limits| {
                let (shares, reserve) = settings(&wished, limits);
                Order::Set { shares, reserve }
            })
            .await
        }
    }
}

pub(super) async fn pause(words: Pause, config: &Config) -> anyhow::Result<Outcome> {
    order(&words.of, config, |limits| Order::Pause {
        meters: Paused::limits(&words.what, limits),
        pause: quota::Pause { until: words.until, why: words.why.clone() },
    })
    .await
}

pub(super) async fn resume(words: Resume, config: &Config) -> anyhow::Result<Outcome> {
    order(&words.of, config, |limits| Order::Resume { meters: Paused::limits(&words.what, limits) }).await
}

/// Gives an order for every account that is meant, and says how its quota stands then.
async fn order(of: &OfAccount, config: &Config, words: impl Fn(&[&str]) -> Order) -> anyhow::Result<Outcome> {
    let accounts = assemble::accounts(config, of.account.as_deref())?;
    let broker = assemble::broker(config, "quota").await?;
    let mut done = Ok(());
    for account in &accounts {
        done = one(&broker, account, &words, of.json.json).await;
        if done.is_err() {
            break;
        }
    }
    broker.close().await;
    done.map(|()| Outcome::Complete)
}

async fn one(
    broker: &runtime::Broker,
    account: &Account,
    words: &impl Fn(&[&str]) -> Order,
    json: bool,
) -> anyhow::Result<()> {
    let limits: Vec<&str> = account.meters.iter().map(|meter| meter.name).collect();
    match quota::order(broker, account, &words(&limits), PATIENCE).await? {
        Answer::Refused(why) => Err(usage(why)),
        Answer::Done(news) if json => output::say_json(&news),
        Answer::Done(news) => {
            say(&news);
            Ok(())
        }
    }
}

fn say(news: &News) {
    let waiting = match news.waiting {
        0 => String::new(),
        1 => ", 1 process waits for calls".to_owned(),
        count => format!(", {count} processes wait for calls"),
    };
    let reserve = match news.reserve {
        0 => String::new(),
        calls => format!(", {calls} calls of the day are left to others"),
    };
    output::say(&format!("{} account {}, {} UTC{reserve}{waiting}", news.source, news.account, news.day));
    for meter in &news.meters {
        output::say(&format!("  {}", meter.sentence()));
    }
}
