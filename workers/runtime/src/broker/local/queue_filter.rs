//! Filters a queue of the file: one pass over the rows, without moving any.

use messages::Queue;

use super::{Local, rows};
use crate::broker::queue_filter::Predicate;
use crate::{BrokerError, Delivery};

/// Rows per transaction, so that writers run in between.
const SOME: usize = 500;

/// A pass over the rows of a queue.
#[derive(Debug)]
pub(in crate::broker) struct LocalFilter {
    local: Local,
    queue: Queue,
    predicate: Predicate,
    /// The last row read and the last row to read; `None` before the first batch.
    span: Option<(i64, i64)>,
}

impl Local {
    pub(in crate::broker) fn filter(&self, queue: Queue, predicate: Predicate) -> LocalFilter {
        LocalFilter { local: self.clone(), queue, predicate, span: None }
    }
}

impl LocalFilter {
    pub(in crate::broker) async fn next(&mut self) -> Result<Option<Vec<Delivery>>, BrokerError> {
        loop {
            let writer = &self.local.inner.writer;
            let (at, end) = match self.span {
                Some(span) => span,
                // Messages published from now on have later rows.
                None => (0, writer.call(rows::last_seq).await?),
            };
            self.span = Some((at, end));
            if at >= end {
                return Ok(None);
            }
            let (queue, predicate, owner) =
                (self.queue.clone(), self.predicate.clone(), self.local.inner.owner.id);
            let local = self.local.clone();
            let (looked_at, matching) = writer
                .call(move |connection| {
                    let predicate = |message: &crate::Message| predicate.matches(message);
                    let (last, matching) =
                        rows::select(connection, &queue, owner, (at, end), SOME, predicate)?;
                    Ok((last, matching.into_iter().map(|row| local.delivery(row)).collect::<Vec<_>>()))
                })
                .await?;
            self.span = Some((looked_at.unwrap_or(end), end));
            if !matching.is_empty() {
                return Ok(Some(matching));
            }
        }
    }
}
