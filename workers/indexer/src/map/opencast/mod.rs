//! Maps Opencast's answers to documents with the old index's field names, so that old dashboards work.

mod action;
mod addresses;
mod episode;
mod series;

use messages::opencast::{ActionsContext, EpisodeContext};
use messages::{Cause, CauseClass};
use opencast_wire::{Action, Episode, actions};
use serde_json::value::RawValue;

pub(super) use action::UserAction;
pub(super) use episode::EpisodeDocument;

use super::Fault;
use super::page::Page;
use crate::enrich::View;

/// Maps a page of user actions, in either dialect.
///
/// # Errors
/// If the answer is not such a page.
pub(super) fn actions(
    page: &mut Page<'_, '_>,
    context: &ActionsContext,
    harvest: &RawValue,
    view: &View<'_>,
) -> Result<(), Cause> {
    let raw = page.raw();
    let rows = actions::page(raw.body)
        .map_err(|fault| Cause::new(CauseClass::BadShape, format!("answer of {}: {fault}", raw.endpoint)))?;
    for (position, row) in rows.rows.into_iter().enumerate() {
        page.row(position, |page| {
            let action = Action::read(row)?;
            action.dropped.fields().iter().for_each(|field| page.dropped(field));
            let document = action::document(&action, context, harvest, view);
            action::left_out(&action, &document).for_each(|field| page.dropped(field));
            page.action(&document)
        });
    }
    Ok(())
}

/// Maps one episode, of either generation.
pub(super) fn episode(page: &mut Page<'_, '_>, context: &EpisodeContext, harvest: &RawValue) {
    let body = page.raw().body;
    page.row(0, |page| {
        let episode = Episode::read(body)?;
        episode.dropped.fields().iter().for_each(|field| page.dropped(field));
        page.episode(&episode::document(&episode, context, harvest))
    });
}

impl From<opencast_wire::Fault> for Fault {
    fn from(fault: opencast_wire::Fault) -> Self {
        Self(fault.to_string())
    }
}

#[cfg(test)]
pub(super) mod tests;
