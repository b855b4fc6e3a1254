//! The worker, and the steps of a job.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use messages::opencast::Task;
use messages::{Cause, Job, Mpid, Receipt};
use runtime::{Attempt, Failure, Outbox, Worker, clock, job_context};

use crate::atlas::OpencastError;
use crate::client::OpencastResponse;
use crate::endpoint::Request;
use crate::episode_cache::LookedUp;
use crate::{Opencast, actions, episodes};

/// Worker for user actions and episodes.
#[derive(Debug)]
pub struct OpencastWorker(pub Arc<Opencast>);

/// One attempt at a job.
pub(crate) struct OpencastContext<'a> {
    pub(crate) opencast: &'a Opencast,
    pub(crate) job: &'a Job<Task>,
    pub(crate) base: job_context::JobContext<'a>,
    /// Episodes that this attempt has looked up and whose documents it has sent.
    pub(crate) looked_up: LookedUp<'a>,
    /// Episodes for which the server gives no answer; the last attempt continues without them.
    pub(crate) unanswered: BTreeMap<Mpid, Cause>,
    /// Ids of actions whose episodes searches do not show, each with the hash of its episode's id.
    pub(crate) unseen: HashMap<i64, u64>,
}

impl OpencastContext<'_> {
    /// Makes one call.
    pub(crate) async fn get(&mut self, request: &Request) -> Result<OpencastResponse, OpencastError> {
        self.opencast.client.get(request, self.base.calls()).await
    }

    /// Plans jobs in this job's lane.
    pub(crate) async fn plan(&mut self, part: &str, tasks: Vec<Task>) -> Result<(), OpencastError> {
        let now = clock::now();
        let job = |task: Task| task.into_job(self.job.run.clone(), self.job.lane, now);
        let receipts = tasks.into_iter().map(|task| planned(&job(task))).collect::<Result<Vec<_>, _>>()?;
        Ok(self.base.plan(part, receipts).await?)
    }
}

impl Worker for OpencastWorker {
    const NAME: &'static str = "opencast";
    type Job = Job<Task>;

    /// Performs a job. A job that fails for good leaves a receipt, else coverage would wait for it forever.
    async fn perform(
        &self,
        job: Self::Job,
        attempt: &mut Attempt,
        outbox: &mut Outbox,
    ) -> Result<(), Failure> {
        let opencast = &*self.0;
        let base = job_context::JobContext::new(planned(&job)?, attempt, outbox);
        let looked_up = LookedUp::new(&opencast.episode_cache);
        let (unanswered, unseen) = (BTreeMap::new(), HashMap::new());
        let mut ctx = OpencastContext { opencast, job: &job, base, looked_up, unanswered, unseen };
        let fetched = fetch(&mut ctx).await.map_err(|error| error.failure);
        let flushed = ctx.base.flush().await;
        // The next attempt uses the cached episodes, unless their documents are lost with this one.
        if !ctx.base.has_lost() {
            ctx.looked_up.keep();
        }
        let Err(failure) = fetched.and(flushed) else { return Ok(()) };
        if let Some(cause) = ctx.base.end(&failure) {
            ctx.base.give_up(cause).await?;
        }
        Err(failure)
    }

    async fn healthy(&self) -> bool {
        self.0.client.reachable().await
    }

    async fn lifted(&self, _limit: usize) -> bool {
        self.0.client.pace().is_open()
    }

    fn resumed(&self) {
        self.0.client.try_now();
    }
}

async fn fetch(ctx: &mut OpencastContext<'_>) -> Result<(), OpencastError> {
    match ctx.job.task.clone() {
        Task::Actions { date, since, or_catalogue } => actions::fetch(ctx, date, since, or_catalogue).await,
        Task::Episode { mpid } => episodes::fetch_one(ctx, &mpid).await,
        Task::Catalogue { date } => episodes::fetch_all(ctx, date).await,
    }
}

fn planned(job: &Job<Task>) -> Result<Receipt, Failure> {
    job.planned().map_err(|_| job_context::unwritable(&job.id))
}
