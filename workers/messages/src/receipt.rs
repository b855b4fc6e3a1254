//! A receipt: what a job says of itself. One row per job in the store's index `harvests`.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::zoom::Api;
use crate::{Cause, Family, Job, JobId, Lane, MeetingUuid, Queue, RunId, Source, UnknownName};

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptState {
    /// Published, not finished.
    Planned,
    /// Finished; everything promised came.
    Complete,
    /// Finished; less came than was promised.
    Incomplete,
    /// Given up: its dead letter says why.
    Failed,
    /// Taken out of its queue because its run was cancelled. Nothing came; a later plan publishes it again.
    Cancelled,
}

impl ReceiptState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Planned, Self::Complete, Self::Incomplete, Self::Failed, Self::Cancelled];

    /// The name, as it stands in the rows.
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
    /// True when no call was made.
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

/// Something worth knowing about a job that is done, for example a field that no document of it has.
///
/// Neither part ever holds a name, an address, a body or a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptFinding {
    /// What kind of finding it is: a fixed word to filter by, for example `host-ids`.
    pub code: String,
    /// What was found, in one line.
    pub text: String,
}

impl ReceiptFinding {
    /// A finding explained by `text`, cut at 1,000 characters.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if let Some((end, _)) = text.char_indices().nth(1_000) {
            text.truncate(end);
        }
        Self { code: code.into(), text }
    }
}

/// What a job asked for, how many records were promised, how many came.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The job; also the row's id.
    pub job_id: JobId,
    /// The run the job belongs to.
    pub run: RunId,
    /// Where the data comes from.
    pub source: Source,
    /// The kind of task, for example `meetings` or `participants`.
    pub kind: String,
    /// The lane the job was published in.
    pub lane: Lane,
    /// The UTC date the job belongs to: the one listed, or the one whose list named the meeting.
    pub date: Option<Date>,
    /// The meeting, for a detail job.
    pub meeting_uuid: Option<MeetingUuid>,
    /// How far it has come.
    pub state: ReceiptState,
    /// Records promised by the API.
    pub expected: Option<u64>,
    /// Records that came.
    pub got: Option<u64>,
    /// Further jobs this job published.
    pub jobs: Option<u64>,
    /// Which of Zoom's two families of endpoints answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Why it is incomplete or failed, or why nothing belongs to what is complete.
    pub cause: Option<Cause>,
    /// What is worth knowing of a job that is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ReceiptFinding>,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// API calls of all attempts since the job was planned, by which it was replayed, too.
    pub calls: Calls,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it finished.
    pub finished_at: Option<Timestamp>,
    /// Where the job was published, so that the planner can publish it again.
    pub queue: Option<Queue>,
    /// The job itself, so that the planner can publish it again.
    pub job: Option<Box<RawValue>>,
}

impl Receipt {
    /// The receipt of a job that is published and not begun. What only some sources know is left open.
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

    /// The external version of the row: milliseconds at which this state was reached.
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
