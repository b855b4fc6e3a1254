//! Calls the binary in a separate folder, with only the environment that a test sets.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Variables of libfaketime, with which the suite runs at another time of day.
const FAKED_TIME: [&str; 3] = ["LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"];

/// A folder and an environment to call the program in.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// Result of a call.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds the account of a simulator.
    pub(crate) fn with_account(self, simulator: &simulator::Simulator, speed: f64) -> Self {
        let account = simulator.credentials();
        self.with("ZOOM_ACCOUNT_ID", account.account_id)
            .with("ZOOM_CLIENT_ID", account.client_id)
            .with("ZOOM_CLIENT_SECRET", account.client_secret)
            .with("ZOOM_API_URL", simulator.api_url())
            .with("ZOOM_OAUTH_URL", simulator.oauth_url())
            .with("ZOOM_QUOTA_SPEED", speed)
    }

    /// Adds the Opencast of a simulator, with its system account.
    pub(crate) fn with_opencast(self, opencast: &simulator::opencast::Opencast) -> Self {
        let system = opencast.credentials();
        self.with("OPENCAST_ENGAGE_URL", opencast.url())
            .with("OPENCAST_ADMIN_URL", opencast.url())
            .with("OPENCAST_USER", system.user)
            .with("OPENCAST_PASSWORD", system.password)
            .with("OPENCAST_CALLS_PER_SECOND", 0)
    }

    /// The last value of a variable.
    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.environment.iter().rfind(|(known, _)| known == name);
        &found.unwrap().1
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ua"));
        command.args(words);
        self.prepare(&mut command);
        command
    }

    /// Gives a command this folder and this environment, and nothing else but a faked time of day.
    #[expect(clippy::disallowed_methods, reason = "libfaketime is configured by the environment")]
    pub(crate) fn prepare(&self, command: &mut Command) {
        command.env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        let faked = FAKED_TIME.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.envs(faked);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Calls the program and waits for its end.
    pub(crate) fn call(&self, words: &[&str]) -> Ended {
        let output: Output = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts the program in the background; its stderr goes to `log`.
    pub(crate) fn start(&self, words: &[&str], log: &str) -> Running {
        let log = std::fs::File::create(self.path().join(log)).unwrap();
        let child = self.command(words).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Running { child }
    }
}

/// The UTC date two days before this test process began: lists of it are final at any hour, and a test that runs over
/// midnight keeps its date.
pub(crate) fn closed_date() -> String {
    static DATE: LazyLock<jiff::civil::Date> =
        LazyLock::new(|| ua::receipts::read::today().saturating_sub(jiff::Span::new().days(2)));
    DATE.to_string()
}

/// A program in the background; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM; returns the exit code.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.signal();
        self.ended_within(30)
    }

    /// Sends SIGTERM.
    pub(crate) fn signal(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    }

    /// Returns true until the process has ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Returns the exit code, which must arrive within `seconds`.
    pub(crate) fn ended_within(mut self, seconds: u64) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("did not end within {seconds} s");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `is` holds; fails with `what` after `seconds`.
pub(crate) async fn eventually(what: &str, seconds: u64, mut is: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < deadline {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("never came true within {seconds} s: {what}");
}
