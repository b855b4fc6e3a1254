//! What people are told of Opencast's work.

use planner::Price;

use super::{Wired, words::WORDS};
use crate::sources::telling::Telling;
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
}
