//! One attempt at a Zoom job: the shared attempt context, plus the account.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use messages::zoom::{Api, Task};
use messages::{Job, Receipt};
use runtime::job_context;
use runtime::{Attempt, Failure, Outbox, clock};

use crate::Zoom;
use crate::atlas::{Reason, ZoomError};
use crate::client::{Request, ZoomResponse};
use crate::hosts::ByEmail;
use crate::pages::{self, Room, Tally};

pub(crate) use runtime::job_context::Raw;

/// One attempt at a Zoom job.
pub(crate) struct ZoomContext<'a> {
    pub(crate) zoom: &'a Zoom,
    pub(crate) job: &'a Job<Task>,
    context: job_context::JobContext<'a>,
    /// Memory left for the job's lists.
    room: Room,
}

impl<'a> Deref for ZoomContext<'a> {
    type Target = job_context::JobContext<'a>;

    fn deref(&self) -> &Self::Target {
        &self.context
    }
}

impl DerefMut for ZoomContext<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.context
    }
}

impl<'a> ZoomContext<'a> {
    pub(crate) fn new(
        zoom: &'a Zoom,
        job: &'a Job<Task>,
        attempt: &'a mut Attempt,
        outbox: &'a mut Outbox,
    ) -> Result<Self, Failure> {
        Ok(Self {
            zoom,
            job,
            context: job_context::JobContext::new(planned(job)?, attempt, outbox),
            room: Room::of(&job.task),
        })
    }

    /// Starts or restarts the attempt with one family of endpoints.
    pub(crate) fn begin(&mut self, api: Api) {
        self.context.answered_by(api);
        self.room = Room::of(&self.job.task);
    }

    /// Makes one call.
    pub(crate) async fn get(&mut self, request: &Request) -> Result<ZoomResponse, ZoomError> {
        self.zoom.client.get(request, self.context.calls()).await
    }

    /// Returns the known host ids by e-mail. A failure to list users is a finding and does not fail the job.
    pub(crate) async fn host_ids(&mut self) -> Arc<ByEmail> {
        let known = self.zoom.hosts.get(&self.zoom.client, self.context.calls()).await;
        if let Some(why) = known.why {
            self.context
                .find("host-ids", format!("host.id stays empty for hosts that are not known yet: {why}"));
        }
        known.ids
    }

    /// Reads a list to its end, without `include_fields` if the API refuses them.
    pub(crate) async fn read_all(&mut self, request: Request) -> Result<Vec<ZoomResponse>, ZoomError> {
        let plain = request.plain();
        let read = pages::read_all(&self.zoom.client, request, &mut self.room, self.context.calls()).await;
        match (read, plain) {
            (Err(error), Some(plain)) if error.reason == Reason::Parameter => {
                self.without_fields(&plain);
                pages::read_all(&self.zoom.client, plain, &mut self.room, self.context.calls()).await
            }
            (read, _) => read,
        }
    }

    /// Adds the finding that the API refuses `include_fields`.
    pub(crate) fn without_fields(&mut self, request: &Request) {
        let name = request.call.endpoint.name();
        let text = format!("{name} refuses include_fields: registrant_id and tracking_fields stay empty");
        self.context.find("include-fields", text);
    }

    /// Plans jobs in this job's lane and account.
    pub(crate) async fn plan(&mut self, part: &str, tasks: Vec<Task>) -> Result<(), ZoomError> {
        let now = clock::now();
        let job = |task: Task| {
            task.into_job(self.job.run.clone(), self.job.lane, now).of_account(self.job.id.account())
        };
        let receipts = tasks.into_iter().map(|task| planned(&job(task))).collect::<Result<Vec<_>, _>>()?;
        Ok(self.context.plan(part, receipts).await?)
    }

    /// Sends this job's receipt, which is complete if all promised records arrived, then the planned jobs.
    pub(crate) async fn finish(&mut self, tally: Tally, jobs: Option<u64>) -> Result<(), ZoomError> {
        Ok(self.context.finish(tally.promised, tally.got, jobs).await?)
    }
}

fn planned(job: &Job<Task>) -> Result<Receipt, Failure> {
    job.planned().map_err(|_| job_context::unwritable(&job.id))
}
