//! The status: queues, workers and their holds, quotas, recent harvests, dead letters. A server that does not answer
//! hides only its own data.

mod days;
mod gather;
mod quota;
mod shown;
mod workers;

use runtime::quota::QuotaStatus;
use serde::Serialize;

use crate::advice::Advice;

use days::Day;
use gather::QueueLine;

pub(crate) use gather::report;
pub(crate) use shown::{Part, Shown};

/// The report. A field is `None` when its data is unavailable; `away` has the reason.
#[derive(Debug, Serialize)]
pub(crate) struct StatusReport {
    quota: Option<Vec<QuotaStatus>>,
    queues: Option<Vec<QueueLine>>,
    parked: Option<u64>,
    workers: Option<Vec<runtime::WorkerInfo>>,
    dead: DeadCounts,
    days: Option<Vec<Day>>,
    /// Jobs that are planned and in no queue.
    lost: Vec<(messages::Source, u64)>,
    advice: Option<Advice>,
    pub(crate) away: Vec<Away>,
}

impl StatusReport {
    /// True when neither broker nor store answered.
    pub(crate) fn knows_nothing(&self) -> bool {
        self.queues.is_none() && self.days.is_none()
    }
}

#[derive(Debug, Serialize)]
struct DeadCounts {
    on_the_desk: Option<u64>,
    on_the_way: Option<u64>,
}

/// A part whose data is unavailable.
#[derive(Debug, Serialize)]
pub(crate) struct Away {
    pub(crate) what: &'static str,
    pub(crate) why: String,
    #[serde(skip)]
    pub(crate) error: anyhow::Error,
}

impl Away {
    /// Returns the missing part and the reason as a sentence.
    pub(crate) fn sentence(&self) -> String {
        format!("what the {} knows is not known: {}", self.what, self.why)
    }

    /// Returns the operator's next step.
    pub(crate) fn next_step(&self) -> &'static str {
        match self.what {
            "broker" => {
                "nothing is lost: workers hold until it answers; see that it runs, then `ua check` says what it refuses"
            }
            "store" => {
                "nothing is lost: documents and dead letters wait in the queues until it answers; see that it runs, then `ua check` says what it refuses"
            }
            _ => "look again in a moment; if it stays so, `ua check` says what is wrong",
        }
    }
}
