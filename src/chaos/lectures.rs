//! The second source: an Opencast with occasional failures, and what should be held of it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use simulator::opencast::{Dialect, Opencast, OpencastSettings};

/// Maximum calls per second: few enough that fetching lasts as long as the storm.
pub(crate) const CALLS_PER_SECOND: u32 = 8;
/// User actions per date and per second of the storm.
const ACTIONS: u64 = 100;
/// Maximum rows per answer.
const PAGE: u32 = 500;
const FAULTS: [&str; 5] = ["500=0.02", "reset=0.02", "502-html=0.01", "truncated-json=0.01", "timeout=0.003"];

/// Ids of documents.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lectures {
    pub(crate) actions: BTreeSet<String>,
    /// Episodes that the actions name.
    pub(crate) episodes: BTreeSet<String>,
}

/// Starts Opencast: the fork for odd seeds, upstream for even ones.
pub(crate) async fn start(seed: u64, length: Duration) -> Opencast {
    let (dialect, generation) =
        if seed.is_multiple_of(2) { (Dialect::Upstream, 16) } else { (Dialect::Dce, 5) };
    let settings = OpencastSettings {
        seed,
        dialect,
        generation,
        actions_per_day: u32::try_from(length.as_secs() * ACTIONS).unwrap(),
        page_limit: Some(PAGE),
        faults: FAULTS.iter().map(|fault| fault.parse().unwrap()).collect(),
        fault_timeout: Duration::from_secs(5),
        ..OpencastSettings::default()
    };
    Opencast::start(settings).await.unwrap()
}

/// Returns the environment variables of this Opencast.
pub(crate) fn environment(opencast: &Opencast) -> [(&'static str, String); 5] {
    let system = opencast.credentials();
    [
        ("OPENCAST_ENGAGE_URL", opencast.url()),
        ("OPENCAST_ADMIN_URL", opencast.url()),
        ("OPENCAST_USER", system.user),
        ("OPENCAST_PASSWORD", system.password),
        ("OPENCAST_CALLS_PER_SECOND", CALLS_PER_SECOND.to_string()),
    ]
}

/// Returns what should be held of these dates.
pub(crate) fn wanted(opencast: &Opencast, dates: &[Date]) -> Lectures {
    let mut wanted = Lectures::default();
    for date in dates {
        let truth = opencast.truth(*date);
        wanted.actions.extend(truth.ids.unwrap().action_ids.iter().map(ToString::to_string));
        wanted.episodes.extend(truth.episodes);
    }
    wanted
}

/// Returns the actions of the date after the last of these, which the schedule plans as well.
pub(crate) fn beyond(opencast: &Opencast, dates: &[Date]) -> BTreeSet<String> {
    let next = dates[dates.len() - 1].tomorrow().unwrap();
    opencast.truth(next).ids.unwrap().action_ids.iter().map(ToString::to_string).collect()
}

/// Number of calls beyond the rate, from the first call to the last. The rate is the program's own limit and does not
/// hold within each second.
pub(crate) fn hurried(opencast: &Opencast) -> u64 {
    let ledger = opencast.ledger_summary();
    let (first, last) = (ledger.first_us.unwrap_or(0), ledger.last_us.unwrap_or(0));
    let seconds = (last - first).div_ceil(1_000_000) + 1;
    ledger.calls.saturating_sub(u64::from(CALLS_PER_SECOND) * seconds)
}

impl Lectures {
    /// Removes true documents that were not planned: actions of the next date, and episodes that no action names.
    pub(crate) fn asked_for(self, wanted: &Self, beyond: &BTreeSet<String>) -> Self {
        Self {
            actions: self.actions.difference(beyond).cloned().collect(),
            episodes: self.episodes.intersection(&wanted.episodes).cloned().collect(),
        }
    }
}
