//! What people are told of Zoom's work.

use messages::Calls;
use planner::Price;

use super::{Wired, words::WORDS};
use crate::sources::tally::Tally;
use crate::sources::telling::{Came, Figure, Harvest, Spent, Telling};
use crate::sources::words::Words;
use crate::{output, words};

impl Telling for Wired {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn calls(&self, price: &Price, _jobs: usize) -> comfy_table::Table {
        let lists = price.known + price.estimated + price.guessed;
        let mut calls = output::table(&["calls", "class", "for"]);
        calls.add_row([
            words::count(price.resource_intensive),
            "resource-intensive".to_owned(),
            words::some(lists, "list"),
        ]);
        calls.add_row([words::count(price.heavy), "heavy".to_owned(), words::some(price.details, "detail")]);
        calls
    }

    /// What has a price is what has a daily limit.
    fn spent(&self, price: &Price, used: &Calls) -> Vec<Spent> {
        vec![
            Spent {
                calls: "resource-intensive",
                price: Some(price.resource_intensive),
                used: used.resource_intensive,
            },
            Spent { calls: "heavy", price: Some(price.heavy), used: used.heavy },
            Spent { calls: "medium and light", price: None, used: used.medium + used.light },
        ]
    }

    fn came(&self, Harvest { tally, of_process: calls, .. }: Harvest) -> Came {
        let Tally { receipts: meetings, promised, came: sessions } = tally;
        Came {
            figures: vec![
                ("meetings", Figure::Count(meetings)),
                ("sessions", Figure::Count(sessions)),
                ("expected_sessions", Figure::Count(promised)),
                ("calls", Figure::Calls(calls)),
            ],
            what: format!(
                "{}, {} of {}",
                words::some(meetings, "meeting"),
                words::count(sessions),
                words::some(promised, "session")
            ),
            cost: format!(
                "; calls: {} heavy, {} resource-intensive, {} medium, {} light",
                words::count(calls.heavy),
                words::count(calls.resource_intensive),
                words::count(calls.medium),
                words::count(calls.light),
            ),
            calls,
        }
    }
}
