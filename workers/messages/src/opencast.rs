//! Tasks of the Opencast source, and the context of its raw documents.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Family, Job, JobId, Lane, Mpid, Receipt, RunId, Source};

/// Time after the end of a date until its user actions are final. Players send actions within minutes, but a footprint
/// grows while its viewer watches, even past midnight. A date read before that time is read completely once more.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// The request of an Opencast job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Fetches the user actions of one date in the server's time zone, and the episodes they name.
    Actions {
        /// The date.
        date: Date,
        /// Fetches only actions after this time; `None` fetches the whole date. Set if an earlier job read the date up
        /// to this time without an error. The whole date is fetched anyway if the server cannot filter by time, or if
        /// the date is settled ([`SETTLED_AFTER`]): the receipt is then final.
        since: Option<Timestamp>,
        /// Fetches all episodes if the server records no user actions, which would name them. Set in one job of the
        /// first plan only.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        or_catalogue: bool,
    },
    /// Fetches the document of one episode.
    Episode {
        /// The episode.
        mpid: Mpid,
    },
    /// Fetches all episodes.
    Catalogue {
        /// The UTC date of the request: at most one job per date.
        date: Date,
    },
}

impl Task {
    /// Creates a task for the user actions of a date, or only for those after `since`.
    pub fn actions(date: Date, since: Option<Timestamp>) -> Self {
        Self::Actions { date, since, or_catalogue: false }
    }

    /// Returns the queue family.
    pub fn family(&self) -> Family {
        Family::OPENCAST
    }

    /// Returns the name of the task's kind, as used in receipts and job ids.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Actions { .. } => "actions",
            Self::Episode { .. } => "episode",
            Self::Catalogue { .. } => "catalogue",
        }
    }

    /// Returns the date the task belongs to.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Actions { date, .. } | Self::Catalogue { date } => Some(*date),
            Self::Episode { .. } => None,
        }
    }

    /// Returns the deterministic id of the job with this task.
    pub fn job_id(&self) -> JobId {
        match self {
            Self::Actions { date, .. } | Self::Catalogue { date } => {
                JobId::new(Source::Opencast, self.kind(), date)
            }
            Self::Episode { mpid } => JobId::new(Source::Opencast, self.kind(), mpid),
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
        Receipt::planned(self, (Source::Opencast, task.kind()), task.date(), task.family())
    }
}

/// Facts about an episode that an action names: the `episode` object of the old index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EpisodeFacts {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Duration in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<i64>,
    /// Start of the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Title of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<String>,
    /// Id of the series. The original's university concatenates year, term and course number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// Kind of lecture, for example `L10`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Context of a page of user actions ([`crate::RawKind::OpencastActions`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionsContext {
    /// The episodes that the page's actions name, without those that Opencast does not know.
    pub episodes: BTreeMap<Mpid, EpisodeFacts>,
}

/// Context of an episode ([`crate::RawKind::OpencastEpisode`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpisodeContext {
    /// Start of the live stream: the start of the operation `capture` in the newest workflow.
    pub live_start: Option<Timestamp>,
    /// End of the live stream.
    pub live_end: Option<Timestamp>,
    /// When the recording became available: the completion of the operation `retract-element`.
    pub available: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, encode};

    #[test]
    fn a_job_is_written_and_read_and_its_id_says_what_it_is() {
        let date: Date = "2026-01-02".parse().unwrap();
        let tasks = [
            (Task::actions(date, None), "opencast:actions:2026-01-02"),
            (Task::actions(date, Some(Timestamp::UNIX_EPOCH)), "opencast:actions:2026-01-02"),
            (Task::Actions { date, since: None, or_catalogue: true }, "opencast:actions:2026-01-02"),
            (Task::Catalogue { date }, "opencast:catalogue:2026-01-02"),
            (Task::Episode { mpid: "a-1".parse().unwrap() }, "opencast:episode:a-1"),
        ];
        for (task, id) in tasks {
            let job = task.into_job("r".into(), Lane::Daily, Timestamp::UNIX_EPOCH);
            assert_eq!(job.id.as_str(), id);
            let bytes = encode(&job).unwrap();
            assert_eq!(decode::<Job<Task>>(&bytes).unwrap(), job);
            assert_eq!(job.planned().unwrap().source, Source::Opencast);
        }
    }
}
