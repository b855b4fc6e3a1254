//! One attempt at one job: what it sends to the outbox and how it counts. Messages are made here and nowhere else.

use jiff::Timestamp;
use messages::zoom::Task;
use messages::{
    Calls, Cause, CauseClass, Document, Job, Queue, RawDocument, RawKind, Receipt, ReceiptState, encode,
};
use runtime::{Attempt, Failure, Message, Outbox, clock};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::Zoom;
use crate::atlas::Refusal;
use crate::client::{Answer, Request};
use crate::endpoint::Endpoint;
use crate::pages::{self, Tally};

/// One attempt at one job.
pub(crate) struct Errand<'a> {
    pub(crate) zoom: &'a Zoom,
    pub(crate) job: &'a Job<Task>,
    pub(crate) attempt: Attempt,
    pub(crate) calls: Calls,
    outbox: &'a mut Outbox,
    /// Jobs to publish when all else of this one is safe.
    jobs: Vec<Message>,
}

/// A raw document to be sent, beside what the job says of itself.
pub(crate) struct Raw<'a, C> {
    /// What follows the job's id, for example `past.1`.
    pub(crate) part: &'a str,
    pub(crate) kind: RawKind,
    pub(crate) endpoint: Endpoint,
    pub(crate) received_at: Timestamp,
    pub(crate) context: &'a C,
    pub(crate) body: &'a RawValue,
}

impl<'a> Errand<'a> {
    pub(crate) fn new(zoom: &'a Zoom, job: &'a Job<Task>, attempt: Attempt, outbox: &'a mut Outbox) -> Self {
        Self { zoom, job, attempt, calls: Calls::default(), outbox, jobs: Vec::new() }
    }

    /// Asks for one answer.
    pub(crate) async fn get(&mut self, request: &Request) -> Result<Answer, Refusal> {
        self.zoom.client.get(request, &mut self.calls).await
    }

    /// Reads a list to its end.
    pub(crate) async fn read_all(&mut self, request: Request) -> Result<Vec<Answer>, Refusal> {
        pages::read_all(&self.zoom.client, request, &mut self.calls).await
    }

    /// Sends an answer as it was received.
    pub(crate) async fn send_raw<C: Serialize>(&mut self, raw: &Raw<'_, C>) -> Result<(), Refusal> {
        let message = self.raw_message(raw)?;
        Ok(self.outbox.send(message).await?)
    }

    /// Sends something that cannot be used to the dead letters, so that its neighbours can go on.
    pub(crate) async fn bury_raw<C: Serialize>(
        &mut self,
        raw: &Raw<'_, C>,
        text: &str,
    ) -> Result<(), Refusal> {
        let message = self.raw_message(raw)?.into_dead(Cause::new(CauseClass::BadShape, text));
        Ok(self.outbox.send(message).await?)
    }

    /// Plans jobs in this job's lane. Their receipts go out now: a job that is lost on the way is seen to be missing.
    /// They themselves go out last ([`Errand::finish`]): a job that waits for room in a full queue, and loses its broker
    /// meanwhile, is done again, and would publish them all a second time.
    pub(crate) async fn plan(&mut self, part: &str, tasks: Vec<Task>) -> Result<(), Refusal> {
        let now = clock::now();
        let job = |task: Task| {
            task.into_job(self.job.run.clone(), self.job.lane, now).of_account(self.job.id.account())
        };
        let jobs: Vec<Job<Task>> = tasks.into_iter().map(job).collect();
        let receipts = jobs.iter().map(planned).collect::<Result<Vec<_>, _>>()?;
        if !receipts.is_empty() {
            self.send_receipts(&format!("{part}.planned"), receipts).await?;
        }
        for job in jobs {
            let queue = Queue::jobs(job.task.family(), job.lane);
            self.jobs.push(Message::new(queue, job.id.as_str(), encoded(&job)?, now));
        }
        Ok(())
    }

    /// Sends this job's receipt, complete when as much came as was promised, and then the jobs that were planned.
    pub(crate) async fn finish(&mut self, tally: Tally, jobs: Option<u64>) -> Result<(), Refusal> {
        let cause = shortfall(tally);
        let state = if cause.is_some() { ReceiptState::Incomplete } else { ReceiptState::Complete };
        let receipt =
            Receipt { expected: tally.promised, got: Some(tally.got), jobs, cause, ..self.receipt(state)? };
        self.send_receipts("receipt", vec![receipt]).await?;
        if !self.jobs.is_empty() {
            self.outbox.flush().await?;
        }
        for job in std::mem::take(&mut self.jobs) {
            self.outbox.send(job).await?;
        }
        Ok(())
    }

    /// Sends this job's receipt as one that is given up; the runtime sees it confirmed before it settles the job.
    pub(crate) async fn give_up(&mut self, cause: Cause) -> Result<(), Failure> {
        let receipt = Receipt { cause: Some(cause), ..self.receipt(ReceiptState::Failed)? };
        Ok(self.send_receipts("receipt", vec![receipt]).await?)
    }

    fn receipt(&self, state: ReceiptState) -> Result<Receipt, Refusal> {
        Ok(Receipt {
            state,
            attempts: self.attempt.number,
            calls: self.calls,
            started_at: Some(self.attempt.started_at),
            finished_at: Some(clock::now()),
            ..planned(self.job)?
        })
    }

    async fn send_receipts(&mut self, part: &str, receipts: Vec<Receipt>) -> Result<(), Refusal> {
        let body = encoded(&Document::Receipts(receipts))?;
        let message = Message::new(Queue::documents(), self.part_id(part), body, clock::now());
        Ok(self.outbox.send(message).await?)
    }

    fn raw_message<C: Serialize>(&self, raw: &Raw<'_, C>) -> Result<Message, Refusal> {
        let context = to_raw_value(raw.context).map_err(|_| unwritable(&self.job.id))?;
        let id = self.part_id(raw.part);
        let document = RawDocument::new(
            id.as_str(),
            self.job.id.clone(),
            self.job.run.clone(),
            raw.kind,
            raw.endpoint.name(),
            raw.received_at,
            self.job.task.date(),
            &context,
            raw.body,
        );
        let body = encoded(&Document::Raw(document))?;
        Ok(Message::new(Queue::documents(), id, body, clock::now()))
    }

    fn part_id(&self, part: &str) -> String {
        format!("{}#{part}", self.job.id)
    }
}

/// What speaks against completeness.
fn shortfall(tally: Tally) -> Option<Cause> {
    let Some(promised) = tally.promised else {
        // The member that counts the records is documented for every list: without it the shape has changed.
        let text = "the answer does not say how many records there are";
        return Some(Cause::new(CauseClass::BadShape, text));
    };
    // The shape is as promised. The rows that are missing are not there yet, and asking again is what helps: no other
    // class says that.
    (tally.got < promised).then(|| {
        let text = format!("{promised} records were promised, {} came", tally.got);
        Cause::new(CauseClass::NotReadyExpired, text)
    })
}

fn planned(job: &Job<Task>) -> Result<Receipt, Refusal> {
    job.planned().map_err(|_| unwritable(&job.id))
}

fn encoded<T: Serialize>(value: &T) -> Result<Vec<u8>, Refusal> {
    encode(value).map_err(|_| unwritable(&"a message"))
}

pub(crate) fn unwritable(what: &dyn std::fmt::Display) -> Refusal {
    Refusal::from(Failure::reject(Cause::new(
        CauseClass::BadShape,
        format!("{what} cannot be written as JSON"),
    )))
}
