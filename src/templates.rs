//! Checks that the store's index templates are those of this program. Without them, data would be written and read with
//! wrong field types.

use store::{Conflict, Store, TemplateState};

use crate::exit::{RefusedError, usage};

/// Returns the number of templates if all are current.
///
/// # Errors
/// If a template is missing or differs from this program's, or the store is unreachable. A starting store, or a load
/// balancer in front of it, also answers 404.
pub(crate) async fn current(store: &Store) -> anyhow::Result<usize> {
    let health = store.check().await?;
    let wrong = health.templates.iter().filter(|(_, state)| *state != TemplateState::Current);
    let wrong: Vec<String> = wrong.map(|(name, state)| format!("{name} is {state}")).collect();
    if !wrong.is_empty() {
        return Err(RefusedError(wrong.join(", ")).into());
    }
    fits(&health.conflicts)?;
    Ok(health.templates.len())
}

/// Checks that nothing overrides the templates.
///
/// # Errors
/// If something gives indices other field types than the templates: the store would refuse documents or index them
/// wrongly.
pub(crate) fn fits(conflicts: &[Conflict]) -> anyhow::Result<()> {
    match conflicts {
        [] => Ok(()),
        [first] => Err(usage(first.to_string())),
        [first, rest @ ..] => {
            Err(usage(format!("{first}; `ua check` names {} more of this kind", rest.len())))
        }
    }
}
