//! Rows of Zoom's answers, derived from the world. Independent of HTTP, paging and faults.

mod meetings;
mod participants;
mod report;
mod users;

pub(crate) use meetings::{DetailRow, MeetingRow, WebinarRow};
pub(crate) use participants::ParticipantRow;
pub(crate) use report::{HostRow, PastMeetingRow, ReportMeetingRow, ReportParticipantRow, UserMeetingRow};
pub(crate) use users::UserRow;

use jiff::Timestamp;

/// Serialised in RFC 3339 with `Z`.
fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// `MM:SS`, or `HH:MM:SS` from one hour on.
fn clock_text(seconds: u32) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}
