#![doc = include_str!("../README.md")]

mod calendar;
mod cancel;
mod coverage;
mod cron;
mod daily;
mod details;
mod experience;
pub mod numbers;
mod opencast;
mod plan;
mod price;
mod progress;
mod run;
mod schedule;
mod settled;
mod window;

pub use cancel::{Taken, taken_out, written_off};
pub use coverage::{Coverage, Queues};
pub use cron::CronError;
pub use daily::{daily, look_back, standard};
pub use experience::Experience;
pub use opencast::{Lectures, plan_lectures, recent_dates, today as date_in};
pub use plan::{LEASE, Plan, PlannedJob, Wanted, plan};
pub use price::{Opens, Price, Quota};
pub use progress::Progress;
pub use run::{Asked, Origin, RunRecord, RunState};
pub use schedule::{
    Schedule, by_age, lectures_by_age, oldest_lectures, scheduled, scheduled_lectures, second_looks, short,
};
pub use settled::SETTLED_AFTER;
pub use window::{Window, WindowError, days, query_windows, windows};
