//! A stdout that accepts no output: a pipe without a reader, a full disk.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use crate::program::{Program, closed_date};

/// Runs `ua plan` with this stdout and returns its exit code and stderr.
fn plan(program: &Program, stdout: Stdio) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ua"));
    program.prepare(command.args(["plan", "--date", &closed_date()]).stdout(stdout));
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn program() -> Program {
    // `plan` makes no call, so no account has to exist.
    Program::new()
        .with("ZOOM_ACCOUNT_ID", "account")
        .with("ZOOM_CLIENT_ID", "client")
        .with("ZOOM_CLIENT_SECRET", "secret")
}

fn planned(program: &Program) -> serde_json::Value {
    let again = program.call(&["plan", "--date", &closed_date(), "--json"]);
    let report: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    report["in_flight"].clone()
}

#[test]
fn a_plan_is_published_although_the_reader_of_its_output_is_gone() {
    let program = program();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let (code, err) = plan(&program, writer.into());
    assert_eq!(code, Some(0), "{err}");
    assert!(err.starts_with("1 job published"), "{err}");
    assert_eq!(planned(&program), serde_json::json!([closed_date()]));
}

#[test]
fn a_plan_that_cannot_write_its_output_is_published_and_exits_1() {
    let program = program();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (code, err) = plan(&program, full.into());
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("cannot write the results to stdout: No space left on device"), "{err}");
    assert_eq!(planned(&program), serde_json::json!([closed_date()]));
}
