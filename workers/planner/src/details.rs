//! Detail jobs as their receipts keep them: read back, so that they can be published again.

use messages::zoom::{Api, Event, Task};
use messages::{Job, decode};

use crate::coverage::{Day, Known};

/// A detail job of a date.
pub(crate) struct Detail<'a> {
    pub(crate) known: &'a Known,
    /// Which of the date's lists named it.
    pub(crate) event: Event,
    /// What it asks for.
    pub(crate) task: Task,
}

/// The details of a date that may have to be published again.
pub(crate) fn of<'a>(day: &Day<'a>) -> impl Iterator<Item = Detail<'a>> {
    day.details.iter().filter_map(|known| {
        let task = task(known)?;
        let event = match task {
            // On the Reports path one list names both.
            Task::Participants { api: Some(Api::Report), .. } => Event::Meeting,
            Task::Participants { event, .. } => event,
            _ => Event::Meeting,
        };
        Some(Detail { known, event, task })
    })
}

/// The task of the job that a receipt keeps.
pub(crate) fn task(known: &Known) -> Option<Task> {
    decode::<Job<Task>>(known.job.as_deref()?.as_bytes()).ok().map(|job| job.task)
}
