//! Whether the store's index templates are those of this program: what is written or read without them would be wrong.

use store::{Conflict, Store, TemplateState};

use crate::exit::{RefusedError, usage};

/// How many templates there are, all of them current.
///
/// # Errors
/// When one is missing or is another than this program's: a store that is starting, or a load balancer before it, answers 404,
/// too. When the store is away.
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

/// # Errors
/// When something gives indices another form than the templates: documents would be refused or mean something else.
pub(crate) fn fits(conflicts: &[Conflict]) -> anyhow::Result<()> {
    match conflicts {
        [] => Ok(()),
        [first] => Err(usage(first.to_string())),
        [first, rest @ ..] => {
            Err(usage(format!("{first}; `ua check` names {} more of this kind", rest.len())))
        }
    }
}
