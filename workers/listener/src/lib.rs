#![doc = include_str!("../README.md")]

mod limits;
mod names;
mod open;
mod serve;

pub use limits::ListenerLimits;
pub use names::{Misdirected, Names, admit};
pub use serve::{Accepted, serve};
