//! `ua check`: diagnoses the installation. Prints one line per dependency, with a mark and, on a problem, a remedy.
//! Changes nothing.

mod broker;
mod configuration;
mod local;
pub(crate) mod management;
mod places;
mod secrets;
mod store;
mod versions;

use std::collections::BTreeSet;

use crate::cli::Check;
use crate::config::{Config, Environment};
use crate::diagnostic::{Diagnostic, State};
use crate::exit::{Outcome, usage};
use crate::{output, sources, units};

pub(super) async fn execute(
    words: &Check,
    config: &Config,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    if words.repair_versions {
        return versions::repair(config).await;
    }
    let mut found = Vec::new();
    let mut say = |diagnostics: Vec<Diagnostic>| -> anyhow::Result<()> {
        for diagnostic in &diagnostics {
            if words.json { output::say_json(diagnostic)? } else { output::say(&diagnostic.to_string()) }
        }
        found.extend(diagnostics);
        Ok(())
    };
    say(configuration::examine(config, environment))?;
    say(secrets::examine(config, environment))?;
    say(vec![places::examine(config)])?;
    let mut has_folder = true;
    if config.amqp.is_none() || config.search.is_none() {
        let folder = local::examine(config);
        let fails =
            |diagnostic: &Diagnostic| diagnostic.what == "data folder" && diagnostic.state == State::Failing;
        has_folder = !folder.iter().any(fails);
        say(folder)?;
    }
    say(broker::examine(config).await)?;
    let store = match config.search.is_none() && !has_folder {
        true => vec![Diagnostic::depends("store", "data folder")],
        false => store::examine(config).await,
    };
    say(store)?;
    if has_folder {
        say(versions::examine(config).await)?;
    }
    for source in config.begun() {
        say(sources::of(source).examine(config).await)?;
    }
    verdict(&found)
}

fn verdict(found: &[Diagnostic]) -> anyhow::Result<Outcome> {
    let failing: Vec<&Diagnostic> =
        found.iter().filter(|diagnostic| diagnostic.state == State::Failing).collect();
    if failing.is_empty() {
        return Ok(Outcome::Complete);
    }
    // Several lines may have the same cause, which counts once.
    let causes = |diagnostics: &mut dyn Iterator<Item = &Diagnostic>| -> BTreeSet<_> {
        diagnostics.map(Diagnostic::cause).collect()
    };
    let failed = causes(&mut failing.iter().copied());
    let checked = causes(&mut found.iter().filter(|diagnostic| diagnostic.state != State::Unknown));
    let mut names: Vec<&str> = failing.iter().map(|diagnostic| diagnostic.what).collect();
    let mut named = BTreeSet::new();
    names.retain(|name| named.insert(*name));
    let (failed, checked) = (units::count(failed.len() as u64), units::some(checked.len() as u64, "check"));
    let text = format!("{failed} of {checked} failed: {}", names.join(", "));
    if failing.iter().any(|diagnostic| diagnostic.users) {
        Err(usage(text))
    } else {
        Err(anyhow::anyhow!(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cause_counts_once_and_what_depends_on_it_does_not_fail() {
        let differs = |queue: &str, kept: u64| {
            Diagnostic::users("queues", format!("{queue}: x-max-length is 5"))
                .remedy(format!("run `ua setup --migrate`: {} kept", units::some(kept, "message")))
        };
        let found = vec![
            Diagnostic::well("configuration", "fine"),
            differs("ua.documents", 12),
            differs("ua.dead", 1_200),
            Diagnostic::worlds("store", "no answer").remedy("see that it runs"),
            Diagnostic::depends("templates", "store"),
            Diagnostic::depends("rights", "store"),
        ];
        let error = verdict(&found).unwrap_err().to_string();
        assert_eq!(error, "2 of 3 checks failed: queues, store");
        assert_eq!(verdict(&found[..1]).unwrap(), Outcome::Complete);
    }
}
