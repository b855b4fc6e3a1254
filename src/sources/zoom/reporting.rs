//! Reports of Zoom's work for operators.

use messages::Calls;
use planner::Price;

use super::{ZoomSource, vocabulary::WORDS};
use crate::sources::reporting::{CallUse, Figure, Harvest, HarvestSummary, Reporting};
use crate::sources::tally::Tally;
use crate::sources::vocabulary::Vocabulary;
use crate::{output, units};

impl Reporting for ZoomSource {
    fn vocabulary(&self) -> &'static Vocabulary {
        &WORDS
    }

    fn calls(&self, price: &Price, _jobs: usize) -> comfy_table::Table {
        let lists = price.known + price.estimated + price.guessed;
        let mut calls = output::table(&["calls", "class", "for"]);
        calls.add_row([
            units::count(price.resource_intensive),
            "resource-intensive".to_owned(),
            units::some(lists, "list"),
        ]);
        calls.add_row([units::count(price.heavy), "heavy".to_owned(), units::some(price.details, "detail")]);
        calls
    }

    /// Classes with a daily limit are estimated; the others are not.
    fn call_use(&self, price: &Price, used: &Calls) -> Vec<CallUse> {
        vec![
            CallUse {
                calls: "resource-intensive",
                price: Some(price.resource_intensive),
                used: used.resource_intensive,
            },
            CallUse { calls: "heavy", price: Some(price.heavy), used: used.heavy },
            CallUse { calls: "medium and light", price: None, used: used.medium + used.light },
        ]
    }

    fn summary(&self, Harvest { tally, of_process: calls, .. }: Harvest) -> HarvestSummary {
        let Tally { receipts: meetings, promised, came: sessions } = tally;
        HarvestSummary {
            figures: vec![
                ("meetings", Figure::Count(meetings)),
                ("sessions", Figure::Count(sessions)),
                ("expected_sessions", Figure::Count(promised)),
                ("calls", Figure::Calls(calls)),
            ],
            what: format!(
                "{}, {} of {}",
                units::some(meetings, "meeting"),
                units::count(sessions),
                units::some(promised, "session")
            ),
            cost: format!(
                "; calls: {} heavy, {} resource-intensive, {} medium, {} light",
                units::count(calls.heavy),
                units::count(calls.resource_intensive),
                units::count(calls.medium),
                units::count(calls.light),
            ),
            calls,
        }
    }
}
