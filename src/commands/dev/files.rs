//! The compose file and its `.env`, written once; existing files are kept.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::exit::usage;

pub(super) const COMPOSE: &str = "docker-compose.yml";
pub(super) const ENV: &str = ".env";

const COMPOSE_TEXT: &str = include_str!("../../../docker/docker-compose.yml");
const ENV_TEXT: &str = include_str!("../../../docker/example.env");
const PASSWORD: &str = "RABBITMQ_PASSWORD";
const PROJECT: &str = "COMPOSE_PROJECT_NAME";

/// Writes missing files; returns one line of outcome per file.
pub(super) fn init(folder: &Path) -> anyhow::Result<[String; 2]> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok([write(&folder.join(COMPOSE), COMPOSE_TEXT, 0o644)?, write(&folder.join(ENV), &env_text()?, 0o600)?])
}

/// Returns the `.env` of new servers, with a random password and project name. RabbitMQ sets its password only when its
/// volume is created. So servers of another folder, or servers created after a removal, need other volumes.
fn env_text() -> anyhow::Result<String> {
    let random = || random_digits().context("cannot make a password");
    let (password, name) = (random()?, random()?);
    let text = ENV_TEXT.replacen(&format!("{PASSWORD}=\n"), &format!("{PASSWORD}={password}\n"), 1);
    Ok(format!(
        "# The name of these servers for Docker; the password below is that of their volumes.\n{PROJECT}=ua-dev-{}\n\n{text}",
        &name[..8]
    ))
}

/// Checks that the files exist.
///
/// # Errors
/// If one is missing.
pub(super) fn must_be_there(folder: &Path) -> anyhow::Result<()> {
    match [COMPOSE, ENV].iter().all(|name| folder.join(name).is_file()) {
        true => Ok(()),
        false => Err(usage(format!(
            "{} holds no servers: `ua dev up` makes them, --folder says where they are",
            folder.display()
        ))),
    }
}

/// Returns RabbitMQ's password.
pub(super) fn password(folder: &Path) -> anyhow::Result<String> {
    let missing = || usage(format!("{PASSWORD} is not set in {}", folder.join(ENV).display()));
    value(folder, PASSWORD)?.ok_or_else(missing)
}

/// Returns Docker's project name of the servers. An `.env` of an older version has none.
pub(super) fn project(folder: &Path) -> anyhow::Result<String> {
    Ok(value(folder, PROJECT)?.unwrap_or_else(|| "ua-dev".to_owned()))
}

fn value(folder: &Path, wanted: &str) -> anyhow::Result<Option<String>> {
    let path = folder.join(ENV);
    // The parser's error quotes the line, which may hold the password.
    let unreadable = || usage(format!("cannot read {}", path.display()));
    let pairs = dotenvy::from_path_iter(&path).map_err(|_| unreadable())?;
    for pair in pairs {
        let (name, value) = pair.map_err(|_| unreadable())?;
        if name == wanted && !value.is_empty() {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<String> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    match file.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(format!("wrote {}", path.display())),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok(format!("{} is there and stays as it is", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

fn random_digits() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_written_once_and_the_password_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        assert!(must_be_there(&folder).unwrap_err().to_string().contains("ua dev up"));
        assert!(init(&folder).unwrap().iter().all(|line| line.starts_with("wrote ")));
        let first = password(&folder).unwrap();
        assert_eq!(first.len(), 32);
        let mode = std::fs::metadata(folder.join(ENV)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(init(&folder).unwrap().iter().all(|line| line.ends_with("stays as it is")));
        assert_eq!(password(&folder).unwrap(), first);
        must_be_there(&folder).unwrap();
    }

    #[test]
    fn servers_of_another_folder_or_of_a_new_env_have_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let named = || {
            init(folder.path()).unwrap();
            project(folder.path()).unwrap()
        };
        let first = named();
        assert!(first.starts_with("ua-dev-") && first.len() == 15, "{first}");
        assert_eq!(named(), first);
        std::fs::remove_file(folder.path().join(ENV)).unwrap();
        assert_ne!(named(), first);
        std::fs::write(folder.path().join(ENV), "RABBITMQ_PASSWORD=x\n").unwrap();
        assert_eq!(named(), "ua-dev");
    }

    #[test]
    fn a_password_that_cannot_be_read_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(ENV), "RABBITMQ_PASSWORD='canary\nnext").unwrap();
        let error = password(folder.path()).unwrap_err().to_string();
        assert!(error.contains(".env") && !error.contains("canary"), "{error}");
        std::fs::write(folder.path().join(ENV), "RABBITMQ_PASSWORD=\n").unwrap();
        assert!(password(folder.path()).unwrap_err().to_string().contains("not set"));
    }
}
