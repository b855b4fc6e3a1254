//! The program `ua`: command line, configuration and assembly. What it does lies in the crates under `workers/`.

pub mod advice;
mod allowed;
mod ask;
pub mod assemble;
mod cancelling;
pub mod cli;
pub mod commands;
pub mod config;
mod console;
pub mod coverage;
pub mod exit;
mod filing;
mod harvest;
mod output;
pub mod planning;
mod progress;
mod roster;
mod runs;
mod scheduler;
mod serving;
mod signal;
mod sources;
mod summary;
mod telemetry;
mod templates;
mod view;
mod words;
