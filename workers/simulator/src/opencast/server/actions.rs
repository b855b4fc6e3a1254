//! `/usertracking/actions.json`: a page of rows, in the configured order.

use super::super::settings::Disorder;
use super::super::world::permuted;
use super::answer::OpencastAnswer;
use super::params::Params;
use super::rows::{Page, Writer};
use super::shared::Shared;
use super::table::{Rows, Table};
use crate::world::mix;

const DEFAULT_LIMIT: u32 = 10;
/// Maximum number of rows per answer, about 100 MB.
const MOST: u32 = 250_000;
/// Number of neighbouring rows that swap places.
const NEIGHBOURS: u64 = 16;

/// `GET /usertracking/actions.json`
pub(super) fn list(shared: &Shared, params: &Params) -> Result<OpencastAnswer, OpencastAnswer> {
    let limit = params.number("limit")?.filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT);
    let limit = limit.min(shared.settings.page_limit.unwrap_or(MOST)).min(MOST);
    let offset = params.number("offset")?.unwrap_or(0);
    let table = Table::asked(shared, params)?;
    // A request for few rows is not a reading.
    let settled = shared.readings(table.date(), offset == 0 && limit > DEFAULT_LIMIT) > 1;
    let rows = match table.filter(params) {
        Some(wanted) => table.matching(&wanted)?,
        None => Rows::All(table.len()),
    };
    let (from, to) = (u64::from(offset), u64::from(offset) + u64::from(limit));
    let key = mix(shared.settings.seed, shared.next_call());
    let writer = Writer::new(shared, settled);
    let mut page = Page::new(shared.settings.attributes_are_text(), rows.len(), offset, limit);
    for rank in from..to.min(rows.len()) {
        let place = rows.place(displaced(rank, rows.len(), key, shared.settings.disorder));
        if let Some(action) = table.action(place) {
            page.push(&writer.row(&action));
        }
    }
    Ok(page.finish())
}

/// Rank of a row in the order of this call.
fn displaced(rank: u64, count: u64, key: u64, disorder: Disorder) -> u64 {
    match disorder {
        Disorder::Stable => rank,
        Disorder::Newest => count - 1 - rank,
        Disorder::Full => permuted(rank, count, key),
        Disorder::Local => {
            let first = rank - rank % NEIGHBOURS;
            first + permuted(rank - first, NEIGHBOURS.min(count - first), mix(key, first))
        }
    }
}
