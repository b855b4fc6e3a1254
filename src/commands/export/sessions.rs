//! `ua export sessions`: the participant sessions of Zoom meetings.

use store::{DocumentKind, Query, Store};

use super::documents::{self, Column, Dates};
use super::meetings;
use crate::cli::OfMeetings;
use crate::exit::Outcome;

const COLUMNS: [Column; 21] = [
    ("meeting_uuid", "/meeting_uuid"),
    ("series_id", "/series_id"),
    ("topic", "/topic"),
    ("user_id", "/user_id"),
    ("participant_user_id", "/participant_user_id"),
    ("user_name", "/user_name"),
    ("email", "/email"),
    ("role", "/role"),
    ("join_time", "/join_time"),
    ("leave_time", "/leave_time"),
    ("duration", "/duration"),
    ("leave_reason", "/leave_reason/kind"),
    ("device", "/device/family"),
    ("os", "/os"),
    ("client", "/client"),
    ("network_type", "/network_type"),
    ("city", "/location/city"),
    ("country", "/location/country"),
    ("data_center", "/data_center"),
    ("recording", "/recording"),
    ("source", "/source"),
];

pub(super) async fn write(asked: &OfMeetings, store: &Store) -> anyhow::Result<Outcome> {
    let query = meetings::of_series(Query::all(DocumentKind::Sessions), &asked.meetings);
    let (from, to) = (asked.meetings.from, asked.meetings.to);
    let dates = Dates { from, to, field: "join_time", others: &["/leave_time"] };
    documents::write(store, query, &dates, &COLUMNS, &asked.target).await
}
