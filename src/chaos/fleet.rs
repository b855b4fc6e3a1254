//! The processes of the harness, and a supervisor that restarts them like a container engine.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::site::Program;

/// The processes: names and arguments.
const ROLES: [(&str, &[&str]); 7] = [
    ("zoom-1", &["work", "zoom"]),
    ("zoom-2", &["work", "zoom"]),
    ("opencast-1", &["work", "opencast"]),
    ("index-1", &["work", "index"]),
    ("index-2", &["work", "index"]),
    ("schedule-1", &["work", "schedule"]),
    ("schedule-2", &["work", "schedule"]),
];
/// Maximum time of a role's stop.
const PATIENCE: Duration = Duration::from_secs(40);

/// Seconds by which a wrong clock is ahead.
const AHEAD: u64 = 730 * 86_400;

/// A process and its state.
#[derive(Debug)]
struct Member {
    name: &'static str,
    words: &'static [&'static str],
    child: Option<Child>,
    start_at: Option<Instant>,
    thaw_at: Option<Instant>,
}

/// All processes.
#[derive(Debug)]
pub(crate) struct Fleet {
    program: Program,
    members: Vec<Member>,
    /// Unexpected ends of processes: each fails the run.
    pub(crate) ended_alone: Vec<String>,
}

impl Fleet {
    pub(crate) fn new(program: &Program) -> Self {
        let members =
            ROLES.map(|(name, words)| Member { name, words, child: None, start_at: None, thaw_at: None });
        Self { program: program.clone(), members: members.into(), ended_alone: Vec::new() }
    }

    pub(crate) fn start_all(&mut self) {
        for member in &mut self.members {
            member.child = Some(self.program.start(member.name, member.words));
        }
    }

    /// Names of the running processes, without frozen ones.
    pub(crate) fn running(&self) -> Vec<&'static str> {
        let running = self.members.iter().filter(|member| member.child.is_some() && member.thaw_at.is_none());
        running.map(|member| member.name).collect()
    }

    /// Returns true when every process runs.
    pub(crate) fn is_whole(&self) -> bool {
        self.running().len() == self.members.len()
    }

    /// Returns the name of the process with this id.
    pub(crate) fn with_id(&self, id: u32) -> Option<&'static str> {
        let has_it = |member: &&Member| member.child.as_ref().is_some_and(|child| child.id() == id);
        self.members.iter().find(has_it).map(|member| member.name)
    }

    /// Kills a process (`kill -9`); it restarts after `pause`.
    pub(crate) fn kill(&mut self, name: &str, pause: Duration) {
        let member = self.member(name);
        if let Some(mut child) = member.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            member.thaw_at = None;
            member.start_at = Some(Instant::now() + pause);
        }
    }

    /// Freezes a process (SIGSTOP); it continues after `pause`.
    pub(crate) fn freeze(&mut self, name: &str, pause: Duration) {
        let member = self.member(name);
        if let Some(child) = &member.child {
            signal(child, "-STOP");
            member.thaw_at = Some(Instant::now() + pause);
        }
    }

    /// Restarts a killed process at once.
    pub(crate) fn back_now(&mut self, name: &str) {
        let member = self.member(name);
        member.start_at = member.start_at.map(|_| Instant::now());
    }

    /// Sets the clock of a process two years ahead, or corrects it.
    pub(crate) fn set_ahead(&self, name: &str, is_ahead: bool) {
        self.program.set_clock(name, if is_ahead { AHEAD } else { 0 });
    }

    /// Returns the id of a process.
    pub(crate) fn id(&self, name: &str) -> Option<u32> {
        let member = self.members.iter().find(|member| member.name == name)?;
        member.child.as_ref().map(Child::id)
    }

    /// Thaws and starts the processes that are due, and records those that ended by themselves.
    pub(crate) fn supervise(&mut self) {
        let now = Instant::now();
        for member in &mut self.members {
            if member.thaw_at.is_some_and(|at| at <= now) {
                member.thaw_at = None;
                member.child.iter().for_each(|child| signal(child, "-CONT"));
            }
            if let Some(status) = member.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                self.ended_alone.push(format!("{} ended by itself: {status}", member.name));
                member.child = None;
                member.start_at = Some(now + Duration::from_secs(1));
            }
            if member.start_at.is_some_and(|at| at <= now) {
                member.start_at = None;
                member.child = Some(self.program.start(member.name, member.words));
            }
        }
    }

    /// Ends all processes: orderly, or at once when the run has failed.
    pub(crate) async fn stop_all(&mut self, well: bool) {
        for child in self.members.iter().filter_map(|member| member.child.as_ref()) {
            signal(child, "-CONT");
            signal(child, if well { "-TERM" } else { "-KILL" });
        }
        let deadline = Instant::now() + PATIENCE;
        for member in &mut self.members {
            let Some(mut child) = member.child.take() else { continue };
            while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // The process may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.name == name).unwrap()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.members.iter_mut().filter_map(|member| member.child.as_mut()) {
            // The process may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Program {
    fn start(&self, name: &str, words: &[&str]) -> Child {
        let path = self.folder.join(format!("{name}.log"));
        let log = OpenOptions::new().create(true).append(true).open(path).unwrap();
        let mut command = self.command(words);
        command.env("UA_TEST_CLOCK", self.clock(name));
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Path of the file with the seconds by which a process's clock is ahead.
    fn clock(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.clock"))
    }

    fn set_clock(&self, name: &str, ahead: u64) {
        // Atomically: the process reads the file all the time.
        let new = self.folder.join("new.clock");
        std::fs::write(&new, ahead.to_string()).unwrap();
        std::fs::rename(new, self.clock(name)).unwrap();
    }
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    // A process that has just ended cannot be signalled; the supervisor restarts it.
    if !sent.success() {
        println!("  {signal} came too late for process {}", child.id());
    }
}
