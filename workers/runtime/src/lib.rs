#![doc = include_str!("../README.md")]

mod batch;
pub mod body;
pub mod broker;
pub mod calls;
pub mod clock;
pub mod errand;
mod failure;
mod holds;
pub mod http;
mod message;
pub mod meter;
pub mod outage;
mod outbox;
mod pause;
mod permits;
pub mod quota;
mod refusal;
pub mod roll;
mod run;
mod settle;
mod standing;
mod status;
pub mod telemetry;
mod worker;

pub use batch::{Limits, run_batches};
pub use broker::{Broker, BrokerError, Consumer, Delivery, Depth, Ladder, PublishError, Sift};
pub use failure::Failure;
pub use holds::{Policy, Refusals};
pub use message::{Headers, Message};
pub use meter::Rates;
pub use outbox::{Outbox, OutboxError};
pub use refusal::Refusal;
pub use roll::Card;
pub use run::{Role, RunError, run};
pub use status::{Hold, Snapshot, Status};
pub use worker::{Attempt, BatchWorker, Worker};
