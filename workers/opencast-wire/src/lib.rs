#![doc = include_str!("../README.md")]

pub mod actions;
pub mod episode;
mod fault;
pub mod lenient;
pub mod workflow;

pub use actions::{Action, Page, Playing};
pub use episode::{Attachment, Episode, Found, Shape};
pub use fault::Fault;
pub use workflow::{Operation, Workflow};
