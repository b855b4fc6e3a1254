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
mod text;
mod window;
mod windowed;
mod worker;
mod workflows;

pub use config::{Auth, Choice, Config, ConfigError, UnknownChoice, time_zone, time_zone_name};
pub use opencast::Opencast;
pub use probe::{Capabilities, Dialect, Rights};
pub use served::Clock;
pub use worker::OpencastWorker;
pub use workflows::{WorkflowPath, Workflows};
