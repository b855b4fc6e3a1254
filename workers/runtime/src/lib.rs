#![doc = include_str!("../README.md")]

pub mod broker;
pub mod clock;
mod failure;
mod message;
mod outbox;
mod worker;

pub use broker::{Broker, BrokerError, Consumer, Delivery, Depth, Ladder, PublishError};
pub use failure::Failure;
pub use message::{Headers, Message};
pub use outbox::{Outbox, OutboxError};
pub use worker::{Attempt, BatchWorker, Worker};
