//! Looking through the rungs: what is parked for another attempt, of all queues.
//!
//! A rung is taken as a whole without an ack, since what goes back goes to its old place: RabbitMQ keeps the time that a
//! message given back has left. One whose time is over meanwhile goes its way when it is given back. Messages are asked
//! for one by one: parked documents are large, and of one that is not picked no more than its number is kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::BasicGetOptions;
use tracing::debug;

use super::lease::Lease;
use super::line::Line;
use super::{Amqp, Inner, fault, missing_or, wire};
use crate::broker::Lease as AnyLease;
use crate::broker::sift::Picks;
use crate::{BrokerError, Delivery, clock};

/// Messages handed out at once, about: their receipts are filed before more are looked for.
const SOME: usize = 500;

/// One look at every rung.
#[derive(Debug)]
pub(in crate::broker) struct Parked {
    inner: Arc<Inner>,
    picks: Picks,
    rungs: VecDeque<Duration>,
}

impl Amqp {
    pub(in crate::broker) fn sift_parked(&self, picks: Picks) -> Parked {
        let rungs = self.inner.ladder.rungs.iter().copied().collect();
        Parked { inner: Arc::clone(&self.inner), picks, rungs }
    }
}

impl Parked {
    /// What is picked of the next rung that holds any of it, or some of that.
    pub(in crate::broker) async fn next(&mut self) -> Result<Option<Vec<Delivery>>, BrokerError> {
        while let Some(rung) = self.rungs.pop_front() {
            let picked = self.rung(rung).await?;
            if picked.len() == SOME {
                self.rungs.push_front(rung);
            }
            if !picked.is_empty() {
                return Ok(Some(picked));
            }
        }
        Ok(None)
    }

    async fn rung(&self, rung: Duration) -> Result<Vec<Delivery>, BrokerError> {
        let (inner, physical) = (&self.inner, self.inner.names.rung(rung));
        let logical = inner.names.logical(physical.as_str());
        let wanted = inner.look(&logical).await?.message_count();
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let line = Arc::new(Line::new(inner.consuming.channel().await?, inner.tasks.clone()));
        let (mut picked, mut rest) = (Vec::new(), Vec::new());
        for _ in 0..wanted {
            if picked.len() == SOME {
                break;
            }
            let taken = line.channel().basic_get(physical.clone(), BasicGetOptions::default()).await;
            let Some(taken) = taken.map_err(|error| missing_or(&logical, &error))? else { break };
            match self.pick(&line, taken.delivery) {
                Ok(delivery) => picked.push(delivery),
                Err(tag) => rest.push(tag),
            }
        }
        debug!(picked = picked.len(), rest = rest.len(), "looked through the rung {logical}");
        for tag in rest {
            line.give_back(tag).await.map_err(|error| fault::of(&error))?;
        }
        Ok(picked)
    }

    /// The delivery, if it is picked; else only what is needed to give it back.
    fn pick(&self, line: &Arc<Line>, delivery: lapin::message::Delivery) -> Result<Delivery, u64> {
        let (tag, names) = (delivery.delivery_tag, &self.inner.names);
        // A rung leaves the routing key as it is: the queue a message came from.
        let origin = names.logical(delivery.routing_key.as_str());
        let parcel = wire::read(&delivery.properties, delivery.data, &origin, names, clock::now());
        if !self.picks.picks(&parcel.message) {
            return Err(tag);
        }
        let (message, crashes) = (parcel.message.clone(), parcel.crashes);
        let lease = Lease::new(Arc::clone(&self.inner), tag, Arc::clone(line), parcel);
        Ok(Delivery::new(message, crashes, AnyLease::Amqp(lease), self.inner.ladder.clone()))
    }
}
