//! Decodes detail jobs from their receipts, to publish them again.

use messages::zoom::{Api, Event, Task};
use messages::{Job, decode};

use crate::coverage::{Day, Known};

/// A detail job of a date.
pub(crate) struct Detail<'a> {
    pub(crate) known: &'a Known,
    /// Kind of the list that named the detail.
    pub(crate) event: Event,
    /// The request of the job.
    pub(crate) task: Task,
}

/// Returns the details of a date whose receipts keep their jobs.
pub(crate) fn of<'a>(day: &Day<'a>) -> impl Iterator<Item = Detail<'a>> {
    day.details.iter().filter_map(|known| {
        let task = task(known)?;
        let event = match task {
            // On the Reports path one list names meetings and webinars.
            Task::Participants { api: Some(Api::Report), .. } => Event::Meeting,
            Task::Participants { event, .. } => event,
            _ => Event::Meeting,
        };
        Some(Detail { known, event, task })
    })
}

/// Returns the task of the job in a receipt.
pub(crate) fn task(known: &Known) -> Option<Task> {
    decode::<Job<Task>>(known.job.as_deref()?.as_bytes()).ok().map(|job| job.task)
}
