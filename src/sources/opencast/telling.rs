//! What people are told of Opencast's work.

use messages::{Calls, Source};
use planner::Price;

use super::{Wired, words::WORDS};
use crate::sources::telling::{Came, Figure, Harvest, Spent, Telling};
use crate::sources::words::Words;
use crate::{output, words};

impl Telling for Wired {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn calls(&self, price: &Price, jobs: usize) -> comfy_table::Table {
        let mut calls = output::table(&["calls", "to", "for"]);
        calls.add_row([words::count(price.other), "opencast".to_owned(), words::some(jobs as u64, "job")]);
        calls
    }

    fn spent(&self, price: &Price, used: &Calls) -> Vec<Spent> {
        vec![Spent { calls: "opencast", price: Some(price.other), used: used.light }]
    }

    fn came(&self, Harvest { tally, of_jobs, .. }: Harvest) -> Came {
        let (actions, calls) = (tally.came, of_jobs.light);
        Came {
            figures: vec![
                ("source", Figure::Source(Source::Opencast)),
                ("actions", Figure::Count(actions)),
                ("calls", Figure::Count(calls)),
            ],
            what: words::some(actions, "user action"),
            cost: format!(" with {} to Opencast", words::some(calls, "call")),
            calls: Calls { light: calls, ..Calls::default() },
        }
    }
}
