//! A fake Opencast on a port of 127.0.0.1: engage and admin node in one, of any generation and either dialect of the
//! user tracking. Shares the faults and the way of serving with the fake Zoom, and knows nothing else of it.

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
pub use settings::{Auth, Credentials, Dialect, Disorder, Settings};
pub use truth::{Attendance, Stream, Truth, TruthIds};
