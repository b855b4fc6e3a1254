//! Opencast's tasks, and what its raw documents carry beside the answer.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Family, Job, JobId, Lane, Mpid, Receipt, RunId, Source};

/// How long after the end of a date what was done on it changes no more. Players send their actions within minutes, but a
/// footprint grows as long as its viewer watches on, and one that was open at midnight does so into the next date. What
/// was read before is read whole once more.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// What an Opencast job asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// The user actions of one date of the server's time zone, and the episodes they name.
    Actions {
        /// The date.
        date: Date,
        /// Only what came after this time; `None`: the whole date. Set when an earlier job has read the date up to
        /// there without a fault. A server that cannot be asked for a part is asked for the whole date, and so is any
        /// when the date is settled ([`SETTLED_AFTER`]): the receipt is its last then.
        since: Option<Timestamp>,
        /// Whether all episodes are asked for when it turns out that the server keeps no user actions, by which they
        /// would be known. Set in one job of the first plan: later ones know.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        or_catalogue: bool,
    },
    /// One episode: its own document.
    Episode {
        /// The episode.
        mpid: Mpid,
    },
    /// Every episode there is.
    Catalogue {
        /// The UTC date on which it was asked for: a job per date.
        date: Date,
    },
}

impl Task {
    /// The user actions of a date, or what of them came after `since`.
    pub fn actions(date: Date, since: Option<Timestamp>) -> Self {
        Self::Actions { date, since, or_catalogue: false }
    }

    /// The queue family.
    pub fn family(&self) -> Family {
        Family::OPENCAST
    }

    /// The name of the kind of task, as in receipts and job ids.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Actions { .. } => "actions",
            Self::Episode { .. } => "episode",
            Self::Catalogue { .. } => "catalogue",
        }
    }

    /// The date the task belongs to.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Actions { date, .. } | Self::Catalogue { date } => Some(*date),
            Self::Episode { .. } => None,
        }
    }

    /// The deterministic id of the job with this task.
    pub fn job_id(&self) -> JobId {
        match self {
            Self::Actions { date, .. } | Self::Catalogue { date } => {
                JobId::new(Source::Opencast, self.kind(), date)
            }
            Self::Episode { mpid } => JobId::new(Source::Opencast, self.kind(), mpid),
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
        Receipt::planned(self, (Source::Opencast, task.kind()), task.date(), task.family())
    }
}

/// What is known of an episode where an action names it: the `episode` of the old index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EpisodeFacts {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<i64>,
    /// When the recording began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// The series' title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<String>,
    /// The series' id; at the original's university year, term and course number in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The kind of lecture, for example `L10`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The context of a page of user actions ([`crate::RawKind::OpencastActions`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionsContext {
    /// The episodes that the page's actions name; one that Opencast does not know is absent.
    pub episodes: BTreeMap<Mpid, EpisodeFacts>,
}

/// The context of an episode ([`crate::RawKind::OpencastEpisode`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpisodeContext {
    /// When the live stream began: the start of the newest workflow's operation `capture`.
    pub live_start: Option<Timestamp>,
    /// When it ended.
    pub live_end: Option<Timestamp>,
    /// Since when the recording is to be had: the completion of the operation `retract-element`.
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
