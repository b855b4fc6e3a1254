//! The environment variables, with `.env` as fallback. No other module reads the environment.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ConfigError, VARIABLES};

/// Variables by name. The process's variables override those of `.env`; an empty variable counts as unset.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
}

impl Environment {
    /// Loads the process's environment, then systemd's credential `ua.env`, then `.env` in the current folder. Earlier
    /// ones win; missing files are skipped.
    ///
    /// # Errors
    /// When one of the files exists and cannot be read.
    #[expect(clippy::disallowed_methods, reason = "this is the place all others are sent to")]
    pub fn load() -> Result<Self, ConfigError> {
        let mut values = dotenv(Path::new(".env"))?;
        if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
            values.extend(dotenv(&Path::new(&folder).join(CREDENTIAL))?);
        }
        for variable in VARIABLES {
            if let Ok(value) = std::env::var(variable.name) {
                values.insert(variable.name.to_owned(), value);
            }
        }
        if let Some(path) = std::env::var_os(CLOCK).filter(|path| !path.is_empty()) {
            follow_clock(path.into());
        }
        let others = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        values.extend(others.filter(|name| looks_like_ours(name)).map(|name| (name, String::new())));
        Ok(Self { values })
    }

    /// Returns the names that are set, have a prefix of this program's variables, and are not in [`VARIABLES`].
    pub fn unknown(&self) -> Vec<&str> {
        let names = self.values.keys().map(String::as_str);
        names.filter(|name| looks_like_ours(name)).collect()
    }

    /// Builds an environment of these variables only, for tests and the demo.
    pub fn of(values: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self { values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
    }

    /// Sets one variable.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Returns the trimmed value of a variable; `None` when it is unset or empty.
    pub fn get(&self, name: &'static str) -> Option<&str> {
        debug_assert!(VARIABLES.iter().any(|variable| variable.name == name), "{name} is not in VARIABLES");
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable, or its default from [`VARIABLES`].
    pub fn get_or_default(&self, name: &'static str) -> &str {
        let default =
            VARIABLES.iter().find(|variable| variable.name == name).and_then(|variable| variable.default);
        self.get(name).or(default).unwrap_or_default()
    }

    /// Returns the parsed value of a variable that has a default.
    ///
    /// # Errors
    /// When the value cannot be parsed. The error names the variable and the values it takes.
    pub fn parsed<T>(&self, name: &'static str, takes: &str) -> Result<T, ConfigError>
    where
        T: std::str::FromStr,
    {
        let text = self.get_or_default(name);
        text.parse().map_err(|_| ConfigError::invalid(name, format!("takes {takes}, not {text:?}")))
    }

    /// Returns the value of a boolean variable.
    ///
    /// # Errors
    /// When the value is not `true`, `yes`, `1`, `false`, `no` or `0`.
    pub fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.get_or_default(name).to_ascii_lowercase().as_str() {
            "" | "false" | "no" | "0" => Ok(false),
            "true" | "yes" | "1" => Ok(true),
            other => Err(ConfigError::invalid(name, format!("takes true or false, not {other:?}"))),
        }
    }
}

/// Names a file with the seconds by which this process's clock is ahead. For tests only.
const CLOCK: &str = "UA_TEST_CLOCK";

/// Sets the clock offset from the file every 100 ms.
fn follow_clock(path: std::path::PathBuf) {
    let set = move || {
        let seconds = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        runtime::clock::set_ahead(jiff::SignedDuration::from_secs(seconds.unwrap_or(0)));
    };
    set();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(std::time::Duration::from_millis(100));
            set();
        }
    });
}

/// Name of systemd's credential (`LoadCredential=`): a file in the format of `.env`.
const CREDENTIAL: &str = "ua.env";

/// Prefixes of this program's variables.
const OURS: [&str; 5] = ["UA_", "ZOOM_", "OPENCAST_", "ES_", "AMQP_"];
/// Prefixes of other programs' variables among these: the test suites and Elasticsearch.
const OTHERS: [&str; 5] = ["UA_TEST_", "UA_CACHE", "UA_SERVICES_", "ES_JAVA_", "ES_HOME"];

fn looks_like_ours(name: &str) -> bool {
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
    let known = || VARIABLES.iter().any(|variable| variable.name == name);
    begins(&OURS) && !begins(&OTHERS) && !known()
}

impl std::fmt::Debug for Environment {
    /// Shows names only: a value may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// The variables of a file in the form of `.env`; none where there is no file.
pub(crate) fn dotenv(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        _ => {}
    }
    let unreadable = |error: dotenvy::Error| ConfigError::Dotenv {
        path: path.to_owned(),
        // A parse error quotes the line, which may hold a secret: report its position only.
        why: match error {
            dotenvy::Error::LineParse(_, at) => format!("a line cannot be parsed (near its character {at})"),
            dotenvy::Error::Io(error) => error.to_string(),
            _ => "it cannot be parsed".to_owned(),
        },
    };
    let values: BTreeMap<String, String> = dotenvy::from_path_iter(path)
        .map_err(unreadable)?
        .map(|pair| pair.map_err(unreadable))
        .collect::<Result<_, _>>()?;
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(dotenvy::Error::Io(error)))?;
    match text.lines().find_map(|line| vanishing(line, &values)) {
        Some(name) => Err(ConfigError::Dotenv {
            path: path.to_owned(),
            why: format!(
                "{name} has a $ that names no variable and would vanish; put the value into single quotes"
            ),
        }),
        None => Ok(values),
    }
}

/// Returns the variable whose value has a `$` followed by an unset name. The parser would remove it, for example from a
/// password.
#[expect(clippy::disallowed_methods, reason = "this is the place all others are sent to")]
fn vanishing<'a>(line: &'a str, values: &BTreeMap<String, String>) -> Option<&'a str> {
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim().trim_start_matches("export ").trim(), value.trim());
    if name.starts_with('#') || value.starts_with('\'') {
        return None;
    }
    let known = |named: &str| values.contains_key(named) || std::env::var_os(named).is_some();
    let mut pieces = value.split('$');
    let mut before = pieces.next()?;
    for piece in pieces {
        // Without braces, the parser ends a name at an underscore: it reads `$UA_LOG` as `$UA` and `_LOG`.
        let (bare, braced) = piece.strip_prefix('{').map_or((piece, false), |rest| (rest, true));
        let is_name = |c: char| c.is_ascii_alphanumeric() || (braced && c == '_');
        let end = bare.find(|c: char| !is_name(c)).unwrap_or(bare.len());
        if !before.ends_with('\\') && !known(&bare[..end]) {
            return Some(name);
        }
        before = piece;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let environment = Environment::of([("ZOOM_PLAN", "  ".to_owned()), ("UA_RAW_DAYS", "7".to_owned())]);
        assert_eq!(environment.get("ZOOM_PLAN"), None);
        assert_eq!(environment.get_or_default("ZOOM_PLAN"), "business");
        assert_eq!(environment.parsed::<u32>("UA_RAW_DAYS", "days").unwrap(), 7);
    }

    #[test]
    fn a_broken_dotenv_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "ZOOM_CLIENT_SECRET='canary\nnext").unwrap();
        let error = dotenv(&path).unwrap_err().to_string();
        assert!(error.contains(".env") && !error.contains("canary"), "{error}");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(dotenv(&path).unwrap_err().to_string().contains(".env"));
    }

    #[test]
    fn a_dollar_that_would_vanish_is_refused_and_one_that_is_meant_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            dotenv(&path)
        };
        for text in [
            "ES_PASSWORD=canary$word",
            "ES_PASSWORD=\"canary${word}\"",
            "export ES_PASSWORD=canary$$",
            "UA_LOG=info\nES_PASSWORD=canary$UA_LOG",
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("ES_PASSWORD") && error.contains("single quotes"), "{text}: {error}");
            assert!(!error.contains("canary"), "{error}");
        }
        let kept =
            read("ES_USER='a$b'\nES_PASSWORD=a\\$b\nUA_LOG=info\nUA_DATA_DIR=x/${UA_LOG}\n# A=$b").unwrap();
        assert_eq!((kept["ES_USER"].as_str(), kept["ES_PASSWORD"].as_str()), ("a$b", "a$b"));
        assert_eq!(kept["UA_DATA_DIR"], "x/info");
    }

    #[test]
    fn debug_shows_names_only() {
        let environment = Environment::of([("ZOOM_CLIENT_SECRET", "canary".to_owned())]);
        assert_eq!(format!("{environment:?}"), r#"{"ZOOM_CLIENT_SECRET"}"#);
    }
}
