//! Receipt counts of the last days.

use std::collections::BTreeMap;

use jiff::civil::Date;
use messages::{Receipt, ReceiptState};
use serde::Serialize;
use store::Store;

use crate::receipts;
use crate::sources::tally::Tallies;

const DAYS: i32 = 14;

/// Receipt counts of one date.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Day {
    pub(crate) date: Date,
    /// True when every list receipt of the date is complete, across sources.
    pub(crate) listed: bool,
    pub(crate) jobs: u64,
    pub(crate) planned: u64,
    pub(crate) complete: u64,
    pub(crate) incomplete: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// Expected and received records of each source.
    #[serde(flatten)]
    pub(crate) tallies: Tallies,
    #[serde(skip)]
    lists: u64,
    #[serde(skip)]
    complete_lists: u64,
}

/// Returns the last days, newest first.
pub(super) async fn last(store: &Store) -> anyhow::Result<Vec<Day>> {
    let today = receipts::read::today();
    let first = today.saturating_sub(jiff::Span::new().days(DAYS));
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    receipts::read::receipts(store, first, today, |receipt| {
        if let Some(date) = receipt.date {
            count(days.entry(date).or_insert_with(|| Day { date, ..Day::default() }), &receipt);
        }
    })
    .await?;
    Ok(days.into_values().rev().map(Day::closed).collect())
}

impl Day {
    fn closed(self) -> Self {
        Self { listed: self.lists > 0 && self.lists == self.complete_lists, ..self }
    }
}

fn count(day: &mut Day, receipt: &Receipt) {
    day.jobs += 1;
    day.tallies.add(receipt);
    if receipt.kind == receipt.source.list_kind() {
        day.lists += 1;
        day.complete_lists += u64::from(receipt.state == ReceiptState::Complete);
    }
    match receipt.state {
        ReceiptState::Planned => day.planned += 1,
        ReceiptState::Complete => day.complete += 1,
        ReceiptState::Incomplete => day.incomplete += 1,
        ReceiptState::Failed => day.failed += 1,
        ReceiptState::Cancelled => day.cancelled += 1,
    }
}
