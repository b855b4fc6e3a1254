//! `ua export episodes`: Opencast's episodes.

use store::Store;

use super::documents::{self, Column, Dates};
use super::lectures;
use crate::cli::OfLectures;
use crate::exit::Outcome;

const COLUMNS: [Column; 15] = [
    ("mpid", "/mpid"),
    ("title", "/title"),
    ("course", "/course"),
    ("series", "/series"),
    ("year", "/year"),
    ("term", "/term"),
    ("crn", "/crn"),
    ("type", "/type"),
    ("start", "/start"),
    ("duration", "/duration"),
    ("live_stream", "/live_stream"),
    ("live_start", "/live_start"),
    ("live_end", "/live_end"),
    ("live_duration", "/live_duration"),
    ("available", "/available"),
];

pub(super) async fn write(asked: &OfLectures, store: &Store) -> anyhow::Result<Outcome> {
    let query = lectures::of_any_date(&asked.lectures).without("description").without("slides");
    let (from, to) = (asked.lectures.from, asked.lectures.to);
    let dates = Dates { from, to, field: "start", others: &["/live_start"] };
    documents::write(store, query, &dates, &COLUMNS, &asked.target).await
}
