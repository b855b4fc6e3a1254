#![doc = include_str!("../README.md")]

mod batch;
pub mod broker;
pub mod clock;
mod failure;
mod message;
mod outbox;
mod pause;
mod run;
mod settle;
mod status;
mod worker;

pub use batch::{Limits, run_batches};
pub use broker::{Broker, BrokerError, Consumer, Delivery, Depth, Ladder, PublishError};
pub use failure::Failure;
pub use message::{Headers, Message};
pub use outbox::{Outbox, OutboxError};
pub use run::{Role, RunError, run};
pub use status::{Hold, Snapshot, Status};
pub use worker::{Attempt, BatchWorker, Worker};
