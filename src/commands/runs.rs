//! `ua runs`, and the details of one run for `ua status --run`.

use messages::RunId;

use crate::cli::Runs;
use crate::config::Config;
use crate::exit::Outcome;
use crate::output;
use crate::view;

pub(super) async fn execute(asked: &Runs, config: &Config) -> anyhow::Result<Outcome> {
    let lines = view::runs::latest(config, usize::try_from(asked.limit)?).await?;
    if asked.json {
        for line in &lines {
            output::say_json(line)?;
        }
    } else if lines.is_empty() {
        output::say("nothing was planned yet; start with `ua plan` or `ua run`");
    } else {
        output::say_table(&view::runs::table(&lines));
    }
    Ok(Outcome::Complete)
}

/// Prints the progress of one run, its price and use, and its expected end.
///
/// # Errors
/// If there is no such run, or the store is unreachable.
pub(super) async fn show(run: &RunId, json: bool, config: &Config) -> anyhow::Result<Outcome> {
    let report = view::runs::one(config, run).await?.ok_or_else(|| crate::runs::missing(run))?;
    if json {
        output::say_json(&report)?;
        return Ok(Outcome::Complete);
    }
    for (name, fact) in report.facts() {
        output::say(&format!("{name:<10}{fact}"));
    }
    output::say_table(&report.calls());
    report.remarks().iter().for_each(|remark| output::say(remark));
    Ok(Outcome::Complete)
}
