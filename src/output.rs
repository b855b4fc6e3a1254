//! Writes results to stdout and remarks to stderr; no other module prints. Escapes control characters in text of peers,
//! so that no caller can forget it.

use std::io::{self, ErrorKind, Stdout, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::{ContentArrangement, Table, presets};
use messages::{printable, printable_json, printable_lines};
use serde::Serialize;

/// The first failed write to stdout. Later lines are dropped.
static BROKEN: OnceLock<io::Error> = OnceLock::new();
/// True if the reader of [`Results`] closed the pipe, which ended the command.
static ABANDONED: AtomicBool = AtomicBool::new(false);

/// Writes a result to stdout. After a failed write, later lines are dropped and the command continues: a closed pipe
/// (`ua plan | head -1`) must not stop its work. [`failure`] returns the error at the end.
pub(crate) fn say(text: &str) {
    write_line(&printable_lines(text));
}

fn write_line(text: &str) {
    if !is_broken() {
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
            let _ = BROKEN.set(error);
        }
    }
}

/// True if stdout accepts no more lines. A command that only prints can stop then.
pub(crate) fn is_broken() -> bool {
    BROKEN.get().is_some()
}

/// Returns the reason why results are missing from stdout. A pipe that its reader closed is not a failure.
pub(crate) fn failure() -> Option<String> {
    let error = BROKEN.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)?;
    Some(format!("cannot write the results to stdout: {error}; the work itself is done"))
}

/// True if a command failed only because the reader of its [`Results`] closed the pipe.
pub(crate) fn is_abandoned() -> bool {
    ABANDONED.load(Ordering::Relaxed)
}

/// Stdout for a result that is too long for [`say`]. Fails when its reader closes the pipe; see [`is_abandoned`].
/// Unbuffered: write large pieces.
#[derive(Debug)]
pub(crate) struct Results(Stdout);

impl Default for Results {
    fn default() -> Self {
        Self(io::stdout())
    }
}

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        note_closed_pipe(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        note_closed_pipe(self.0.flush())
    }
}

fn note_closed_pipe<T>(written: io::Result<T>) -> io::Result<T> {
    written.inspect_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            ABANDONED.store(true, Ordering::Relaxed);
        }
    })
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

/// Asks a question on stderr and returns the trimmed answer.
///
/// # Errors
/// If the question cannot be written or the answer cannot be read.
pub(crate) fn asked(question: &str) -> io::Result<String> {
    let mut prompt = io::stderr().lock();
    write!(prompt, "{} ", printable_lines(question))?;
    prompt.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Creates a table with these column names.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    table
}

/// Writes a table to stdout; each cell is one line.
pub(crate) fn say_table(shown: &crate::view::Table) {
    let mut drawn = table(&shown.header);
    for row in &shown.rows {
        drawn.add_row(row.iter().map(|cell| printable(cell).into_owned()));
    }
    say(&drawn.to_string());
}
