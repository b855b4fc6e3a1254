#![doc = include_str!("../README.md")]

mod actions;
mod atlas;
mod auth;
mod capabilities;
mod client;
mod completeness;
mod config;
mod daily;
mod endpoint;
mod episode_cache;
mod episodes;
#[doc(hidden)]
pub mod fuzz;
mod opencast;
mod pace;
mod probe;
mod reading;
mod text;
mod window;
mod windowed;
mod worker;
mod workflows;

pub use capabilities::{Capabilities, Dialect, Rights};
pub use completeness::Clock;
pub use config::{Auth, Choice, Config, ConfigError, UnknownChoice, time_zone, time_zone_name};
pub use opencast::Opencast;
pub use worker::OpencastWorker;
pub use workflows::{WorkflowPath, Workflows};
