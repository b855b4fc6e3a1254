//! Process tests: the real binary, as a user calls it.

mod bad_input;
mod demo;
mod embedded;
mod program;
mod secrets;
mod servers;
