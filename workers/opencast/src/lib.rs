#![doc = include_str!("../README.md")]

mod actions;
mod atlas;
mod auth;
mod client;
mod config;
mod endpoint;
mod episodes;
mod known;
mod opencast;
mod pace;
mod probe;
mod reading;
mod window;
mod worker;

pub use config::{Auth, Choice, Config, ConfigError, UnknownChoice};
pub use opencast::Opencast;
pub use probe::{Capabilities, Dialect, WorkflowPath};
pub use worker::OpencastWorker;
