//! Receipts: the state of a job, one row per job in the store's index `harvests`.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::zoom::Api;
use crate::{Cause, Family, Job, JobId, Lane, MeetingUuid, Queue, RunId, Source, UnknownName};

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptState {
    /// Published, not finished.
    Planned,
    /// Finished: all promised records arrived.
    Complete,
    /// Finished: fewer records arrived than promised.
    Incomplete,
    /// Failed: the dead letter has the cause.
    Failed,
    /// Removed from its queue because its run was cancelled. No data arrived; a later plan publishes the job again.
    Cancelled,
}

impl ReceiptState {
    /// All states.
    pub const ALL: [Self; 5] =
        [Self::Planned, Self::Complete, Self::Incomplete, Self::Failed, Self::Cancelled];

    /// Returns the name used in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for ReceiptState {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| UnknownName { what: "state of a receipt", name: name.to_owned() })
    }
}

/// API calls used, per rate class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// Light calls.
    pub light: u64,
    /// Medium calls.
    pub medium: u64,
    /// Heavy calls.
    pub heavy: u64,
    /// Resource-intensive calls.
    pub resource_intensive: u64,
}

impl Calls {
    /// True if no call was made.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::AddAssign for Calls {
    fn add_assign(&mut self, other: Self) {
        self.light = self.light.saturating_add(other.light);
        self.medium = self.medium.saturating_add(other.medium);
        self.heavy = self.heavy.saturating_add(other.heavy);
        self.resource_intensive = self.resource_intensive.saturating_add(other.resource_intensive);
    }
}

/// An observation about a finished job, for example a field that is absent from all its documents.
///
/// Contains no name, address, body or secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptFinding {
    /// Fixed code to filter by, for example `host-ids`.
    pub code: String,
    /// The observation, in one line.
    pub text: String,
}

impl ReceiptFinding {
    /// Creates a finding with `text` cut to 1,000 characters.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if let Some((end, _)) = text.char_indices().nth(1_000) {
            text.truncate(end);
        }
        Self { code: code.into(), text }
    }
}

/// The request and the result of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The job. Also the row's id.
    pub job_id: JobId,
    /// The run that the job belongs to.
    pub run: RunId,
    /// The source of the data.
    pub source: Source,
    /// The kind of task, for example `meetings` or `participants`.
    pub kind: String,
    /// The lane in which the job was published.
    pub lane: Lane,
    /// The UTC date the job belongs to: the date listed, or the date whose list named the meeting.
    pub date: Option<Date>,
    /// The meeting, for a detail job.
    pub meeting_uuid: Option<MeetingUuid>,
    /// The job's state.
    pub state: ReceiptState,
    /// Number of records that the API promised.
    pub expected: Option<u64>,
    /// Number of records that arrived.
    pub got: Option<u64>,
    /// Number of jobs that this job published.
    pub jobs: Option<u64>,
    /// The family of Zoom endpoints that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Why the job is incomplete or failed, or why a complete job has no data.
    pub cause: Option<Cause>,
    /// Observations about a finished job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ReceiptFinding>,
    /// Number of attempts, including the current one.
    pub attempts: u32,
    /// API calls of all attempts since the job was planned, including attempts before a replay.
    pub calls: Calls,
    /// When the job was planned.
    pub planned_at: Timestamp,
    /// Start of the last attempt.
    pub started_at: Option<Timestamp>,
    /// When the job finished.
    pub finished_at: Option<Timestamp>,
    /// The queue in which the job was published, so that the planner can publish it again.
    pub queue: Option<Queue>,
    /// The job itself, so that the planner can publish it again.
    pub job: Option<Box<RawValue>>,
}

impl Receipt {
    /// Creates the receipt of a published job. Fields that only some sources know stay empty.
    pub(crate) fn planned<T: Serialize>(
        job: &Job<T>,
        (source, kind): (Source, &str),
        date: Option<Date>,
        family: Family,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            job_id: job.id.clone(),
            run: job.run.clone(),
            source,
            kind: kind.to_owned(),
            lane: job.lane,
            date,
            meeting_uuid: None,
            state: ReceiptState::Planned,
            expected: None,
            got: None,
            jobs: None,
            api: None,
            cause: None,
            findings: Vec::new(),
            attempts: 0,
            calls: Calls::default(),
            planned_at: job.planned_at,
            started_at: None,
            finished_at: None,
            queue: Some(Queue::jobs(family, job.lane)),
            job: Some(to_raw_value(job)?),
        })
    }

    /// Returns the row's external version: the time of this state in milliseconds.
    pub fn version(&self) -> i64 {
        self.finished_at.unwrap_or(self.planned_at).as_millisecond()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_written_where_there_are_any_and_may_be_missing() {
        let date = "2026-01-02".parse().unwrap();
        let task = crate::zoom::Task::Meetings { date };
        let mut receipt = task.into_job("r".into(), Lane::Daily, Timestamp::UNIX_EPOCH).planned().unwrap();
        let written = serde_json::to_string(&receipt).unwrap();
        assert!(!written.contains("findings"), "{written}");
        assert!(serde_json::from_str::<Receipt>(&written).unwrap().findings.is_empty());
        receipt.findings.push(ReceiptFinding::new("host-ids", "ä".repeat(2_000)));
        let read: Receipt = serde_json::from_str(&serde_json::to_string(&receipt).unwrap()).unwrap();
        assert_eq!(read.findings, receipt.findings);
        assert_eq!(read.findings[0].text.chars().count(), 1_000);
    }

    #[test]
    fn every_state_is_written_and_read_by_its_name() {
        for state in ReceiptState::ALL {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{}\"", state.name()));
            assert_eq!(state.name().parse(), Ok(state));
        }
        assert!("gone".parse::<ReceiptState>().is_err());
    }
}
