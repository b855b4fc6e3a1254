//! Writes a table: CSV or one JSON line per row, to stdout or to a file. The file appears only when it is complete.
//! Files and pipes get every text unchanged; a terminal gets control characters escaped.

use std::borrow::Cow;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Serialize, Serializer};
use tempfile::NamedTempFile;

use crate::cli::Target;
use crate::exit::usage;
use crate::{output, units};

/// Mode of a file: rows name persons.
const MODE: u32 = 0o600;

/// Columns of identifiers. They are compared with those of other systems, so they get no prefix.
const IDENTIFIERS: [&str; 8] =
    ["meeting_uuid", "user_id", "participant_user_id", "host_id", "mpid", "huid", "series", "crn"];
/// Characters at which a spreadsheet starts a formula. Some accept the full-width forms, too.
const BEGINS_FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// Characters that separate cells in some spreadsheet's reading of CSV.
const SEPARATORS: [char; 6] = [',', ';', '\t', '\r', '\n', '|'];

/// One value of a row.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Empty,
    /// An untrusted text.
    Text(Cow<'a, str>),
    Number(i64),
    Flag(bool),
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Empty, Self::from)
    }
}

/// A table in progress.
pub(super) struct Sheet {
    columns: Vec<&'static str>,
    lines: Lines,
    /// True if the output is a terminal.
    terminal: bool,
    /// Name of the output, for errors.
    name: String,
    /// Final path of the file.
    path: Option<PathBuf>,
    rows: u64,
}

enum Lines {
    Csv(Box<csv::Writer<Sink>>),
    Json(BufWriter<Sink>),
}

enum Sink {
    Stdout(output::Results),
    /// A temporary file in the folder of the final one.
    Beside(NamedTempFile),
    /// An existing path that is not a regular file, such as a pipe or a terminal.
    Device(File),
}

impl Sheet {
    /// Starts a table with these columns.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub(super) fn open(target: &Target, columns: &[&'static str]) -> anyhow::Result<Self> {
        let name =
            target.output.as_ref().map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
        let (sink, path) = match &target.output {
            None => (Sink::Stdout(output::Results::default()), None),
            Some(path) => beside(path).map_err(|error| {
                usage(format!("cannot write {name}: {error}; name a file in a folder of yours (--output)"))
            })?,
        };
        let terminal = sink.is_terminal();
        let lines = match target.json {
            true => Lines::Json(BufWriter::new(sink)),
            false => Lines::Csv(Box::new(csv::Writer::from_writer(sink))),
        };
        let mut sheet = Self { columns: columns.to_vec(), lines, terminal, name, path, rows: 0 };
        if let Lines::Csv(csv) = &mut sheet.lines {
            csv.write_record(columns).map_err(io::Error::from).with_context(|| failed(&sheet.name))?;
        }
        Ok(sheet)
    }

    /// Writes a row: a cell for each column.
    ///
    /// # Errors
    /// If the row cannot be written.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> anyhow::Result<()> {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        let (columns, terminal) = (&self.columns, self.terminal);
        let written = match &mut self.lines {
            Lines::Csv(csv) => record(csv, columns, cells, terminal),
            Lines::Json(json) => write_json(json, &SheetRow { columns, cells }, terminal),
        };
        self.rows += 1;
        written.with_context(|| failed(&self.name))
    }

    /// Completes the table and moves the file to its final path.
    ///
    /// # Errors
    /// If the rest cannot be written.
    pub(super) fn close(self) -> anyhow::Result<()> {
        let Self { lines, name, path, rows, .. } = self;
        let sink = match lines {
            Lines::Csv(csv) => csv.into_inner().map_err(|error| error.into_error()),
            Lines::Json(json) => json.into_inner().map_err(|error| error.into_error()),
        };
        let ended = sink.and_then(|sink| match (sink, &path) {
            (Sink::Beside(file), Some(path)) => {
                file.as_file().sync_all()?;
                file.persist(path).map(drop).map_err(|error| error.error)
            }
            (mut sink, _) => sink.flush(),
        });
        ended.with_context(|| failed(&name))?;
        if path.is_some() {
            output::remark(&format!("{} in {name}", units::some(rows, "row")));
        }
        Ok(())
    }
}

fn failed(name: &str) -> String {
    format!("cannot write {name}")
}

/// Returns a temporary file in the folder of `path`, and the final path. Returns the device itself if `path` is not a
/// regular file.
fn beside(path: &Path) -> io::Result<(Sink, Option<PathBuf>)> {
    // Writes to the target of a symbolic link, not over the link.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let there = path.metadata().ok();
    if there.as_ref().is_some_and(|there| !there.is_file() && !there.is_dir()) {
        return Ok((Sink::Device(OpenOptions::new().write(true).open(&path)?), None));
    }
    if there.as_ref().is_some_and(std::fs::Metadata::is_dir) || path.file_name().is_none() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".ua-export-")
        .suffix(".part")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder)
        // Drop the name of the temporary file, which the operator does not know.
        .map_err(|error| io::Error::from(error.kind()))?;
    file.as_file().set_permissions(Permissions::from_mode(MODE))?;
    if there.is_some_and(|there| there.permissions().mode() & 0o077 != 0) {
        output::remark(&format!("others could read {}: its mode becomes {MODE:04o}", path.display()));
    }
    Ok((Sink::Beside(file), Some(path)))
}

impl Sink {
    fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(_) => io::stdout().is_terminal(),
            Self::Beside(_) => false,
            Self::Device(file) => file.is_terminal(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(results) => results.write(bytes),
            Self::Beside(file) => file.write(bytes),
            Self::Device(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(results) => results.flush(),
            Self::Beside(file) => file.flush(),
            Self::Device(file) => file.flush(),
        }
    }
}

fn record<W: Write>(
    csv: &mut csv::Writer<W>,
    columns: &[&'static str],
    cells: &[Cell<'_>],
    terminal: bool,
) -> io::Result<()> {
    for (column, cell) in columns.iter().zip(cells) {
        match cell {
            Cell::Empty => csv.write_field(""),
            Cell::Text(text) => {
                let text = if IDENTIFIERS.contains(column) { identifier(text) } else { harmless(text) };
                csv.write_field(&*if terminal { messages::printable(&text) } else { Cow::Borrowed(&*text) })
            }
            Cell::Number(number) => csv.write_field(number.to_string()),
            Cell::Flag(flag) => csv.write_field(if *flag { "true" } else { "false" }),
        }?;
    }
    Ok(csv.write_record(None::<&[u8]>)?)
}

fn write_json<W: Write>(to: &mut W, row: &SheetRow<'_>, terminal: bool) -> io::Result<()> {
    if terminal {
        to.write_all(messages::printable_json(&serde_json::to_string(row)?).as_bytes())?;
    } else {
        serde_json::to_writer(&mut *to, row)?;
    }
    to.write_all(b"\n")
}

/// Returns a valid identifier unchanged, and other text made harmless. A base64 id may begin with `+`, but its alphabet
/// has none of the characters for function calls and cell references.
fn identifier(text: &str) -> Cow<'_, str> {
    let id = text.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte);
    if !id.is_empty() && id.bytes().all(fits) { Cow::Borrowed(text) } else { harmless(text) }
}

/// Prefixes each place where a spreadsheet could start a formula with `'`. Some spreadsheets split a text into several
/// cells, and each of them could start one.
fn harmless(text: &str) -> Cow<'_, str> {
    let (mut safe, mut done) = (String::new(), 0);
    // True if a cell could begin here.
    let mut begins = true;
    for (at, sign) in text.char_indices() {
        if begins && (BEGINS_FORMULA.contains(&sign) || at == 0 && matches!(sign, '\t' | '\r' | '\n')) {
            safe.push_str(&text[done..at]);
            safe.push('\'');
            done = at;
            begins = false;
        }
        begins = SEPARATORS.contains(&sign) || begins && (sign.is_whitespace() || sign == '"');
    }
    if done == 0 && safe.is_empty() {
        return Cow::Borrowed(text);
    }
    safe.push_str(&text[done..]);
    Cow::Owned(safe)
}

struct SheetRow<'a> {
    columns: &'a [&'static str],
    cells: &'a [Cell<'a>],
}

impl Serialize for SheetRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(self.cells))
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 3] = ["name", "number", "flag"];

    fn target(folder: &Path, json: bool) -> Target {
        Target { output: Some(folder.join("t.csv")), json }
    }

    fn written(json: bool, rows: &[[Cell<'_>; 3]]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path(), json);
        let mut sheet = Sheet::open(&target, &COLUMNS).unwrap();
        rows.iter().for_each(|row| sheet.row(row).unwrap());
        sheet.close().unwrap();
        std::fs::read_to_string(target.output.unwrap()).unwrap()
    }

    fn names(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_text_that_would_be_a_formula_is_made_harmless_and_a_number_is_left() {
        for text in ["=1+1", "+1", "-1", "@a", "\ta", "\ra", "\na"] {
            let row = [text.into(), Cell::Number(-1), Cell::Flag(true)];
            let csv = written(false, std::slice::from_ref(&row));
            let mut reader = csv::Reader::from_reader(csv.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(&record[0], format!("'{text}"), "{csv:?}");
            assert_eq!(&record[1], "-1", "a number is no formula");
            let json: serde_json::Value = serde_json::from_str(&written(true, &[row])).unwrap();
            assert_eq!(json["name"], text, "JSON has it as it is");
        }
        let csv = written(false, &[["a=1".into(), Cell::Empty, Cell::Empty]]);
        assert_eq!(csv, "name,number,flag\na=1,,\n");
    }

    #[test]
    fn a_formula_behind_a_separator_is_made_harmless_too() {
        for (text, safe) in [
            (" =1+1", " '=1+1"),
            ("\u{a0}=1", "\u{a0}'=1"),
            ("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"),
            ("x, @SUM(1)", "x, '@SUM(1)"),
            ("x\t+1", "x\t'+1"),
            ("x\n-1\r=2", "x\n'-1\r'=2"),
            ("x;\"=1", "x;\"'=1"),
            ("＝1", "'＝1"),
            ("Algebra 1-2, 3+4 (a=b; c)", "Algebra 1-2, 3+4 (a=b; c)"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), safe, "{text:?}");
        }
    }

    #[test]
    fn an_identifier_stays_as_it_is() {
        for id in ["+AbC/d1e2f3g4h5i6j7k8w==", "/AbCdefghijklmnopqrstuw==", "-x_9", "16778240", "a-b-c"] {
            assert_eq!(identifier(id), id);
        }
        for (text, safe) in [("=cmd", "'=cmd"), ("=", "'="), ("+1(2)", "'+1(2)"), ("@a", "'@a")] {
            assert_eq!(identifier(text), safe);
        }
        let mut csv = csv::Writer::from_writer(Vec::new());
        let row = ["+aa==".into(), "+topic".into(), "@ada".into()];
        record(&mut csv, &["meeting_uuid", "topic", "user_name"], &row, false).unwrap();
        assert_eq!(csv.into_inner().unwrap(), b"+aa==,'+topic,'@ada\n");
    }

    #[test]
    fn a_terminal_gets_printable_text_and_a_file_gets_it_as_it_is() {
        let topic = "a\u{1b}[2J\u{202e}b\u{9b}\u{2028}";
        for (terminal, wanted) in [(true, messages::printable(topic).into_owned()), (false, topic.to_owned())]
        {
            let row = [topic.into()];
            let mut csv = csv::Writer::from_writer(Vec::new());
            record(&mut csv, &["topic"], &row, terminal).unwrap();
            assert_eq!(String::from_utf8(csv.into_inner().unwrap()).unwrap().trim_end_matches('\n'), wanted);
            let mut json = Vec::new();
            write_json(&mut json, &SheetRow { columns: &["topic"], cells: &row }, terminal).unwrap();
            let json = String::from_utf8(json).unwrap();
            assert_eq!(messages::printable_json(&json) == json, terminal);
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(value["topic"], topic);
        }
    }

    #[test]
    fn any_text_comes_back_as_it_was() {
        for text in ["a,b", "a\"b", "a\nb", "ä 😀", "", " a ", "a\0b"] {
            let csv = written(false, &[[text.into(), Cell::Empty, Cell::Flag(false)]]);
            let mut reader = csv::Reader::from_reader(csv.as_bytes());
            assert_eq!(&reader.records().next().unwrap().unwrap()[0], text, "{csv:?}");
        }
    }

    #[test]
    fn json_has_the_columns_in_their_order() {
        let rows = [["a".into(), Cell::Number(1), Cell::Flag(true)], ["b".into(), Cell::Empty, Cell::Empty]];
        let wanted =
            "{\"name\":\"a\",\"number\":1,\"flag\":true}\n{\"name\":\"b\",\"number\":null,\"flag\":null}\n";
        assert_eq!(written(true, &rows), wanted);
    }

    #[test]
    fn a_file_is_there_when_it_is_complete_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path(), false);
        let path = target.output.clone().unwrap();
        std::fs::write(&path, "before").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let mut sheet = Sheet::open(&target, &COLUMNS).unwrap();
        sheet.row(&["a".into(), Cell::Empty, Cell::Empty]).unwrap();
        drop(sheet);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before", "given up: all is as it was");
        assert_eq!(names(folder.path()), 1, "and nothing lies about");
        Sheet::open(&target, &COLUMNS).unwrap().close().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,number,flag\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "nobody else may read it");
        assert_eq!(names(folder.path()), 1);
    }

    #[test]
    fn what_is_no_file_is_written_to_and_not_replaced() {
        let target = Target { output: Some("/dev/null".into()), json: false };
        let mut sheet = Sheet::open(&target, &COLUMNS).unwrap();
        sheet.row(&["a".into(), Cell::Empty, Cell::Empty]).unwrap();
        sheet.close().unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
        for path in ["/nowhere/t.csv", "/", "/dev", "/dev/null/t.csv"] {
            let target = Target { output: Some(path.into()), json: false };
            let error = Sheet::open(&target, &COLUMNS).map(drop).unwrap_err();
            assert!(crate::exit::is_users(&error) && error.to_string().contains(path), "{error}");
        }
    }
}
