//! What people are told of Zoom's work.

use planner::Price;

use super::{Wired, words::WORDS};
use crate::sources::telling::Telling;
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
}
