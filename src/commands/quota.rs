//! `ua quota`, `ua pause`, `ua resume`: send commands to the quota leader of an account.

use std::time::Duration;

use messages::{Source, counted};
use runtime::quota::{self, Account, CommandReply, QuotaCommand, QuotaStatus};

use crate::assemble;
use crate::cli::{Meant, OfAccount, Pause, Quota, QuotaAction, Resume, Resumed, Setting, settings};
use crate::config::Config;
use crate::exit::{self, Outcome, usage};
use crate::output;
use crate::sources::{self, vocabulary};

/// Timeout of the quota leader's reply.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time that workers have to answer a presence request.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(700);

pub(super) async fn execute(words: Quota, config: &Config) -> anyhow::Result<Outcome> {
    match words.command {
        None => show(&words.of, config).await,
        Some(QuotaAction::Show(of)) => show(&of, config).await,
        Some(QuotaAction::Set { settings: wished, of }) => {
            let sources: Vec<Source> = wished.iter().map(Setting::source).collect();
            order(&of, config, &sources, |source, limits| {
                let (shares, reserve) = settings(&wished, source, limits);
                QuotaCommand::Set { shares, reserve }
            })
            .await
        }
    }
}

/// Shows the quotas of all configured sources; with `--account` only those of sources whose accounts have labels.
async fn show(of: &OfAccount, config: &Config) -> anyhow::Result<Outcome> {
    let mut sources = config.sources();
    sources.retain(|source| of.account.is_none() || sources::of(*source).vocabulary().has_labels);
    order(of, config, &sources, |_, _| QuotaCommand::Show).await
}

pub(super) async fn pause(words: Pause, config: &Config) -> anyhow::Result<Outcome> {
    order(&words.of, config, &meant(&words.what), |source, limits| QuotaCommand::Pause {
        limits: Meant::limits(&words.what, source, limits),
        pause: quota::Pause { until: words.until, why: words.why.clone() },
    })
    .await
}

pub(super) async fn resume(words: Resume, config: &Config) -> anyhow::Result<Outcome> {
    let (meant, roles) = resumed(&words.what, config);
    if !meant.is_empty() {
        let sources = self::meant(&meant);
        let ordered = order(&words.of, config, &sources, |source, limits| QuotaCommand::Resume {
            limits: Meant::limits(&meant, source, limits),
        });
        ordered.await?;
    }
    lift(roles, config, words.of.json.json).await?;
    Ok(Outcome::Complete)
}

/// Returns the limits to resume and the names of the roles whose holds to lift.
fn resumed(what: &[Resumed], config: &Config) -> (Vec<Meant>, Vec<String>) {
    let (mut meant, mut roles) = (Vec::new(), Vec::new());
    for what in what {
        match what {
            Resumed::Meant(one) => {
                meant.push(*one);
                roles.push(sources::of(one.source).vocabulary().role.to_owned());
            }
            Resumed::Role(role) => roles.push((*role).to_owned()),
            Resumed::All => {
                meant.extend(config.sources().into_iter().map(|source| Meant { source, limit: None }));
                roles.push("all".to_owned());
            }
        }
    }
    roles.sort();
    roles.dedup();
    (meant, roles)
}

/// Lifts the holds of these roles in every process and prints which holds existed.
async fn lift(roles: Vec<String>, config: &Config, json: bool) -> anyhow::Result<()> {
    let broker = assemble::broker(config, "resume").await?;
    let lifting = async {
        let workers = broker.list_workers(PRESENCE_TIMEOUT).await?;
        broker.lift(roles.clone()).await.map(|()| workers)
    };
    let workers = lifting.await;
    broker.close().await;
    let workers = workers?;
    let concerns = |role: &str| {
        roles.iter().any(|name| {
            name == "all" || role == name || role.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        })
    };
    for worker in &workers {
        for role in worker.roles.iter().filter(|role| concerns(&role.now.name)) {
            let Some(hold) = role.now.hold.as_ref().filter(|_| !json) else { continue };
            let (name, why) = (&role.now.name, &hold.why);
            output::remark(&format!(
                "{name} ({}/{}) tries again; it was on hold: {why}",
                worker.host, worker.pid
            ));
        }
    }
    Ok(())
}

fn meant(what: &[Meant]) -> Vec<Source> {
    what.iter().map(|what| what.source).collect()
}

/// Sends a command for each selected account of these sources and prints the resulting quota.
async fn order(
    of: &OfAccount,
    config: &Config,
    sources: &[Source],
    words: impl Fn(Source, &[&str]) -> QuotaCommand,
) -> anyhow::Result<Outcome> {
    if of.account.is_some() {
        have_labels(sources)?;
    }
    let accounts = assemble::accounts(config, sources, of.account.as_deref())?;
    let broker = assemble::broker(config, "quota").await?;
    let mut failed = Vec::new();
    for (source, account) in &accounts {
        if let Err(error) = one(&broker, account, |limits| words(*source, limits), of.json.json).await {
            failed.push((account.title(), error));
        }
    }
    broker.close().await;
    told(accounts.len(), failed)
}

/// `--account` requires sources whose accounts have labels.
fn have_labels(sources: &[Source]) -> anyhow::Result<()> {
    let Some(without) =
        sources.iter().map(|source| sources::of(*source).vocabulary()).find(|words| !words.has_labels)
    else {
        return Ok(());
    };
    let with = vocabulary::labelled();
    Err(usage(format!("--account names an account of {with}: {} has none, leave it out", without.name)))
}

/// Returns the outcome for all accounts. Successful replies are printed already.
fn told(all: usize, mut failed: Vec<(String, anyhow::Error)>) -> anyhow::Result<Outcome> {
    let Some((title, error)) = failed.pop() else { return Ok(Outcome::Complete) };
    for (title, error) in failed {
        output::remark(&format!("error: {title}: {}", exit::sentence(&error)));
    }
    Err(if all > 1 { error.context(title) } else { error })
}

async fn one(
    broker: &runtime::Broker,
    account: &Account,
    words: impl Fn(&[&str]) -> QuotaCommand,
    json: bool,
) -> anyhow::Result<()> {
    let limits: Vec<&str> = account.limits.iter().map(|limit| limit.name).collect();
    let order = words(&limits);
    match quota::send_command(broker, account, &order, PATIENCE).await? {
        CommandReply::Refused(why) => Err(usage(why)),
        CommandReply::Done(status) => {
            if json {
                output::say_json(&status)?;
            } else {
                say(&status);
            }
            if let Some(still) = still_paused(&order, &status) {
                output::remark(&still);
            }
            Ok(())
        }
    }
}

/// Names the limits that remain paused after a resume, because the day's quota is spent by our own count.
fn still_paused(order: &QuotaCommand, status: &QuotaStatus) -> Option<String> {
    let QuotaCommand::Resume { limits } = order else { return None };
    let held = status.limits.iter().filter(|limit| limit.pause.is_some() && limits.contains(&limit.name));
    let names: Vec<&str> = held.map(|limit| limit.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "still paused: {}; a larger share or a smaller reserve allows more (`ua quota set`)",
            names.join(", ")
        )
    })
}

fn say(status: &QuotaStatus) {
    let waiting = match status.waiting {
        0 => String::new(),
        1 => ", 1 process waits for calls".to_owned(),
        count => format!(", {} wait for calls", counted(count, "process")),
    };
    let reserve = match status.reserve {
        0 => String::new(),
        calls => format!(", {} of the day left to others", counted(calls, "call")),
    };
    output::say(&format!("{}, {} UTC{reserve}{waiting}", status.title(), status.day));
    for limit in &status.limits {
        output::say(&format!("  {}", limit.sentence()));
    }
}
