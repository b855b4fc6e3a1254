//! The ledger: every API call in order of arrival, for tests of a client's behaviour.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use crate::faults::Fault;
use crate::quota::{Quota, RateClass};
use crate::server::Endpoint;

/// Maximum number of rows (480 MB). Further calls are only counted.
const MOST_ROWS: usize = 20_000_000;
/// Rows per block. Blocks avoid copying a long ledger when it grows.
const BLOCK: usize = 65_536;
const OVER: u8 = 1;
/// Maximum number of refused calls listed in a summary.
const MOST_NAMED: usize = 20;

/// A stored call.
#[derive(Debug, Clone, Copy)]
struct StoredCall {
    at_us: u64,
    endpoint: Endpoint,
    fault: Option<Fault>,
    status: u16,
    flags: u8,
    /// Number of the access token; 0 means no valid token.
    token: u32,
    /// The date that is asked for: of a listing's window the first, of a meeting that of its uuid.
    about: Option<Date>,
}

const _: () = assert!(size_of::<StoredCall>() <= 24, "a ledger row must stay small");

/// A call in the JSON output.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    at_us: u64,
    class: Option<&'static str>,
    endpoint: &'static str,
    status: u16,
    over: bool,
    fault: Option<&'static str>,
}

/// Index of a call in the ledger; `None` when the ledger was full.
pub(crate) type LedgerIndex = Option<usize>;

/// All calls so far.
#[derive(Debug)]
pub(crate) struct Ledger {
    blocks: Vec<Vec<StoredCall>>,
    most: usize,
    dropped: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { blocks: Vec::new(), most: MOST_ROWS, dropped: 0 }
    }
}

impl Ledger {
    /// Records a call on arrival; [`Ledger::settle`] sets its status.
    pub(crate) fn enter(
        &mut self,
        at_us: u64,
        endpoint: Endpoint,
        token: u32,
        about: Option<Date>,
        over: bool,
    ) -> LedgerIndex {
        let place = self.len();
        if place >= self.most {
            self.dropped += 1;
            return None;
        }
        let flags = if over { OVER } else { 0 };
        let row = StoredCall { at_us, endpoint, fault: None, status: 0, flags, token, about };
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(row),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(row);
                self.blocks.push(block);
            }
        }
        Some(place)
    }

    pub(crate) fn settle(&mut self, place: LedgerIndex, status: u16, fault: Option<Fault>) {
        let Some(place) = place else { return };
        let row = self.blocks.get_mut(place / BLOCK).and_then(|block| block.get_mut(place % BLOCK));
        if let Some(row) = row {
            (row.status, row.fault) = (status, fault);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns up to `count` entries from index `since` on.
    pub(crate) fn entries(&self, since: usize, count: usize) -> Vec<Entry> {
        let end = since.saturating_add(count).min(self.len());
        (since..end)
            .filter_map(|place| self.blocks.get(place / BLOCK)?.get(place % BLOCK))
            .map(entry)
            .collect()
    }

    /// Calls for a date, refused ones included.
    pub(crate) fn calls_about(&self, date: Date) -> u64 {
        self.blocks.iter().flatten().filter(|row| row.about == Some(date)).count() as u64
    }

    pub(crate) fn summary(&self, quota: &Quota) -> LedgerSummary {
        let mut summary = LedgerSummary { dropped: self.dropped, ..LedgerSummary::default() };
        for row in self.blocks.iter().flatten() {
            summary.first_us.get_or_insert(row.at_us);
            summary.last_us = Some(row.at_us);
            summary.count(row);
        }
        summary.peak = Peaks {
            light_per_second: quota.peak(RateClass::Light),
            medium_per_second: quota.peak(RateClass::Medium),
            heavy_per_second: quota.peak(RateClass::Heavy),
            resource_intensive_per_minute: quota.peak(RateClass::ResourceIntensive),
        };
        summary
    }
}

/// Summary of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LedgerSummary {
    /// Calls per rate class, including refused ones.
    pub calls: Calls,
    /// Token requests, which have no rate class.
    pub tokens: u64,
    /// Calls refused by the quota.
    pub over: u64,
    /// The first 20 of them.
    pub first_over: Vec<OverCall>,
    /// Calls per HTTP status; 0 means not answered yet.
    pub by_status: BTreeMap<u16, u64>,
    /// Calls per injected fault.
    pub by_fault: BTreeMap<&'static str, u64>,
    /// Calls per access token, numbered in order of issue; 0 means no valid token.
    pub by_token: BTreeMap<u32, u64>,
    /// Unix time of the first call, in microseconds.
    pub first_us: Option<u64>,
    /// Unix time of the last call, in microseconds.
    pub last_us: Option<u64>,
    /// Maximum number of calls admitted within one window.
    pub peak: Peaks,
    /// Calls that are not counted above because the ledger was full.
    pub dropped: u64,
}

/// A call refused by the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OverCall {
    /// Rate class.
    pub class: &'static str,
    /// Unix time of arrival, in microseconds.
    pub at_us: u64,
}

/// Calls per rate class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Light.
    pub light: u64,
    /// Medium.
    pub medium: u64,
    /// Heavy.
    pub heavy: u64,
    /// Resource-intensive.
    pub resource_intensive: u64,
}

/// Maximum number of calls admitted within one sliding window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Peaks {
    /// Light calls per second.
    pub light_per_second: u64,
    /// Medium calls per second.
    pub medium_per_second: u64,
    /// Heavy calls per second.
    pub heavy_per_second: u64,
    /// Resource-intensive calls per minute.
    pub resource_intensive_per_minute: u64,
}

impl LedgerSummary {
    fn count(&mut self, row: &StoredCall) {
        match row.endpoint.class() {
            Some(RateClass::Light) => self.calls.light += 1,
            Some(RateClass::Medium) => self.calls.medium += 1,
            Some(RateClass::Heavy) => self.calls.heavy += 1,
            Some(RateClass::ResourceIntensive) => self.calls.resource_intensive += 1,
            None => self.tokens += 1,
        }
        if row.flags & OVER != 0 {
            self.over += 1;
            let class = row.endpoint.class().filter(|_| self.first_over.len() < MOST_NAMED);
            self.first_over.extend(class.map(|class| OverCall { class: class.name(), at_us: row.at_us }));
        }
        *self.by_status.entry(row.status).or_default() += 1;
        if row.endpoint.class().is_some() {
            *self.by_token.entry(row.token).or_default() += 1;
        }
        if let Some(fault) = row.fault {
            *self.by_fault.entry(fault.name()).or_default() += 1;
        }
    }
}

fn entry(row: &StoredCall) -> Entry {
    Entry {
        at_us: row.at_us,
        class: row.endpoint.class().map(RateClass::name),
        endpoint: row.endpoint.name(),
        status: row.status,
        over: row.flags & OVER != 0,
        fault: row.fault.map(Fault::name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ledger_counts_what_it_drops() {
        let mut ledger = Ledger { most: BLOCK + 1, ..Ledger::default() };
        for at_us in 0..BLOCK as u64 + 3 {
            let place = ledger.enter(at_us, Endpoint::Users, 1, None, at_us % 2 == 0);
            ledger.settle(place, 200, (at_us == 5).then_some(Fault::Reset));
        }
        let summary = ledger.summary(&Quota::new());
        assert_eq!((ledger.len(), summary.dropped), (BLOCK + 1, 2));
        assert_eq!((summary.calls.medium, summary.over), (BLOCK as u64 + 1, BLOCK as u64 / 2 + 1));
        assert_eq!(summary.first_over.len(), MOST_NAMED);
        assert_eq!(summary.first_over[1], OverCall { class: "medium", at_us: 2 });
        assert_eq!((summary.first_us, summary.last_us), (Some(0), Some(BLOCK as u64)));
        assert_eq!(summary.by_fault.get("reset"), Some(&1));
        let across: Vec<_> = ledger.entries(BLOCK - 1, 9).iter().map(|entry| entry.at_us).collect();
        assert_eq!(across, [BLOCK as u64 - 1, BLOCK as u64]);
    }
}
