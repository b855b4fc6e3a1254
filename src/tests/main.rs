//! Process tests: the real binary, called as by a user.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod bad_input;
mod bytes;
mod cancel;
mod causes;
mod check;
mod clock;
mod console;
mod demo;
mod deploy;
mod dlq;
mod documents;
mod drain;
mod embedded;
mod export;
mod fleet;
mod full_disk;
mod gate;
mod help;
mod lectures;
mod letters;
mod lost;
#[path = "../../workers/indexer/tests/support/mmdb.rs"]
mod mmdb;
mod opencast;
mod patience;
mod pause;
mod program;
mod proxy;
mod quota;
mod refusals;
mod rights;
mod runs;
mod schedule;
mod secrets;
mod servers;
mod serving;
mod sick_broker;
mod status;
mod stdout;
mod tls;
mod user;
