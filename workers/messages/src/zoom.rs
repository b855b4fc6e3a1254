//! Tasks of the Zoom source, and the context of its raw documents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Family, Job, JobId, Lane, MeetingUuid, Receipt, RunId, SeriesId, Source};

/// The list that named a meeting. It is the `type` parameter of every later call for that meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Listing {
    /// Meetings with at least two participants.
    #[serde(rename = "past")]
    Past,
    /// Meetings with one participant.
    #[serde(rename = "pastOne")]
    PastOne,
}

impl Listing {
    /// Returns the value of the query parameter `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Past => "past",
            Self::PastOne => "pastOne",
        }
    }
}

/// Meeting or webinar: their endpoints have the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A meeting.
    Meeting,
    /// A webinar.
    Webinar,
}

/// Zoom's two families of endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// `/metrics/...`: all fields; Business plan and above.
    Dashboard,
    /// `/report/...`: fewer fields; any paid plan.
    Report,
}

/// Facts about a meeting from its list or header, for the job that fetches its participants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeetingContext {
    /// The meeting instance.
    pub meeting_uuid: MeetingUuid,
    /// The meeting number.
    pub series_id: Option<SeriesId>,
    /// The topic.
    pub topic: Option<String>,
    /// Start of the meeting. It selects the index of the meeting's sessions.
    pub start_time: Option<Timestamp>,
    /// End of the meeting. It limits how long a missing answer is retried.
    pub end_time: Option<Timestamp>,
    /// The host's user id.
    pub host_id: Option<String>,
}

/// Context of a page of meetings: host ids by e-mail in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostIds {
    /// `host_id` by e-mail, only for hosts on the page.
    pub host_ids: BTreeMap<String, String>,
    /// The host of all rows, if the call was for one host.
    pub host_id: Option<String>,
    /// The list the page belongs to.
    pub listing: Option<Listing>,
}

/// The request of a Zoom job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Lists the meetings of one UTC date.
    Meetings {
        /// The date.
        date: Date,
    },
    /// Lists the webinars of one UTC date.
    Webinars {
        /// The date.
        date: Date,
    },
    /// Lists the meetings and webinars of one host on one UTC date, on the Reports path.
    HostMeetings {
        /// The date.
        date: Date,
        /// The host.
        host_id: String,
    },
    /// Fetches the participant sessions of one meeting.
    Participants {
        /// Facts from the list. For `--meeting-uuid` they are unknown, and the job fetches the header first.
        meeting: MeetingContext,
        /// Meeting or webinar.
        event: Event,
        /// The list that named the meeting. `None` if unknown: the job tries both.
        listing: Option<Listing>,
        /// The endpoints to use. `None` follows the configuration.
        api: Option<Api>,
        /// The date whose list named the meeting.
        date: Option<Date>,
        /// True if the job must also fetch the meeting's own document.
        header: bool,
    },
}

impl Task {
    /// Returns the queue family: lists are Resource-intensive, all other tasks are Heavy.
    pub fn family(&self) -> Family {
        match self {
            Self::Meetings { .. } | Self::Webinars { .. } => Family::ZOOM_LIST,
            Self::HostMeetings { .. } | Self::Participants { .. } => Family::ZOOM_DETAIL,
        }
    }

    /// Returns the name of the task's kind, as used in receipts and job ids.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Meetings { .. } => "meetings",
            Self::Webinars { .. } => "webinars",
            Self::HostMeetings { .. } => "host_meetings",
            Self::Participants { .. } => "participants",
        }
    }

    /// Returns the date the task belongs to.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Meetings { date } | Self::Webinars { date } | Self::HostMeetings { date, .. } => {
                Some(*date)
            }
            Self::Participants { date, .. } => *date,
        }
    }

    /// Returns the meeting the task is about.
    pub fn meeting_uuid(&self) -> Option<&MeetingUuid> {
        match self {
            Self::Participants { meeting, .. } => Some(&meeting.meeting_uuid),
            _ => None,
        }
    }

    /// Returns the deterministic id of the job with this task.
    pub fn job_id(&self) -> JobId {
        match self {
            Self::Meetings { date } | Self::Webinars { date } => JobId::new(Source::Zoom, self.kind(), date),
            Self::HostMeetings { date, host_id } => {
                JobId::new(Source::Zoom, self.kind(), format_args!("{date}:{host_id}"))
            }
            Self::Participants { meeting, .. } => {
                JobId::new(Source::Zoom, self.kind(), &meeting.meeting_uuid)
            }
        }
    }

    /// Creates the job with this task.
    pub fn into_job(self, run: RunId, lane: Lane, planned_at: Timestamp) -> Job<Self> {
        Job::new(self.job_id(), run, lane, planned_at, self)
    }
}

impl Job<Task> {
    /// Returns the receipt of this job in state `planned`. It is stored with the job, so that a lost job is noticed.
    ///
    /// # Errors
    /// Returns an error if the job cannot be serialised, which does not happen for these tasks.
    pub fn planned(&self) -> serde_json::Result<Receipt> {
        let task = &self.task;
        let receipt = Receipt::planned(self, (Source::Zoom, task.kind()), task.date(), task.family())?;
        Ok(Receipt { meeting_uuid: task.meeting_uuid().cloned(), ..receipt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, encode};

    #[test]
    fn a_job_is_written_and_read_and_its_id_says_what_it_is() {
        let date: Date = "2026-01-02".parse().unwrap();
        let job = Task::Meetings { date }.into_job("r".into(), Lane::Daily, Timestamp::UNIX_EPOCH);
        assert_eq!(job.id.as_str(), "zoom:meetings:2026-01-02");
        let bytes = encode(&job).unwrap();
        assert_eq!(decode::<Job<Task>>(&bytes).unwrap(), job);
    }

    #[test]
    fn a_job_with_a_field_nobody_knows_is_refused() {
        let text = r#"{"version":1,"id":"a","run":"r","lane":"daily","planned_at":"2026-01-02T00:00:00Z","task":{"kind":"meetings","date":"2026-01-02"},"x":1}"#;
        assert!(decode::<Job<Task>>(text.as_bytes()).is_err());
    }
}
