//! Results to stdout, remarks to stderr; nothing else in the program prints. Text of peers is made printable here, so
//! that no caller can forget it.

use std::io::{self, ErrorKind, Stdout, Write};

use comfy_table::{ContentArrangement, Table, presets};
use messages::{printable, printable_json, printable_lines};
use serde::Serialize;

/// Writes a result to stdout. A reader that has gone away (`| head`) is no error.
pub(crate) fn say(text: &str) {
    write_line(&printable_lines(text));
}

fn write_line(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        // Nobody reads: end as `head` wants its writers to end.
        std::process::exit(0);
    }
}

/// Stdout for a result that is too long for [`say`]; a reader that has gone away is no error here either. Collects
/// nothing: give it large pieces.
#[derive(Debug)]
pub(crate) struct Results(Stdout);

impl Default for Results {
    fn default() -> Self {
        Self(io::stdout())
    }
}

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        until_nobody_reads(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        until_nobody_reads(self.0.flush())
    }
}

fn until_nobody_reads<T>(written: io::Result<T>) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written,
    }
}

/// Writes a result to stdout as one line of JSON.
pub(crate) fn say_json<T: Serialize + ?Sized>(value: &T) -> anyhow::Result<()> {
    write_line(&printable_json(&serde_json::to_string(value)?));
    Ok(())
}

/// Writes a remark to stderr.
#[expect(clippy::print_stderr, reason = "this is the place all others are sent to")]
pub(crate) fn remark(text: &str) {
    eprintln!("{}", printable_lines(text));
}

/// Asks a question on stderr and returns the answer, without the space around it.
///
/// # Errors
/// When the question cannot be written or the answer cannot be read.
pub(crate) fn asked(question: &str) -> io::Result<String> {
    let mut prompt = io::stderr().lock();
    write!(prompt, "{} ", printable_lines(question))?;
    prompt.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// A table with these column names.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    table
}

/// Writes a table to stdout. A cell is one line.
pub(crate) fn say_table(shown: &crate::view::Table) {
    let mut drawn = table(&shown.header);
    for row in &shown.rows {
        drawn.add_row(row.iter().map(|cell| printable(cell).into_owned()));
    }
    say(&drawn.to_string());
}
