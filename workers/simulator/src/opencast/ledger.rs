//! The ledger of a fake Opencast: every call with time, path, status and credentials, in order of arrival.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::faults::Fault;

/// Maximum number of rows (50 MB). Further calls are only counted.
const MOST_ROWS: usize = 1_000_000;
const SECOND_US: u64 = 1_000_000;

/// One call.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Entry {
    /// Unix time in microseconds.
    at_us: u64,
    /// Path, with placeholders for ids.
    path: &'static str,
    /// HTTP status; 0 means not answered (yet).
    status: u16,
    auth: AuthKind,
    fault: Option<&'static str>,
}

/// Credentials of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AuthKind {
    /// None.
    Anonymous,
    Basic,
    Digest,
    /// Invalid, expired or already used.
    Refused,
}

/// All calls so far.
#[derive(Debug)]
pub(super) struct Ledger {
    rows: Vec<Entry>,
    most: usize,
    dropped: u64,
    /// Arrival times within the last second.
    recent: VecDeque<u64>,
    peak: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { rows: Vec::new(), most: MOST_ROWS, dropped: 0, recent: VecDeque::new(), peak: 0 }
    }
}

impl Ledger {
    /// Records a call on arrival; [`Ledger::settle`] sets the rest. Returns `None` when the ledger is full.
    pub(super) fn enter(&mut self, at_us: u64, path: &'static str) -> Option<usize> {
        while self.recent.front().is_some_and(|first| first + SECOND_US <= at_us) {
            self.recent.pop_front();
        }
        self.recent.push_back(at_us);
        self.peak = self.peak.max(self.recent.len());
        if self.rows.len() >= self.most {
            self.dropped += 1;
            return None;
        }
        self.rows.push(Entry { at_us, path, status: 0, auth: AuthKind::Anonymous, fault: None });
        Some(self.rows.len() - 1)
    }

    pub(super) fn settle(&mut self, place: Option<usize>, auth: AuthKind, status: u16, fault: Option<Fault>) {
        if let Some(row) = place.and_then(|place| self.rows.get_mut(place)) {
            (row.auth, row.status, row.fault) = (auth, status, fault.map(Fault::name));
        }
    }

    pub(super) fn entries(&self, since: usize) -> &[Entry] {
        self.rows.get(since..).unwrap_or_default()
    }

    pub(super) fn summary(&self) -> LedgerSummary {
        let mut summary =
            LedgerSummary { dropped: self.dropped, peak_per_second: self.peak, ..LedgerSummary::default() };
        for row in &self.rows {
            summary.calls += 1;
            summary.first_us.get_or_insert(row.at_us);
            summary.last_us = Some(row.at_us);
            *summary.by_path.entry(row.path).or_default() += 1;
            *summary.by_status.entry(row.status).or_default() += 1;
            let auth = match row.auth {
                AuthKind::Anonymous => "anonymous",
                AuthKind::Basic => "basic",
                AuthKind::Digest => "digest",
                AuthKind::Refused => "refused",
            };
            *summary.by_auth.entry(auth).or_default() += 1;
            if let Some(fault) = row.fault {
                *summary.by_fault.entry(fault).or_default() += 1;
            }
        }
        summary
    }
}

/// Summary of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LedgerSummary {
    /// Number of calls.
    pub calls: u64,
    /// Calls per path, with placeholders for ids.
    pub by_path: BTreeMap<&'static str, u64>,
    /// Calls per HTTP status; 0 means not answered (yet).
    pub by_status: BTreeMap<u16, u64>,
    /// Calls per kind of credentials: `anonymous`, `basic`, `digest`, or `refused`.
    pub by_auth: BTreeMap<&'static str, u64>,
    /// Calls per injected fault.
    pub by_fault: BTreeMap<&'static str, u64>,
    /// Unix time of the first call, in microseconds.
    pub first_us: Option<u64>,
    /// Unix time of the last call, in microseconds.
    pub last_us: Option<u64>,
    /// Maximum number of calls within any one second.
    pub peak_per_second: usize,
    /// Calls that are not counted above because the ledger was full.
    pub dropped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_a_sliding_second_and_a_full_ledger_counts_what_it_drops() {
        let mut ledger = Ledger { most: 4, ..Ledger::default() };
        for at_us in [0, 900_000, 1_100_000, 1_899_999, 5_000_000] {
            let place = ledger.enter(at_us, "/info/me.json");
            ledger.settle(place, AuthKind::Basic, 200, None);
        }
        let summary = ledger.summary();
        assert_eq!((summary.peak_per_second, summary.calls, summary.dropped), (3, 4, 1));
        assert_eq!(summary.by_auth, BTreeMap::from([("basic", 4)]));
        assert_eq!((ledger.entries(3).len(), ledger.entries(9).len()), (1, 0));
    }
}
