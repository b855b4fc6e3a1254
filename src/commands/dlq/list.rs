//! `ua dlq list`: a table of the classes with counts and remedies; below it the newest letters.

use crate::cli::DlqList;
use crate::config::Config;
use crate::exit::Outcome;
use crate::output;
use crate::view::dead::{self, Listing};

pub(super) async fn execute(words: &DlqList, config: &Config) -> anyhow::Result<Outcome> {
    let listing = dead::list(words, config).await?;
    if words.json {
        output::say_json(&listing)?;
    } else {
        print(&listing);
    }
    listing.remarks().iter().for_each(|remark| output::remark(remark));
    Ok(Outcome::Complete)
}

fn print(listing: &Listing) {
    let Some(classes) = listing.classes() else {
        output::say("no dead letters");
        return;
    };
    output::say_table(&classes);
    if let Some((heading, letters)) = listing.newest() {
        output::say(&format!("{heading}:"));
        output::say_table(&letters);
    }
}
