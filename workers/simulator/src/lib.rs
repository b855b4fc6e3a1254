#![doc = include_str!("../README.md")]

mod clock;
mod faults;
mod ledger;
pub mod opencast;
mod quota;
mod server;
mod settings;
mod simulator;
mod transport;
mod truth;
mod wire;
mod world;

pub use faults::{Fault, FaultRate, ParseFaultError};
pub use ledger::{Calls, LedgerSummary, OverCall, Peaks};
pub use settings::{AccountPlan, Credentials, SettingsError, Source, ZoomSettings};
pub use simulator::{Simulator, StartError};
pub use truth::{Truth, TruthIds};
