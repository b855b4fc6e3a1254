//! Reports of Opencast's work for operators.

use messages::{Calls, Source};
use planner::Price;

use super::{OpencastSource, vocabulary::WORDS};
use crate::sources::reporting::{CallUse, Figure, Harvest, HarvestSummary, Reporting};
use crate::sources::vocabulary::Vocabulary;
use crate::{output, units};

impl Reporting for OpencastSource {
    fn vocabulary(&self) -> &'static Vocabulary {
        &WORDS
    }

    fn calls(&self, price: &Price, jobs: usize) -> comfy_table::Table {
        let mut calls = output::table(&["calls", "to", "for"]);
        calls.add_row([units::count(price.other), "opencast".to_owned(), units::some(jobs as u64, "job")]);
        calls
    }

    fn call_use(&self, price: &Price, used: &Calls) -> Vec<CallUse> {
        vec![CallUse { calls: "opencast", price: Some(price.other), used: used.light }]
    }

    fn summary(&self, Harvest { tally, of_jobs, .. }: Harvest) -> HarvestSummary {
        let (actions, calls) = (tally.came, of_jobs.light);
        HarvestSummary {
            figures: vec![
                ("source", Figure::Source(Source::Opencast)),
                ("actions", Figure::Count(actions)),
                ("calls", Figure::Count(calls)),
            ],
            what: units::some(actions, "user action"),
            cost: format!(" with {} to Opencast", units::some(calls, "call")),
            calls: Calls { light: calls, ..Calls::default() },
        }
    }
}
