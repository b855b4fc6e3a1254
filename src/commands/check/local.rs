//! Checks the data folder and the local file in it.

use std::io::Write as _;
use std::path::Path;

use runtime::broker::local;

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::units;

/// Free space below which the check warns.
const LITTLE: u64 = 1 << 30;
/// Free space below which the check fails: work stops soon.
const TOO_LITTLE: u64 = 64 << 20;

pub(super) fn examine(config: &Config) -> Vec<Diagnostic> {
    let folder = &config.data_dir;
    let mut diagnostics = vec![writable(folder)];
    diagnostics.extend(space(folder));
    diagnostics.extend(file(folder));
    diagnostics
}

/// True if the local file exists. Opening the store would create it.
pub(super) fn is_there(config: &Config) -> bool {
    config.data_dir.join("ua.db").exists()
}

/// Writes to an unnamed temporary file, which leaves nothing behind.
fn writable(folder: &Path) -> Diagnostic {
    let (place, text) = match folder.is_dir() {
        true => (folder, format!("{} can be written to", folder.display())),
        false => {
            let text =
                format!("{} is not there yet: the first command that needs it makes it", folder.display());
            (ancestor(folder), text)
        }
    };
    let written = tempfile::tempfile_in(place).and_then(|mut file| file.write_all(&[0; 8_192]));
    match written {
        Ok(()) => Diagnostic::well("data folder", text),
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            Diagnostic::worlds("data folder", format!("the disk with {} is full", place.display()))
                .remedy("free some space")
        }
        Err(error) => Diagnostic::users(
            "data folder",
            format!("cannot write to {}: {}", place.display(), plain(&error)),
        )
        .remedy("set UA_DATA_DIR, or change the folder's rights"),
    }
}

/// Returns the error without the name of the temporary file.
fn plain(error: &std::io::Error) -> String {
    error.kind().to_string()
}

/// Returns the nearest existing ancestor.
fn ancestor(folder: &Path) -> &Path {
    let there = folder.ancestors().find(|above| !above.as_os_str().is_empty() && above.exists());
    there.unwrap_or(Path::new("."))
}

fn space(folder: &Path) -> Option<Diagnostic> {
    let place = if folder.exists() { folder } else { ancestor(folder) };
    let told = rustix::fs::statvfs(place).ok()?;
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    let text = format!("{} MB free", units::count(free >> 20));
    let remedy = "free some space: a full disk stops all work, and loses nothing";
    Some(match free {
        _ if free < TOO_LITTLE => Diagnostic::worlds("disk", text).remedy(remedy),
        _ if free < LITTLE => Diagnostic::notable("disk", text).remedy(remedy),
        _ => Diagnostic::well("disk", text),
    })
}

fn file(folder: &Path) -> Option<Diagnostic> {
    let name = folder.join("ua.db");
    let seen = match local::inspect(folder) {
        Ok(seen) => seen?,
        Err(error) => {
            let remedy = "put a copy of it in its place, or move it away";
            return Some(Diagnostic::users("local file", error.to_string()).remedy(remedy));
        }
    };
    let version = seen.version.map_or("none yet".to_owned(), |version| version.to_string());
    if seen.version.is_some_and(|version| version > seen.known_version) {
        let text = format!(
            "{} was written by a newer ua (queues version {version}, this ua knows {})",
            name.display(),
            seen.known_version
        );
        return Some(Diagnostic::users("local file", text).remedy("upgrade this ua"));
    }
    let who = match seen.processes.len() {
        0 => "nobody has it open".to_owned(),
        _ => format!("open in {}", seen.processes.join(", ")),
    };
    let text = format!("queues version {version}, {} waiting; {who}", units::some(seen.waiting, "message"));
    Some(Diagnostic::well("local file", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::State;

    #[test]
    fn looking_at_a_folder_leaves_it_as_it_was() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("a/b");
        assert_eq!(writable(&folder).state, State::Well);
        assert!(space(&folder).is_some());
        assert_eq!(file(&folder), None);
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 0);
        std::fs::write(outer.path().join("a"), "no folder").unwrap();
        let diagnostic = writable(&folder);
        assert!(diagnostic.users && diagnostic.remedy.unwrap().contains("UA_DATA_DIR"));
    }
}
