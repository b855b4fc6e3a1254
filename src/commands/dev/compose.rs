//! Calls `docker compose` and says what is missing if it cannot be called.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::process::Command;

use super::files;

/// Advice for a machine without a container engine.
const WITHOUT: &str = "`ua demo` shows the whole pipeline and needs no container";
/// Oldest Compose version that can read the file.
const OLDEST: (u32, u32) = (2, 24);

#[derive(Debug)]
pub(super) struct Compose {
    folder: PathBuf,
}

/// A container as `docker compose ps` reports it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Service {
    pub(super) service: String,
    #[serde(default)]
    pub(super) state: String,
    #[serde(default)]
    pub(super) health: String,
}

impl Compose {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Checks that a container engine answers.
    ///
    /// # Errors
    /// If something is missing: says what.
    pub(super) async fn engine(&self) -> anyhow::Result<()> {
        let Ok(version) = output(Command::new("docker").args(["compose", "version", "--short"])).await else {
            bail!("there is no command docker: install Docker with Compose; {WITHOUT}");
        };
        if !version.status.success() {
            bail!("docker has no Compose: install its Compose plugin; {WITHOUT}");
        }
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        if numbers(&version).is_some_and(|version| version < OLDEST) {
            bail!("Compose {version} is too old: 2.24 or newer is needed; {WITHOUT}");
        }
        let info =
            output(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"])).await?;
        if !info.status.success() {
            let why = String::from_utf8_lossy(&info.stderr);
            let why = why.lines().last().unwrap_or("it does not say why").trim();
            bail!("no container engine answers ({why}): start Docker; {WITHOUT}");
        }
        Ok(())
    }

    /// Runs a subcommand; its messages go to stderr.
    pub(super) async fn run(&self, words: &[&str]) -> anyhow::Result<()> {
        ended_well(words, self.command(words)?.stdout(Stdio::null()).status().await)
    }

    /// Runs a subcommand; its output is the result.
    pub(super) async fn show(&self, words: &[&str]) -> anyhow::Result<()> {
        ended_well(words, self.command(words)?.status().await)
    }

    /// Returns all containers, stopped ones included.
    pub(super) async fn services(&self) -> anyhow::Result<Vec<Service>> {
        let text = self.answer(&["ps", "--all", "--format", "json"]).await?;
        services(&text).context("cannot read what `docker compose ps` says")
    }

    /// Returns where a port of a service is published: `address:port`.
    pub(super) async fn port(&self, service: &str, port: u16) -> anyhow::Result<String> {
        let text = self.answer(&["port", service, &port.to_string()]).await?;
        Ok(text.trim().to_owned())
    }

    async fn answer(&self, words: &[&str]) -> anyhow::Result<String> {
        let answer = output(&mut self.command(words)?).await?;
        if !answer.status.success() {
            bail!("`docker compose {}` failed: {}", words.join(" "), one_line(&answer.stderr));
        }
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    fn command(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new("docker");
        command.args(["compose", "--project-name", &files::project(&self.folder)?, "--profile", "deps"]);
        command.arg("--project-directory").arg(&self.folder);
        command.arg("--env-file").arg(self.folder.join(files::ENV));
        command.arg("--file").arg(self.folder.join(files::COMPOSE)).args(words).stdin(Stdio::null());
        // Variables of the environment override the folder's `.env`, which holds the password in use.
        command.env_remove("RABBITMQ_PASSWORD");
        Ok(command)
    }
}

async fn output(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).kill_on_drop(true).output().await
}

fn ended_well(words: &[&str], status: std::io::Result<std::process::ExitStatus>) -> anyhow::Result<()> {
    let call = || format!("`docker compose {}`", words.join(" "));
    let status = status.with_context(|| format!("{} cannot be called", call()))?;
    if !status.success() {
        bail!("{} failed ({status}); what it says stands above", call());
    }
    Ok(())
}

/// Depending on its version, Compose prints a line per container or one list.
fn services(text: &str) -> serde_json::Result<Vec<Service>> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text);
    }
    text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect()
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split(|sign: char| !sign.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn one_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    messages::printable(&text.lines().map(str::trim).collect::<Vec<_>>().join("; "))
        .chars()
        .take(500)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_read_in_both_forms() {
        let one = r#"{"Service":"rabbitmq","State":"running","Health":"healthy","Publishers":[]}"#;
        let other = r#"{"Service":"elasticsearch","State":"exited"}"#;
        for text in [format!("{one}\n{other}\n"), format!("[{one},{other}]")] {
            let found = services(&text).unwrap();
            assert!(found[0].is_well("rabbitmq") && !found[0].is_well("elasticsearch"), "{found:?}");
            assert!(found[1].has_ended() && !found[1].is_well("elasticsearch"), "{found:?}");
        }
        assert!(services("").unwrap().is_empty());
        assert!(services("no json").is_err());
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(numbers("v2.26.1-4"), Some((2, 26)));
        assert_eq!(numbers("2.9.0"), Some((2, 9)));
        assert_eq!(numbers("dev"), None);
        assert!(numbers("2.9.0").unwrap() < OLDEST && numbers("3.0.0").unwrap() > OLDEST);
    }
}
