//! Whether the store's index templates are those of this program: what is written or read without them would be wrong.

use store::{Store, TemplateState};

use crate::exit::usage;

/// How many templates there are, all of them current.
///
/// # Errors
/// When one is missing or is another than this program's, or the store is away.
pub(crate) async fn current(store: &Store) -> anyhow::Result<usize> {
    let health = store.check().await?;
    let wrong = health.templates.iter().filter(|(_, state)| *state != TemplateState::Current);
    let wrong: Vec<String> = wrong.map(|(name, state)| format!("{name} is {state}")).collect();
    if wrong.is_empty() { Ok(health.templates.len()) } else { Err(usage(wrong.join(", "))) }
}
