//! The program `ua`: command line, configuration and assembly. The work is done in the crates under `workers/`.

pub mod advice;
pub mod assemble;
pub mod cli;
mod clocks;
pub mod commands;
pub mod config;
mod confirm;
mod console;
mod diagnostic;
mod drain;
pub mod exit;
#[doc(hidden)]
pub mod fuzz;
mod output;
pub mod planning;
mod presence;
mod progress;
pub mod receipts;
mod runs;
mod scheduler;
mod serving;
mod signal;
mod sources;
mod start;
mod summary;
mod telemetry;
mod templates;
mod units;
mod versions;
mod view;
