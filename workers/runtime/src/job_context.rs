//! One attempt at one job of a source: what it sends to the outbox and how it counts. The messages that follow from a
//! job are made here and nowhere else. Independent of the source and of what the job fetches.

use jiff::Timestamp;
use messages::zoom::Api;
use messages::{
    Calls, Cause, CauseClass, Document, JobId, Queue, RawDocument, RawKind, Receipt, ReceiptFinding,
    ReceiptState, encode,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{Attempt, Failure, Message, Outbox, clock, recall};

/// Findings of one job at most.
const MOST_FINDINGS: usize = 20;

/// One attempt at one job.
#[derive(Debug)]
pub struct JobContext<'a> {
    /// What the job says of itself as long as it is not begun.
    planned: Receipt,
    attempt: &'a mut Attempt,
    outbox: &'a mut Outbox,
    /// Jobs to publish when all else of this one is safe.
    jobs: Vec<Message>,
    findings: Vec<ReceiptFinding>,
    /// Which of two families of endpoints answered, where a source has two.
    api: Option<Api>,
}

/// A raw document, without the fields that the job itself supplies.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a, C> {
    /// What follows the job's id, for example `past.1`.
    pub part: &'a str,
    /// What the body is.
    pub kind: RawKind,
    /// The call, for example `GET /metrics/meetings`.
    pub endpoint: &'static str,
    /// When the answer came.
    pub received_at: Timestamp,
    /// What the mapping needs and the answer does not say.
    pub context: &'a C,
    /// The answer as JSON.
    pub body: &'a RawValue,
    /// The answer as received, where `body` may differ from it.
    pub received: Option<&'a [u8]>,
}

impl<'a> JobContext<'a> {
    /// An attempt at the job whose receipt before its beginning is `planned`.
    pub fn new(planned: Receipt, attempt: &'a mut Attempt, outbox: &'a mut Outbox) -> Self {
        Self { planned, attempt, outbox, jobs: Vec::new(), findings: Vec::new(), api: None }
    }

    /// The job's id.
    pub fn job_id(&self) -> &JobId {
        &self.planned.job_id
    }

    /// The API calls made for the job, for those who make more of them.
    pub fn calls(&mut self) -> &mut Calls {
        &mut self.attempt.calls
    }

    /// Notes which family of endpoints answers; the receipt says it.
    pub fn answered_by(&mut self, api: Api) {
        self.api = Some(api);
    }

    /// Notes something worth knowing of a job that gets done all the same; the receipt says it. A finding that is there
    /// already is not repeated.
    pub fn find(&mut self, code: &'static str, text: impl Into<String>) {
        let finding = ReceiptFinding::new(code, text);
        if self.findings.len() < MOST_FINDINGS && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Sends an answer as it was received.
    ///
    /// # Errors
    /// When the broker does not take it, as for all that is sent.
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

    /// Plans jobs, given by their receipts. The receipts go out now: a job that is lost on the way is seen to be missing.
    /// The jobs themselves go out last ([`JobContext::finish`]): a job that waits for room in a full queue, and loses
    /// its broker meanwhile, is done again, and would publish them all a second time.
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

    /// Sends this job's receipt, complete when as much came (`got`) as was promised (`expected`), and then the jobs that
    /// were planned.
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

    /// As [`JobContext::finish`], where the caller knows what speaks against completeness.
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

    /// Sends this job's receipt as one to which nothing belongs: what it asks for is not kept where it is asked for, and
    /// `cause` says so. It is complete, since asking again would bring no more.
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

    /// Sends this job's receipt as one that is given up; the runtime sees it confirmed before it settles the job.
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn give_up(&mut self, cause: Cause) -> Result<(), Failure> {
        let receipt = Receipt { cause: Some(cause), ..self.receipt(ReceiptState::Failed) };
        self.send_receipts("receipt", vec![receipt]).await
    }

    /// Hands on what was sent so far, and returns when all of it is confirmed.
    ///
    /// # Errors
    /// As [`JobContext::send_raw`].
    pub async fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.outbox.flush().await?)
    }

    /// True when something that this attempt has sent is lost, and another attempt has to send it again.
    pub fn has_lost(&self) -> bool {
        self.outbox.has_lost()
    }

    /// True when this attempt is the job's last.
    pub fn is_last(&self) -> bool {
        self.attempt.last
    }

    /// The cause for which this attempt, failed in this way, is the job's last.
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

/// What speaks against completeness.
fn shortfall(expected: Option<u64>, got: u64) -> Option<Cause> {
    let Some(promised) = expected else {
        // The member that counts the records is documented for every list: without it the shape has changed.
        let text = "the answer does not say how many records there are";
        return Some(Cause::new(CauseClass::BadShape, text));
    };
    // The shape is as promised. The rows that are missing are not there yet, and asking again is what helps: no other
    // class says that.
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

/// The failure of something that cannot be written as JSON.
pub fn unwritable(what: &dyn std::fmt::Display) -> Failure {
    Failure::reject(Cause::new(CauseClass::BadShape, format!("{what} cannot be written as JSON")))
}
