//! The program as a child process, and the resources it used by `/proc`.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A child process `ua`; killed on drop.
pub(crate) struct Process {
    child: Child,
}

/// Resources used by a process so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// Peak resident memory in MiB.
    pub(crate) peak_mib: u64,
    /// CPU time of user and system in seconds.
    pub(crate) cpu_seconds: f64,
}

impl Process {
    pub(crate) fn start(folder: &Path, environment: &[(&str, String)], words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ua"));
        command.args(words).env_clear().current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        let log = std::fs::File::create(folder.join(format!("{}.log", words.join("-").replace('/', "_"))));
        command.stderr(log.expect("a log can be written"));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self { child: command.spawn().expect("the program can be started") }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the resources used so far; zero after the process was waited for.
    pub(crate) fn used(&self) -> Used {
        let read = |what: &str| {
            std::fs::read_to_string(format!("/proc/{}/{what}", self.child.id())).unwrap_or_default()
        };
        let status = read("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kib: u64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap_or(0);
        let stat = read("stat");
        // Fields after the name in parentheses; 11 and 12 are user and system time in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        Used { peak_mib: kib / 1024, cpu_seconds: (ticks(11) + ticks(12)) / 100.0 }
    }

    /// Waits for the end of the process. Returns the last measured resources, and true when it succeeded.
    pub(crate) async fn watch(mut self) -> (Used, bool) {
        let mut used = Used::default();
        loop {
            let now = self.used();
            if now.peak_mib > 0 {
                used = now;
            }
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return (used, status.success());
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
