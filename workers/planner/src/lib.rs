#![doc = include_str!("../README.md")]

mod coverage;
mod daily;
mod details;
mod plan;
mod price;
mod window;

pub use coverage::Coverage;
pub use daily::{daily, look_back, standard};
pub use plan::{LEASE, Plan, PlannedJob, SETTLED_AFTER, Wanted, plan};
pub use price::{Price, Quota};
pub use window::{Window, WindowError, days, query_windows, windows};
