//! `ua export meetings`: Zoom meetings and webinars.

use store::{DocumentKind, Query, Store};

use super::documents::{self, Column, Dates};
use crate::cli::{Meetings, OfMeetings};
use crate::exit::Outcome;

const COLUMNS: [Column; 19] = [
    ("meeting_uuid", "/meeting_uuid"),
    ("series_id", "/series_id"),
    ("event", "/event"),
    ("topic", "/topic"),
    ("type", "/type"),
    ("host_id", "/host/id"),
    ("host_name", "/host/name"),
    ("host_email", "/host/email"),
    ("host_department", "/host/department"),
    ("start_time", "/start_time"),
    ("end_time", "/end_time"),
    ("duration", "/duration"),
    ("participant_sessions", "/participant_sessions"),
    ("has_video", "/has_video"),
    ("has_screen_share", "/has_screen_share"),
    ("has_recording", "/has_recording"),
    ("has_chat", "/has_chat"),
    ("has_poll", "/has_poll"),
    ("source", "/source"),
];

pub(super) async fn write(asked: &OfMeetings, store: &Store) -> anyhow::Result<Outcome> {
    let query = of_series(Query::all(DocumentKind::Meetings), &asked.meetings);
    let (from, to) = (asked.meetings.from, asked.meetings.to);
    let dates = Dates { from, to, field: "start_time", others: &["/end_time"] };
    documents::write(store, query, &dates, &COLUMNS, &asked.target).await
}

/// Restricts the query to the requested meeting number.
pub(super) fn of_series(query: Query, asked: &Meetings) -> Query {
    match asked.series {
        Some(series) => query.with("series_id", series),
        None => query,
    }
}
