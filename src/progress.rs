//! Progress of long commands on stderr: one bar per stage on a terminal, else a plain line every 10 seconds.

use std::io::{IsTerminal as _, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::info;

/// Interval between two lines without a terminal.
const EVERY: Duration = Duration::from_secs(10);

fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

/// Writes log lines above the bars.
#[derive(Debug, Default)]
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        bars().suspend(|| std::io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// Progress of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stage {
    /// What the stage does, for example `details`.
    pub name: &'static str,
    /// Number of finished units.
    pub done: u64,
    /// Number of known units; grows while lists are read.
    pub of: u64,
    /// Why the stage waits; `None` if it does not.
    pub note: Option<String>,
}

/// Shows stages until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bars: Vec<ProgressBar>,
    terminal: bool,
    said: Instant,
}

impl Progress {
    /// Creates a display for stages with these names.
    pub(crate) fn new(names: &[&'static str]) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let style = ProgressStyle::with_template("{prefix:>10} {bar:32} {pos}/{len} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |name: &&'static str| {
            bars().add(ProgressBar::new(0).with_style(style.clone()).with_prefix(*name))
        };
        Self {
            bars: if terminal { names.iter().map(bar).collect() } else { Vec::new() },
            terminal,
            said: Instant::now(),
        }
    }

    /// Shows the stages, in the order of their names.
    pub(crate) fn show(&mut self, stages: &[Stage]) {
        for (bar, stage) in self.bars.iter().zip(stages) {
            bar.set_length(stage.of);
            bar.set_position(stage.done);
            let note = stage.note.as_deref().unwrap_or_default();
            bar.set_message(messages::printable(note).into_owned());
        }
        if !self.terminal && self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            let text: Vec<String> = stages.iter().map(line).collect();
            info!("{}", text.join(", "));
        }
    }
}

fn line(stage: &Stage) -> String {
    match &stage.note {
        Some(note) => format!("{} {}/{} ({note})", stage.name, stage.done, stage.of),
        None => format!("{} {}/{}", stage.name, stage.done, stage.of),
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for bar in &self.bars {
            bar.finish_and_clear();
        }
    }
}
