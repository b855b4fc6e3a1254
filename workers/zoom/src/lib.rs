#![doc = include_str!("../README.md")]

mod atlas;
mod auth;
mod client;
mod config;
mod context;
mod detail;
mod encode;
mod endpoint;
#[doc(hidden)]
pub mod fuzz;
mod headers;
mod hosts;
mod list;
pub mod metrics;
mod pages;
mod plan;
mod quota;
mod report;
mod request;
mod rows;
mod scopes;
mod source;
pub mod window;
mod wire;
mod worker;
mod zoom;

pub use config::{Choice, Config, ConfigError, UnknownChoice};
pub use plan::{RateClass, UnknownPlan, ZoomPlan};
pub use quota::Quota;
pub use scopes::{Granted, missing_scopes};
pub use worker::{DetailWorker, ListWorker};
pub use zoom::{Examination, Zoom};
