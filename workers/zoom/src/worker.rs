//! The two workers, and the steps of a job: window, source, task, outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use jiff::tz::Offset;
use messages::zoom::{Api, Task};
use messages::{Cause, CauseClass, Job};
use runtime::{Attempt, Failure, Outbox, Worker, clock};
use tracing::info;

use crate::atlas::ZoomError;
use crate::context::ZoomContext;
use crate::detail::{self, Detail};
use crate::source::Next;
use crate::{RateClass, Zoom, list, report, window};

/// Retry delay of a job whose account is unknown.
const UNKNOWN: Duration = Duration::from_secs(600);
/// Retry delay of a meeting that the Dashboard listed and then refuses.
const REFUSED: Duration = Duration::from_secs(600);
/// Age of a job below which an unknown account costs no attempt: it may be new, and not all processes restarted yet.
const NEW: SignedDuration = SignedDuration::from_hours(24);

/// Worker for list jobs, which make resource-intensive calls.
pub struct ListWorker(pub Arc<Zoom>);

/// Worker for detail jobs, which make heavy calls.
pub struct DetailWorker(pub Arc<Zoom>);

impl Worker for ListWorker {
    const NAME: &'static str = "zoom.list";
    type Job = Job<Task>;

    async fn perform(
        &self,
        job: Self::Job,
        attempt: &mut Attempt,
        outbox: &mut Outbox,
    ) -> Result<(), Failure> {
        perform(&self.0, &job, attempt, outbox).await
    }

    async fn healthy(&self) -> bool {
        self.0.is_well(&[RateClass::ResourceIntensive]).await
    }

    async fn lifted(&self, limit: usize) -> bool {
        self.0.lifted(limit)
    }

    fn resumed(&self) {
        self.0.resumed();
    }
}

impl Worker for DetailWorker {
    const NAME: &'static str = "zoom.detail";
    type Job = Job<Task>;

    async fn perform(
        &self,
        job: Self::Job,
        attempt: &mut Attempt,
        outbox: &mut Outbox,
    ) -> Result<(), Failure> {
        perform(&self.0, &job, attempt, outbox).await
    }

    async fn healthy(&self) -> bool {
        self.0.is_well(&[RateClass::Heavy]).await
    }

    async fn lifted(&self, limit: usize) -> bool {
        self.0.lifted(limit)
    }

    fn resumed(&self) {
        self.0.resumed();
    }
}

/// Performs a job with its account.
async fn perform(
    accounts: &Zoom,
    job: &Job<Task>,
    attempt: &mut Attempt,
    outbox: &mut Outbox,
) -> Result<(), Failure> {
    let account = job.id.account();
    let Some(zoom) = accounts.of_account(account) else {
        // Another process may know the account, or this one after a restart.
        let text = format!("no account {account:?} is configured here (ZOOM_ACCOUNTS_FILE)");
        let now = clock::now();
        if now.duration_since(job.planned_at) < NEW {
            return Err(Failure::Defer { until: now.checked_add(UNKNOWN).ok(), why: text });
        }
        return Err(Failure::retry_after(UNKNOWN, Cause::new(CauseClass::AttemptsSpent, text)));
    };
    match perform_with(zoom, job, attempt, outbox).await {
        // A hold of one account must not stop the others, whose jobs come from the same queues.
        Err(Failure::Hold { until, why, limit: Some(_) }) if accounts.has_others() => {
            Err(Failure::Defer { until, why: format!("account {account}, {why}") })
        }
        outcome => outcome,
    }
}

/// Performs a job. A job that fails for good leaves a receipt, else coverage would wait for it forever.
async fn perform_with(
    zoom: &Zoom,
    job: &Job<Task>,
    attempt: &mut Attempt,
    outbox: &mut Outbox,
) -> Result<(), Failure> {
    let mut ctx = ZoomContext::new(zoom, job, attempt, outbox)?;
    let Err(failure) = fetch(&mut ctx).await else { return Ok(()) };
    if let Some(cause) = ctx.end(&failure) {
        ctx.give_up(cause).await?;
    }
    Err(failure)
}

/// Fetches with the selected source, and again with the Reports if the plan has no Dashboard.
async fn fetch(ctx: &mut ZoomContext<'_>) -> Result<(), Failure> {
    check_window(&ctx.job.task)?;
    let wanted = match &ctx.job.task {
        Task::Participants { api, .. } => *api,
        Task::HostMeetings { .. } => Some(Api::Report),
        Task::Meetings { .. } | Task::Webinars { .. } => None,
    };
    let source = &ctx.zoom.source;
    let mut api = source.api(wanted, Instant::now());
    let mut refusals = 0;
    loop {
        ctx.begin(api);
        let Err(error) = fetch_with(ctx, api).await else {
            source.answered(api);
            return Ok(());
        };
        let granted = ctx.zoom.client.scopes().await;
        match source.weigh(&error, (api, wanted), refusals, &granted, Instant::now()) {
            Next::Refused => return Err(error.into()),
            Next::Later => return Err(refused_for_now(&error)),
            Next::Reports => api = Api::Report,
            Next::Again(pause) => {
                refusals += 1;
                info!(job.id = %ctx.job.id, "the Dashboard refuses; it is asked again in {pause:?}");
                tokio::time::sleep(ctx.zoom.client.hasten(pause)).await;
            }
        }
    }
}

/// Retries a meeting that the Dashboard listed and now refuses. The Reports would describe it differently from the
/// date's other meetings.
fn refused_for_now(error: &ZoomError) -> Failure {
    let text = format!("the Dashboard listed this meeting and refuses it now: {}", error.failure);
    Failure::retry_after(REFUSED, Cause::new(CauseClass::PlanMissing, text))
}

async fn fetch_with(ctx: &mut ZoomContext<'_>, api: Api) -> Result<(), ZoomError> {
    match (ctx.job.task.clone(), api) {
        (Task::Meetings { date }, Api::Dashboard) => list::fetch(ctx, list::MEETINGS, date).await,
        (Task::Webinars { date }, Api::Dashboard) => list::fetch(ctx, list::WEBINARS, date).await,
        (Task::Meetings { date }, Api::Report) => report::fetch_hosts(ctx, date).await,
        (Task::Webinars { date }, Api::Report) => report::fetch_webinars(ctx, date).await,
        (Task::HostMeetings { date, host_id }, _) => report::fetch_host(ctx, date, &host_id).await,
        (Task::Participants { meeting, event, listing, header, .. }, api) => {
            detail::fetch(ctx, Detail { meeting, event, listing, api, header }).await
        }
    }
}

/// Rejects lists of dates that Zoom does not list, without a call. If Zoom's clock does not confirm the local one, Zoom
/// decides.
fn check_window(task: &Task) -> Result<(), Failure> {
    let (Task::Meetings { date } | Task::Webinars { date } | Task::HostMeetings { date, .. }) = task else {
        return Ok(());
    };
    if !clock::is_confirmed_by(clock::Peer::Zoom) {
        return Ok(());
    }
    let today = Offset::UTC.to_datetime(clock::now()).date();
    window::check(*date, today).map_err(|error| {
        let class = match error {
            window::WindowError::TooOld { .. } => CauseClass::Gone,
            window::WindowError::Future { .. } => CauseClass::BadShape,
        };
        Failure::reject(Cause::new(class, error.to_string()))
    })
}
