//! Logs to stderr, as text or JSON lines, filtered by `UA_LOG`. Escapes every field of every line, so that no id or
//! text of a peer can start a line, control a terminal or reorder what it shows.

use std::fmt::Debug;
use std::io::{self, IsTerminal as _, Write};
use std::panic::PanicHookInfo;

use tracing::field::Field;
use tracing::{Subscriber, error};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{ConfigError, LogConfig};

/// Starts logging. Libraries log at most warnings, whatever the filter says.
///
/// # Errors
/// If the filter cannot be parsed.
pub(crate) fn start(log: &LogConfig) -> Result<(), ConfigError> {
    let refuse =
        |_| ConfigError::invalid("UA_LOG", format!("takes a level or a filter, not {:?}", log.filter));
    // lapin logs returned messages with their bodies, and frames with the login; hyper logs addresses.
    let quiet = ["hyper=warn", "lapin=off", "reqwest=warn", "rustls=warn", "h2=warn", "async_rs=warn"];
    let mut filter = EnvFilter::try_new(&log.filter).map_err(refuse)?;
    for directive in quiet {
        filter = filter
            .add_directive(directive.parse().map_err(|_| ConfigError::invalid("UA_LOG", "cannot be read"))?);
    }
    let terminal = io::stderr().is_terminal();
    let to = crate::progress::LogWriter::default;
    // A second start in one process, as in tests, keeps the first subscriber.
    drop(if log.json { json(filter, to).try_init() } else { text(filter, terminal, to).try_init() });
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logs where the program panicked. Omits a text that was formatted at that moment, because it can quote a document.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let text = panic.payload().downcast_ref::<&'static str>().copied();
    let text = text.unwrap_or("its text is not logged, because it may quote data");
    match panic.location() {
        Some(at) => error!("panicked at {}:{}: {text}", at.file(), at.line()),
        None => error!("panicked: {text}"),
    }
}

fn text<W>(filter: EnvFilter, terminal: bool, to: W) -> impl Subscriber
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(terminal)
        .with_target(false)
        .fmt_fields(debug_fn(write_field).delimited(" "))
        .with_writer(to)
        .finish()
}

fn json<W, T>(filter: EnvFilter, to: W) -> impl Subscriber
where
    W: Fn() -> T + Send + Sync + 'static,
    T: Write,
{
    let to = move || JsonLines(to());
    tracing_subscriber::fmt().with_env_filter(filter).json().with_ansi(false).with_writer(to).finish()
}

fn write_field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let text = format!("{value:?}");
    let text = messages::printable(&text);
    match field.name() {
        "message" => write!(to, "{text}"),
        name => write!(to, "{}={text}", name.trim_start_matches("r#")),
    }
}

/// Escapes what could control a reader's terminal in lines of JSON. Each write is a whole line.
struct JsonLines<T>(T);

impl<T: Write> Write for JsonLines<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match str::from_utf8(bytes) {
            Ok(line) => self.0.write_all(messages::printable_json(line).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;
    use tracing::{info, info_span};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// Logs a hostile text through every kind of call site.
    fn log(hostile: &str) {
        let span = info_span!("job", job = %hostile, host = ?hostile, uuid = hostile);
        let _entered = span.enter();
        info!(job = %hostile, host = ?hostile, uuid = hostile, "begun {hostile}");
        let failed: Box<dyn std::error::Error> = hostile.into();
        error!(error = &*failed, "{}", hostile);
    }

    #[test]
    fn a_panic_is_logged_with_its_place_and_without_data() {
        let kept = Kept::default();
        let to = kept.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        with_default(text(EnvFilter::new("info"), false, move || to.clone()), || {
            let name = "canary@example.org\u{1b}[2J";
            assert!(std::panic::catch_unwind(|| panic!("no row of {name}")).is_err());
            assert!(std::panic::catch_unwind(|| panic!("no\u{1b}[2J\nrow")).is_err());
        });
        std::panic::set_hook(before);
        let said = kept.text();
        assert!(said.contains("panicked at src/telemetry.rs:"), "{said:?}");
        assert!(said.contains(r"no\u{1b}[2J\nrow") && !said.contains("canary"), "{said:?}");
        assert!(said.lines().count() == 2 && !said.contains('\u{1b}'), "{said:?}");
    }

    #[test]
    fn no_field_of_any_format_forges_a_line_or_commands_a_terminal() {
        let hostile =
            "h\u{1b}[2J\n2026-01-02T03:04:05Z ERROR forged\r\u{9b}1A\u{202e}\u{2066}\u{2028}\u{85}\u{200b}";
        for terminal in [false, true] {
            let kept = Kept::default();
            let to = kept.clone();
            let lines = text(EnvFilter::new("info"), terminal, move || to.clone());
            with_default(lines, || log(hostile));
            let said = kept.text();
            assert_eq!(said.lines().count(), 2, "{said:?}");
            assert!(said.contains(r"job=h\u{1b}[2J\n2026") && said.contains(r"begun h\u{1b}"), "{said:?}");
            assert!(said.lines().all(|line| terminal || *messages::printable(line) == *line), "{said:?}");
            assert!(
                !said.contains("\u{1b}[2J") && !said.contains(['\u{9b}', '\u{202e}', '\u{85}']),
                "{said:?}"
            );
        }
        let kept = Kept::default();
        let to = kept.clone();
        with_default(json(EnvFilter::new("info"), move || to.clone()), || log(hostile));
        let said = kept.text();
        assert_eq!(said.lines().count(), 2, "{said:?}");
        for line in said.lines() {
            assert_eq!(messages::printable(line), line);
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["span"]["job"], hostile, "JSON keeps the value");
        }
    }
}
