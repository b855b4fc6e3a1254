//! Looking through a queue of the file: a walk along the rows, in which nothing is moved.

use messages::Queue;

use super::{Local, rows};
use crate::broker::sift::Picks;
use crate::{BrokerError, Delivery};

/// Rows looked at in one transaction: writers have their turn in between.
const SOME: usize = 500;

/// A walk along the rows of a queue.
#[derive(Debug)]
pub(in crate::broker) struct Sift {
    local: Local,
    queue: Queue,
    picks: Picks,
    /// The last row looked at, and the last to look at; `None` before the first look.
    span: Option<(i64, i64)>,
}

impl Local {
    pub(in crate::broker) fn sift(&self, queue: Queue, picks: Picks) -> Sift {
        Sift { local: self.clone(), queue, picks, span: None }
    }
}

impl Sift {
    pub(in crate::broker) async fn next(&mut self) -> Result<Option<Vec<Delivery>>, BrokerError> {
        loop {
            let writer = &self.local.inner.writer;
            let (at, end) = match self.span {
                Some(span) => span,
                // What is published from now on has a later row.
                None => (0, writer.call(rows::last_seq).await?),
            };
            self.span = Some((at, end));
            if at >= end {
                return Ok(None);
            }
            let (queue, picks, owner) = (self.queue.clone(), self.picks.clone(), self.local.inner.owner.id);
            let local = self.local.clone();
            let (looked_at, picked) = writer
                .call(move |connection| {
                    let picks = |message: &crate::Message| picks.picks(message);
                    let (last, picked) = rows::pick(connection, &queue, owner, (at, end), SOME, picks)?;
                    Ok((last, picked.into_iter().map(|row| local.delivery(row)).collect::<Vec<_>>()))
                })
                .await?;
            self.span = Some((looked_at.unwrap_or(end), end));
            if !picked.is_empty() {
                return Ok(Some(picked));
            }
        }
    }
}
