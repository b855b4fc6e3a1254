//! The targets, with their inputs and checks.

mod broker;
#[cfg(feature = "config")]
mod config;
mod cron;
mod fields;
mod map;
mod messages;
mod opencast;
mod places;
#[cfg(feature = "config")]
mod program;
mod store;
mod zoom;

use std::path::Path;
use std::rc::Rc;

use crate::driver::{Check, Target, files};
use crate::mutate::Form;

/// All targets, in the order in which they run.
pub(crate) fn all() -> Vec<Target> {
    [
        messages::targets(),
        broker::targets(),
        zoom::targets(),
        opencast::targets(),
        map::targets(),
        store::targets(),
        places::targets(),
        cron::targets(),
        #[cfg(feature = "config")]
        config::targets(),
        #[cfg(feature = "config")]
        program::targets(),
    ]
    .concat()
}

fn target(
    name: &'static str,
    form: Form,
    seeds: Vec<Vec<u8>>,
    check: impl Fn() -> Check + 'static,
) -> Target {
    Target { name, form, seeds, check: Rc::new(check) }
}

/// Returns the fixtures of a crate whose names begin with one of `beginnings`.
fn fixtures(folder: &str, beginnings: &[&str]) -> Vec<Vec<u8>> {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("src/fixtures"));
    let is_one = |path: &&std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        beginnings.iter().any(|beginning| name.starts_with(beginning))
    };
    all.iter().filter(is_one).map(|path| std::fs::read(path).unwrap()).collect()
}

/// Checks that the output is bounded by its input.
fn bounded(output: usize, input: &[u8]) {
    assert!(output <= 8 * input.len() + 4_096, "{output} bytes are made of {}", input.len());
}

/// Checks that an error is one short line.
fn said_well(text: &str) {
    assert!(text.len() <= 1_000, "{} bytes are said of an input", text.len());
    assert!(!text.chars().any(char::is_control), "what is said of an input has control characters: {text:?}");
}
