//! Checks the store: product and version, templates, blocks, permissions.

use store::{Conflict, Findings, Health, Right, TemplateState};

use super::local;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::{assemble, units};

pub(super) async fn examine(config: &Config) -> Vec<Diagnostic> {
    if config.search.is_none() && !local::is_there(config) {
        // The data folder has its own diagnostic; opening the store would create the file.
        return Vec::new();
    }
    match ask(config).await {
        Err(error) if config.search.is_some() => {
            let users = "see ES_HOST, its scheme, and the user or key that it is asked with";
            let worlds = "see that the search engine runs and ES_HOST can be reached from here; documents wait in the queue";
            let mut diagnostics = vec![Diagnostic::error("store", &error, users, worlds)];
            diagnostics.extend(["templates", "rights"].map(|what| Diagnostic::depends(what, "store")));
            diagnostics
        }
        Err(error) => {
            let remedy = "see that UA_DATA_DIR can be written to and its disk has room";
            vec![Diagnostic::error("store", &error, remedy, remedy)]
        }
        Ok((health, found)) => {
            let mut diagnostics = vec![version(&health), templates(&health)];
            diagnostics.extend(health.conflicts.iter().map(conflict));
            if config.search.is_some() {
                diagnostics.extend(searched(&found));
            }
            diagnostics
        }
    }
}

async fn ask(config: &Config) -> anyhow::Result<(Health, Findings)> {
    let store = assemble::store(config)?;
    Ok((store.check().await?, store.examine().await?))
}

fn version(health: &Health) -> Diagnostic {
    let text = format!("{} {}", health.product, health.version);
    let mut numbers = health.version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (oldest, newest, range) = match health.product.as_str() {
        "Elasticsearch" => ((7, 10), 9, "Elasticsearch 7.10 to 9.x"),
        "OpenSearch" => ((2, 0), 3, "OpenSearch 2 or 3"),
        _ => return Diagnostic::well("store", text),
    };
    if found < oldest {
        return Diagnostic::users("store", format!("{text} is too old")).remedy(format!("ua needs {range}"));
    }
    if found.0 > newest {
        return Diagnostic::notable("store", format!("{text}: newer than what ua is tested with, {range}"));
    }
    Diagnostic::well("store", text)
}

fn templates(health: &Health) -> Diagnostic {
    let wrong = health.templates.iter().filter(|(_, state)| *state != TemplateState::Current);
    let word =
        |state: &TemplateState| if *state == TemplateState::Missing { "missing" } else { "another one" };
    let wrong: Vec<String> = wrong.map(|(name, state)| format!("{name} is {}", word(state))).collect();
    match wrong.is_empty() {
        true => Diagnostic::well("templates", format!("{} present and current", health.templates.len())),
        false => Diagnostic::users("templates", wrong.join(", ")).remedy("run `ua setup`"),
    }
}

fn conflict(conflict: &Conflict) -> Diagnostic {
    Diagnostic::users("templates", &*conflict.text).remedy(&*conflict.remedy)
}

fn searched(found: &Findings) -> Vec<Diagnostic> {
    let mut diagnostics: Vec<Diagnostic> =
        found.blocks.iter().map(|(who, block)| blocked(who, block)).collect();
    diagnostics.extend(cluster(found));
    diagnostics.extend(absent(found));
    diagnostics.extend(rights(found));
    diagnostics
}

fn blocked(who: &str, block: &str) -> Diagnostic {
    let (text, remedy) = match block {
        "read_only_allow_delete" => (
            format!("{who} takes no writes: its disk is almost full (read_only_allow_delete)"),
            "free some of its disk; older servers then need index.blocks.read_only_allow_delete set to null",
        ),
        "read" => (format!("{who} cannot be read (index.blocks.read)"), "set that block to null"),
        _ => {
            (format!("{who} takes no writes (blocks.{block})"), "set that block to null: somebody has set it")
        }
    };
    Diagnostic::worlds("blocks", text).remedy(remedy)
}

/// Checks for indices that refuse writes or hide documents, and for pipelines that may change documents.
fn absent(found: &Findings) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    if !found.closed.is_empty() {
        let text = format!("closed: {}; neither read nor written", found.closed.join(", "));
        diagnostics.push(
            Diagnostic::worlds("indices", text)
                .remedy("open them (POST INDEX/_open), or delete them if their dates are not needed"),
        );
    }
    if let Some((indices, setting)) = &found.not_created {
        let text =
            format!("action.auto_create_index is {setting:?}, so {} cannot be made", indices.join(", "));
        let remedy = "have action.auto_create_index allow these patterns";
        diagnostics.push(Diagnostic::users("indices", text).remedy(remedy));
    }
    if !found.pipelines.is_empty() {
        let text = format!(
            "documents pass an ingest pipeline before they are stored: {}",
            found.pipelines.join(", ")
        );
        diagnostics.push(
            Diagnostic::notable("indices", text)
                .remedy("a pipeline must neither drop documents nor rename fields"),
        );
    }
    diagnostics
}

fn cluster(found: &Findings) -> Option<Diagnostic> {
    Some(match found.cluster.as_deref()? {
        "red" if found.red.is_empty() => {
            Diagnostic::worlds("cluster", "red: an index that is not of ua has no primary shard")
                .remedy("look at its nodes and disks; nothing is lost here, work waits")
        }
        "red" => {
            let text =
                format!("red: without a primary shard, neither read nor written: {}", found.red.join(", "));
            Diagnostic::worlds("cluster", text)
                .remedy("look at its nodes and disks (GET _cluster/allocation/explain); nothing is lost here, work waits")
        }
        "yellow" => Diagnostic::well("cluster", "yellow: every document is there, some without a replica"),
        other => Diagnostic::well("cluster", other),
    })
}

fn rights(found: &Findings) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let refused = [("read", &found.read), ("write", &found.write)];
    for (what, right) in refused {
        // A block refuses all users and has its own diagnostic.
        if let Right::Refused(why) = right
            && found.blocks.is_empty()
        {
            let text = format!("the user may not {what} the indices ({why})");
            let remedy = format!("give the user of ES_USER or ES_API_KEY the privilege {what} on them");
            diagnostics.push(Diagnostic::users("rights", text).remedy(remedy));
        }
    }
    if !found.missing_privileges.is_empty() {
        let text = format!("the user lacks {}", found.missing_privileges.join(", "));
        let work = ["read on", "write on", "create_index on"];
        let needed = |privilege: &String| work.iter().any(|work| privilege.starts_with(work));
        let diagnostic = match found.missing_privileges.iter().any(needed) {
            true => Diagnostic::users("rights", text),
            false => Diagnostic::notable("rights", text),
        };
        diagnostics.push(
            diagnostic.remedy("work needs read, write and create_index; `ua setup` and expiry the others"),
        );
    }
    if diagnostics.is_empty() && found.blocks.is_empty() {
        let written = match found.write {
            Right::Granted => "proven without writing anything",
            _ => "there is no index yet: writing is proven by the first document",
        };
        let indices = units::some(found.indices as u64, "index");
        diagnostics.push(Diagnostic::well("rights", format!("{indices} can be read; {written}")));
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::State;

    fn health(product: &str, version: &str) -> Health {
        let (product, version) = (product.to_owned(), version.to_owned());
        Health { product, version, templates: Vec::new(), conflicts: Vec::new() }
    }

    fn fine() -> Findings {
        Findings {
            cluster: Some("green".to_owned()),
            indices: 3,
            read: Right::Granted,
            write: Right::Granted,
            ..Findings::default()
        }
    }

    fn amiss(found: &Findings) -> Vec<(bool, String)> {
        let failing = searched(found).into_iter().filter(|diagnostic| diagnostic.state == State::Failing);
        failing.map(|diagnostic| (diagnostic.users, diagnostic.text)).collect()
    }

    #[test]
    fn versions_are_judged() {
        for (product, number, state) in [
            ("Elasticsearch", "7.10.2", State::Well),
            ("Elasticsearch", "7.9.3", State::Failing),
            ("Elasticsearch", "9.2.0", State::Well),
            ("Elasticsearch", "10.0.0", State::Notable),
            ("OpenSearch", "1.3.0", State::Failing),
            ("OpenSearch", "3.1.0", State::Well),
            ("SQLite", "3.50.0", State::Well),
        ] {
            assert_eq!(version(&health(product, number)).state, state, "{product} {number}");
        }
    }

    #[test]
    fn what_stands_in_the_way_is_named_and_whose_it_is() {
        assert_eq!(amiss(&fine()), []);
        let flood = ("meetings-2026.01".to_owned(), "read_only_allow_delete".to_owned());
        let refused = Right::Refused("blocked".to_owned());
        let full = Findings { blocks: vec![flood], write: refused.clone(), ..fine() };
        let text = "meetings-2026.01 takes no writes: its disk is almost full (read_only_allow_delete)";
        assert_eq!(amiss(&full), [(false, text.to_owned())]);
        assert!(amiss(&Findings { write: refused, ..fine() })[0].0, "rights are the user's to mend");
        assert!(!amiss(&Findings { cluster: Some("red".to_owned()), ..fine() })[0].0);
        let text = |found: &Findings| amiss(found)[0].1.clone();
        let red = vec!["sessions-2026.01".to_owned()];
        assert!(
            text(&Findings { cluster: Some("red".to_owned()), red: red.clone(), ..fine() })
                .contains("sessions-2026.01")
        );
        assert!(text(&Findings { closed: red.clone(), ..fine() }).contains("closed: sessions-2026.01"));
        let not_created = Some((red, "false".to_owned()));
        assert!(text(&Findings { not_created, ..fine() }).contains("action.auto_create_index"));
        assert_eq!(amiss(&Findings { pipelines: vec!["index.final_pipeline x".to_owned()], ..fine() }), []);
        let lacks = |privilege: &str| Findings { missing_privileges: vec![privilege.to_owned()], ..fine() };
        assert_eq!(amiss(&lacks("create_index on meetings-*")).len(), 1);
        assert_eq!(amiss(&lacks("manage on meetings-*")).len(), 0);
    }
}
