#![doc = include_str!("../README.md")]

mod cause;
mod codec;
mod dead;
mod document;
mod id;
mod job;
mod moment;
mod numbers;
pub mod opencast;
mod printable;
mod queue;
mod receipt;
pub mod repair;
mod subject;
pub mod tls;
pub mod zoom;

pub use cause::{Cause, CauseClass};
pub use codec::{DecodeError, VERSION, decode, encode};
pub use dead::{DeadEvent, DeadLetter, DeadState};
pub use document::{Document, RawDocument, RawKind};
pub use id::{IdError, JobId, MAIN_ACCOUNT, MeetingUuid, Mpid, RunId, SeriesId};
pub use job::{Job, JobHead};
pub use moment::{moment, moment_of};
pub use numbers::{counted, grouped};
pub use printable::{printable, printable_json, printable_lines};
pub use queue::{Family, Lane, Queue, Source, UnknownName};
pub use receipt::{Calls, Receipt, ReceiptFinding, ReceiptState};
pub use subject::Subject;
