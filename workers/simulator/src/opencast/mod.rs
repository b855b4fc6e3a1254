//! A fake Opencast: engage and admin node on one port, of any generation, with either dialect of user tracking.
//! Shares only faults, clock and transport with the fake Zoom.

mod gate;
mod jettison;
mod ledger;
mod running;
mod server;
mod settings;
mod truth;
mod world;

pub use ledger::LedgerSummary;
pub use running::Opencast;
pub use settings::{Auth, Credentials, Dialect, Disorder, OpencastSettings};
pub use truth::{Attendance, Stream, Truth, TruthIds};
