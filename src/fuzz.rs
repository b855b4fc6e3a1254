//! Entry points for the fuzz targets: answers, files and requests that only the program reads.

use std::path::Path;

use crate::{commands, config, console};

pub use console::fuzz::{Query, query};

/// What is found in an answer of the broker's management API; `None` when it is none.
pub fn management(body: &[u8]) -> Option<Vec<String>> {
    let diagnostics = commands::check::management::read(body)?;
    Some(diagnostics.into_iter().map(|diagnostic| diagnostic.text).collect())
}

/// How many people an answer of the course list names.
///
/// # Errors
/// With what is said of an answer that is none.
pub fn course_list(body: &[u8]) -> Result<usize, String> {
    commands::export::course_list::people(body).map_err(|error| error.to_string())
}

/// How many variables a file in the form of `.env` sets, and the bytes of their values.
///
/// # Errors
/// With what is said of a file that cannot be used.
pub fn dotenv(path: &Path) -> Result<(usize, usize), String> {
    let values = config::dotenv(path).map_err(|error| error.to_string())?;
    Ok((values.len(), values.values().map(String::len).sum()))
}
