//! One attempt at one job of Zoom's: the account it is done with, and what every source's attempts have.

use std::ops::{Deref, DerefMut};

use messages::zoom::Task;
use messages::{Job, Receipt};
use runtime::errand;
use runtime::{Attempt, Failure, Outbox, clock};

use crate::Zoom;
use crate::atlas::Refusal;
use crate::client::{Answer, Request};
use crate::pages::{self, Tally};

pub(crate) use runtime::errand::Raw;

/// One attempt at one job.
pub(crate) struct Errand<'a> {
    pub(crate) zoom: &'a Zoom,
    pub(crate) job: &'a Job<Task>,
    errand: errand::Errand<'a>,
}

impl<'a> Deref for Errand<'a> {
    type Target = errand::Errand<'a>;

    fn deref(&self) -> &Self::Target {
        &self.errand
    }
}

impl DerefMut for Errand<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.errand
    }
}

impl<'a> Errand<'a> {
    pub(crate) fn new(
        zoom: &'a Zoom,
        job: &'a Job<Task>,
        attempt: &'a mut Attempt,
        outbox: &'a mut Outbox,
    ) -> Result<Self, Failure> {
        Ok(Self { zoom, job, errand: errand::Errand::new(planned(job)?, attempt, outbox) })
    }

    /// Asks for one answer.
    pub(crate) async fn get(&mut self, request: &Request) -> Result<Answer, Refusal> {
        self.zoom.client.get(request, self.errand.calls()).await
    }

    /// Reads a list to its end.
    pub(crate) async fn read_all(&mut self, request: Request) -> Result<Vec<Answer>, Refusal> {
        pages::read_all(&self.zoom.client, request, self.errand.calls()).await
    }

    /// Plans jobs in this job's lane and for its account.
    pub(crate) async fn plan(&mut self, part: &str, tasks: Vec<Task>) -> Result<(), Refusal> {
        let now = clock::now();
        let job = |task: Task| {
            task.into_job(self.job.run.clone(), self.job.lane, now).of_account(self.job.id.account())
        };
        let receipts = tasks.into_iter().map(|task| planned(&job(task))).collect::<Result<Vec<_>, _>>()?;
        Ok(self.errand.plan(part, receipts).await?)
    }

    /// Sends this job's receipt, complete when as much came as was promised, and then the jobs that were planned.
    pub(crate) async fn finish(&mut self, tally: Tally, jobs: Option<u64>) -> Result<(), Refusal> {
        Ok(self.errand.finish(tally.promised, tally.got, jobs).await?)
    }
}

fn planned(job: &Job<Task>) -> Result<Receipt, Failure> {
    job.planned().map_err(|_| errand::unwritable(&job.id))
}
