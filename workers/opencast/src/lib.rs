#![doc = include_str!("../README.md")]

mod actions;
mod atlas;
mod auth;
mod client;
mod config;
mod daily;
mod endpoint;
mod episodes;
#[doc(hidden)]
pub mod fuzz;
mod growth;
mod known;
mod minute;
mod opencast;
mod pace;
mod probe;
mod proof;
mod reading;
mod served;
mod window;
mod windowed;
mod worker;
mod workflows;

pub use config::{Auth, Choice, Config, ConfigError, UnknownChoice};
pub use opencast::Opencast;
pub use probe::{Capabilities, Dialect};
pub use worker::OpencastWorker;
pub use workflows::{WorkflowPath, Workflows};
