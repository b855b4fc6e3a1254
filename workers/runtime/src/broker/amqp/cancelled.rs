//! Cancelled runs on RabbitMQ: each is a binding of one queue, keyed by the run's id. Bindings are durable and equal
//! on every node. A mandatory publish with that key shows whether the binding exists: the broker returns the message
//! or accepts it. So every process gets the same answer, and no message has to be read.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation};
use messages::RunId;

use super::names::Destination;
use super::{Amqp, Inner, fault, topology};
use crate::BrokerError;

impl Inner {
    fn destination_of(&self, run: &RunId) -> Result<Destination, BrokerError> {
        let key = self.names.auxiliary("cancelled", run.as_str())?;
        Ok(Destination { exchange: self.names.exchange(), key })
    }

    fn marked(&self) -> Result<ShortString, BrokerError> {
        Ok(topology::cancelled(&self.names)?.name)
    }

    /// The channel for these publishes, opened again after an error.
    async fn asking(&self) -> Result<Channel, BrokerError> {
        let mut asking = self.asking.lock().await;
        if let Some(channel) = asking.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let channel = self.channel().await?;
        let selected = channel.confirm_select(ConfirmSelectOptions::default()).await;
        selected.map_err(|error| fault::of(&error))?;
        *asking = Some(channel.clone());
        Ok(channel)
    }
}

impl Amqp {
    pub(in crate::broker) async fn cancel(&self, run: &RunId) -> Result<(), BrokerError> {
        let inner = &self.inner;
        let Destination { exchange, key } = inner.destination_of(run)?;
        topology::bind(&inner.channel().await?, inner.marked()?, exchange, key).await
    }

    pub(in crate::broker) async fn is_cancelled(&self, run: &RunId) -> Result<bool, BrokerError> {
        // An id too long for a routing key was never recorded.
        let Ok(Destination { exchange, key }) = self.inner.destination_of(run) else { return Ok(false) };
        let channel = self.inner.asking().await?;
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let asked = channel.basic_publish(exchange, key, options, b"", BasicProperties::default()).await;
        let answer = match asked {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        match answer.map_err(|error| fault::of(&error))? {
            Confirmation::Ack(returned) => Ok(returned.is_none()),
            // The binding exists; its queue is full.
            Confirmation::Nack(_) => Ok(true),
            Confirmation::NotRequested => {
                Err(BrokerError::Away("it confirms nothing on this channel".to_owned()))
            }
        }
    }

    pub(in crate::broker) async fn forget_cancelled(&self, runs: &[RunId]) -> Result<(), BrokerError> {
        let inner = &self.inner;
        for run in runs {
            let Ok(Destination { exchange, key }) = inner.destination_of(run) else { continue };
            let (queue, none) = (inner.marked()?, FieldTable::default());
            let undone = inner.channel().await?.queue_unbind(queue, exchange, key, none).await;
            match undone {
                Err(error) if !fault::is_missing(&error) => return Err(fault::of(&error)),
                _ => {}
            }
        }
        Ok(())
    }
}
