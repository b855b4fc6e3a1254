//! Context of one attempt at one job of a source: builds every message that follows from the job, and counts its API
//! calls. Independent of the source and of what the job fetches.

use jiff::Timestamp;
use messages::zoom::Api;
use messages::{
    Calls, Cause, CauseClass, Document, JobId, Queue, RawDocument, RawKind, Receipt, ReceiptFinding,
    ReceiptState, encode,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{Attempt, Failure, Message, Outbox, clock, recall};

/// Maximum number of findings per job.
const MOST_FINDINGS: usize = 20;

/// One attempt at one job.
#[derive(Debug)]
pub struct JobContext<'a> {
    /// The job's receipt before it begins.
    planned: Receipt,
    attempt: &'a mut Attempt,
    outbox: &'a mut Outbox,
    /// Jobs to publish after everything else is confirmed.
    jobs: Vec<Message>,
    findings: Vec<ReceiptFinding>,
    /// The family of endpoints that answered, for a source with two.
    api: Option<Api>,
}

/// A raw document without the fields that the job supplies.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a, C> {
    /// Suffix of the id after the job's id, for example `past.1`.
    pub part: &'a str,
    /// Kind of the body.
    pub kind: RawKind,
    /// The call, for example `GET /metrics/meetings`.
    pub endpoint: &'static str,
    /// Time of the answer.
    pub received_at: Timestamp,
    /// What the mapping needs and the answer does not contain.
    pub context: &'a C,
    /// The answer as JSON.
    pub body: &'a RawValue,
    /// The answer as received, if `body` may differ from it.
    pub received: Option<&'a [u8]>,
}

impl<'a> JobContext<'a> {
    /// Creates the context of an attempt at the job with the receipt `planned`.
    pub fn new(planned: Receipt, attempt: &'a mut Attempt, outbox: &'a mut Outbox) -> Self {
        Self { planned, attempt, outbox, jobs: Vec::new(), findings: Vec::new(), api: None }
    }

    /// The job's id.
    pub fn job_id(&self) -> &JobId {
        &self.planned.job_id
    }

    /// API calls made for the job; the caller adds its own.
    pub fn calls(&mut self) -> &mut Calls {
        &mut self.attempt.calls
    }

    /// Records in the receipt which family of endpoints answered.
    pub fn answered_by(&mut self, api: Api) {
        self.api = Some(api);
    }

    /// Adds a finding to the receipt, unless the receipt has it or is full. The job succeeds all the same.
    pub fn find(&mut self, code: &'static str, text: impl Into<String>) {
        let finding = ReceiptFinding::new(code, text);
        if self.findings.len() < MOST_FINDINGS && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Sends an answer as received.
    ///
    /// # Errors
    /// When the broker does not accept the message.
    pub async fn send_raw<C: Serialize>(&mut self, raw: &Raw<'_, C>) -> Result<(), Failure> {
        let message = self.raw_message(raw)?;
        Ok(self.outbox.send(message).await?)
    }

    /// Publishes an unusable part of an answer as a dead letter, so that the rest can be indexed.
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn dead_letter_raw<C: Serialize>(
        &mut self,
        raw: &Raw<'_, C>,
        text: &str,
    ) -> Result<(), Failure> {
        let message = self.raw_message(raw)?.into_dead(Cause::new(CauseClass::BadShape, text));
        Ok(self.outbox.send(message).await?)
    }

    /// Plans jobs, given by their receipts. Sends the receipts now, so that a lost job is seen to be missing.
    /// [`JobContext::finish`] sends the jobs last: a job that waits for room in a full queue and loses its broker is
    /// repeated, and would publish all of them twice.
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn plan(&mut self, part: &str, receipts: Vec<Receipt>) -> Result<(), Failure> {
        let now = clock::now();
        for receipt in &receipts {
            let (Some(queue), Some(job)) = (&receipt.queue, &receipt.job) else { continue };
            let body = job.get().as_bytes().to_vec();
            self.jobs.push(Message::new(queue.clone(), receipt.job_id.as_str(), body, now));
        }
        if receipts.is_empty() {
            return Ok(());
        }
        self.send_receipts(&format!("{part}.planned"), receipts).await
    }

    /// Sends this job's receipt, then the planned jobs. The receipt is complete when at least `expected` records were
    /// received (`got`).
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn finish(
        &mut self,
        expected: Option<u64>,
        got: u64,
        jobs: Option<u64>,
    ) -> Result<(), Failure> {
        self.finish_with(expected, got, jobs, shortfall(expected, got)).await
    }

    /// Like [`JobContext::finish`], with the cause of incompleteness; `None` means complete.
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn finish_with(
        &mut self,
        expected: Option<u64>,
        got: u64,
        jobs: Option<u64>,
        cause: Option<Cause>,
    ) -> Result<(), Failure> {
        let state = if cause.is_some() { ReceiptState::Incomplete } else { ReceiptState::Complete };
        let receipt = Receipt { expected, got: Some(got), jobs, cause, ..self.receipt(state) };
        self.end_with(receipt).await
    }

    /// Sends a complete receipt without records: the API does not hold what the job asks for, and `cause` says why.
    /// Another attempt would return no more.
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn finish_without(&mut self, cause: Cause) -> Result<(), Failure> {
        let receipt = self.receipt(ReceiptState::Complete);
        self.end_with(Receipt { expected: Some(0), got: Some(0), cause: Some(cause), ..receipt }).await
    }

    async fn end_with(&mut self, receipt: Receipt) -> Result<(), Failure> {
        if !self.jobs.is_empty() && self.outbox.is_cancelled(&self.planned.run).await? {
            return Err(recall::stopped(&self.planned.run));
        }
        self.send_receipts("receipt", vec![receipt]).await?;
        if !self.jobs.is_empty() {
            self.outbox.flush().await?;
        }
        for job in std::mem::take(&mut self.jobs) {
            self.outbox.send(job).await?;
        }
        Ok(())
    }

    /// Sends this job's receipt as failed; the runtime confirms it before it settles the job.
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn give_up(&mut self, cause: Cause) -> Result<(), Failure> {
        let receipt = Receipt { cause: Some(cause), ..self.receipt(ReceiptState::Failed) };
        self.send_receipts("receipt", vec![receipt]).await
    }

    /// Publishes everything sent so far and waits for the confirms.
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.outbox.flush().await?)
    }

    /// Returns true when a message of this attempt is lost, so that another attempt must send it again.
    pub fn has_lost(&self) -> bool {
        self.outbox.has_lost()
    }

    /// Returns true when this attempt is the job's last.
    pub fn is_last(&self) -> bool {
        self.attempt.last
    }

    /// Returns the cause when `failure` makes this attempt the job's last.
    pub fn end(&self, failure: &Failure) -> Option<Cause> {
        match failure {
            Failure::Reject { cause } => Some(cause.clone()),
            Failure::Retry { cause, .. } if self.attempt.last => Some(cause.clone()),
            Failure::Retry { .. }
            | Failure::Hold { .. }
            | Failure::Defer { .. }
            | Failure::Refused { .. }
            | Failure::Halt { .. } => None,
        }
    }

    fn receipt(&self, state: ReceiptState) -> Receipt {
        Receipt {
            state,
            findings: self.findings.clone(),
            api: self.api,
            attempts: self.attempt.number,
            calls: self.attempt.calls,
            started_at: Some(self.attempt.started_at),
            finished_at: Some(clock::now()),
            ..self.planned.clone()
        }
    }

    async fn send_receipts(&mut self, part: &str, receipts: Vec<Receipt>) -> Result<(), Failure> {
        let body = encoded(&Document::Receipts(receipts))?;
        let message = Message::new(Queue::documents(), self.part_id(part), body, clock::now());
        Ok(self.outbox.send(message).await?)
    }

    fn raw_message<C: Serialize>(&self, raw: &Raw<'_, C>) -> Result<Message, Failure> {
        let context = to_raw_value(raw.context).map_err(|_| unwritable(&self.planned.job_id))?;
        let id = self.part_id(raw.part);
        let document = RawDocument::new(
            id.as_str(),
            self.planned.job_id.clone(),
            self.planned.run.clone(),
            raw.kind,
            raw.endpoint,
            raw.received_at,
            self.planned.date,
            &context,
            raw.body,
        );
        let document = match raw.received {
            Some(bytes) => document.with_received(bytes),
            None => document,
        };
        let body = encoded(&Document::Raw(document))?;
        Ok(Message::new(Queue::documents(), id, body, clock::now()))
    }

    fn part_id(&self, part: &str) -> String {
        format!("{}#{part}", self.planned.job_id)
    }
}

/// Returns the cause of incompleteness, if any.
fn shortfall(expected: Option<u64>, got: u64) -> Option<Cause> {
    let Some(promised) = expected else {
        // Every list documents a count of its records; without it the shape has changed.
        let text = "the answer does not say how many records there are";
        return Some(Cause::new(CauseClass::BadShape, text));
    };
    // The shape is as documented. The missing records may appear later, so another attempt helps; no other class says
    // that.
    (got < promised).then(|| {
        let records = messages::counted(promised, "record");
        let were = if promised == 1 { "was" } else { "were" };
        let text = format!("{records} {were} promised, {} came", messages::grouped(got));
        Cause::new(CauseClass::NotReadyExpired, text)
    })
}

fn encoded<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    encode(value).map_err(|_| unwritable(&"a message"))
}

/// Returns the failure of a value that cannot be written as JSON.
pub fn unwritable(what: &dyn std::fmt::Display) -> Failure {
    Failure::reject(Cause::new(CauseClass::BadShape, format!("{what} cannot be written as JSON")))
}
