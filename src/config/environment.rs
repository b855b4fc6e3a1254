//! The environment, with `.env` below it. Read here and nowhere else.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ConfigError, VARIABLES};

/// Variables by name: the process's own win over those of `.env`; an empty one counts as unset.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
}

impl Environment {
    /// The process's environment over the `.env` of the current folder, if there is one.
    ///
    /// # Errors
    /// When there is a `.env` that cannot be read.
    #[expect(clippy::disallowed_methods, reason = "this is the place all others are sent to")]
    pub fn load() -> Result<Self, ConfigError> {
        let mut values = dotenv(Path::new(".env"))?;
        for variable in VARIABLES {
            if let Ok(value) = std::env::var(variable.name) {
                values.insert(variable.name.to_owned(), value);
            }
        }
        Ok(Self { values })
    }

    /// An environment of these variables alone: for tests and for the demo.
    pub fn of(values: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self { values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
    }

    /// The value of a variable, unless it is unset or empty.
    pub fn get(&self, name: &'static str) -> Option<&str> {
        debug_assert!(VARIABLES.iter().any(|variable| variable.name == name), "{name} is not in VARIABLES");
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The value of a variable, or the default that `VARIABLES` gives.
    pub fn get_or_default(&self, name: &'static str) -> &str {
        let default =
            VARIABLES.iter().find(|variable| variable.name == name).and_then(|variable| variable.default);
        self.get(name).or(default).unwrap_or_default()
    }

    /// The parsed value of a variable that has a default.
    ///
    /// # Errors
    /// When the value cannot be parsed; the error names the variable and what it takes.
    pub fn parsed<T>(&self, name: &'static str, takes: &str) -> Result<T, ConfigError>
    where
        T: std::str::FromStr,
    {
        let text = self.get_or_default(name);
        text.parse().map_err(|_| ConfigError::invalid(name, format!("takes {takes}, not {text:?}")))
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When the value is neither.
    pub fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.get_or_default(name).to_ascii_lowercase().as_str() {
            "" | "false" | "no" | "0" => Ok(false),
            "true" | "yes" | "1" => Ok(true),
            other => Err(ConfigError::invalid(name, format!("takes true or false, not {other:?}"))),
        }
    }
}

impl std::fmt::Debug for Environment {
    /// Names only: a value may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

fn dotenv(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        _ => {}
    }
    let unreadable = |error: dotenvy::Error| ConfigError::Dotenv {
        // A parse error quotes the line, which may hold a secret: say which line, not what it says.
        why: match error {
            dotenvy::Error::LineParse(_, at) => format!("a line cannot be parsed (near its character {at})"),
            dotenvy::Error::Io(error) => error.to_string(),
            _ => "it cannot be parsed".to_owned(),
        },
    };
    dotenvy::from_path_iter(path).map_err(unreadable)?.map(|pair| pair.map_err(unreadable)).collect()
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
    fn debug_shows_names_only() {
        let environment = Environment::of([("ZOOM_CLIENT_SECRET", "canary".to_owned())]);
        assert_eq!(format!("{environment:?}"), r#"{"ZOOM_CLIENT_SECRET"}"#);
    }
}
