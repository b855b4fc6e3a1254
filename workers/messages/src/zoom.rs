//! Zoom's tasks, and what its raw documents carry beside the answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Family, Job, JobId, Lane, MeetingUuid, Receipt, RunId, SeriesId, Source};

/// Which list named a meeting; it is the `type` of every later call for that meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Listing {
    /// Meetings of two and more.
    #[serde(rename = "past")]
    Past,
    /// Meetings of one person.
    #[serde(rename = "pastOne")]
    PastOne,
}

impl Listing {
    /// The value of the query parameter `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Past => "past",
            Self::PastOne => "pastOne",
        }
    }
}

/// A meeting or a webinar: their endpoints are twins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A meeting.
    Meeting,
    /// A webinar.
    Webinar,
}

/// Which of Zoom's two families of endpoints answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// `/metrics/...`: all fields; Business plan and above.
    Dashboard,
    /// `/report/...`: fewer fields; any paid plan.
    Report,
}

/// What is known of a meeting when its participants are fetched: from the list, or from its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeetingContext {
    /// The instance.
    pub meeting_uuid: MeetingUuid,
    /// The meeting number.
    pub series_id: Option<SeriesId>,
    /// The topic.
    pub topic: Option<String>,
    /// When it began; chooses the index of its sessions.
    pub start_time: Option<Timestamp>,
    /// When it ended; decides how long a missing answer is waited for.
    pub end_time: Option<Timestamp>,
    /// The host's user id.
    pub host_id: Option<String>,
}

/// The context of a page of meetings: hosts' ids by their e-mail in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostIds {
    /// `host_id` by e-mail; only hosts that occur in the page.
    pub host_ids: BTreeMap<String, String>,
    /// The host of all rows, where the call was for one host.
    pub host_id: Option<String>,
    /// The list the page is of.
    pub listing: Option<Listing>,
}

/// What a Zoom job asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// The meetings of one UTC date.
    Meetings {
        /// The date.
        date: Date,
    },
    /// The webinars of one UTC date.
    Webinars {
        /// The date.
        date: Date,
    },
    /// The meetings and webinars of one host and one UTC date: a step of the Reports path.
    HostMeetings {
        /// The date.
        date: Date,
        /// The host.
        host_id: String,
    },
    /// The participant sessions of one meeting.
    Participants {
        /// What the list said of the meeting. Without it (`--meeting-uuid`) the header is fetched first.
        meeting: MeetingContext,
        /// Meeting or webinar.
        event: Event,
        /// The list that named it; `None` when nobody knows, then both are tried.
        listing: Option<Listing>,
        /// The endpoints to use; `None` follows the configuration.
        api: Option<Api>,
        /// The date whose list named it.
        date: Option<Date>,
        /// True when the meeting's own document has to be fetched, too.
        header: bool,
    },
}

impl Task {
    /// The queue family: lists are Resource-intensive, all else is Heavy.
    pub fn family(&self) -> Family {
        match self {
            Self::Meetings { .. } | Self::Webinars { .. } => Family::ZOOM_LIST,
            Self::HostMeetings { .. } | Self::Participants { .. } => Family::ZOOM_DETAIL,
        }
    }

    /// The name of the kind of task, as in receipts and job ids.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Meetings { .. } => "meetings",
            Self::Webinars { .. } => "webinars",
            Self::HostMeetings { .. } => "host_meetings",
            Self::Participants { .. } => "participants",
        }
    }

    /// The date the task belongs to.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Meetings { date } | Self::Webinars { date } | Self::HostMeetings { date, .. } => {
                Some(*date)
            }
            Self::Participants { date, .. } => *date,
        }
    }

    /// The meeting the task is about.
    pub fn meeting_uuid(&self) -> Option<&MeetingUuid> {
        match self {
            Self::Participants { meeting, .. } => Some(&meeting.meeting_uuid),
            _ => None,
        }
    }

    /// The deterministic id of the job with this task.
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

    /// The job with this task.
    pub fn into_job(self, run: RunId, lane: Lane, planned_at: Timestamp) -> Job<Self> {
        Job::new(self.job_id(), run, lane, planned_at, self)
    }
}

impl Job<Task> {
    /// The receipt of this job as long as it is published and not begun, filed beside it: without one nobody would
    /// notice that the job was lost.
    ///
    /// # Errors
    /// When the job cannot be written as JSON, which no task is able to bring about.
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
