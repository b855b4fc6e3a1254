//! The processes of the harness, and a supervisor that starts again what has ended, as a container engine would.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::site::Program;

/// What runs: its name and the words it is started with.
const ROLES: [(&str, &[&str]); 7] = [
    ("zoom-1", &["work", "zoom"]),
    ("zoom-2", &["work", "zoom"]),
    ("opencast-1", &["work", "opencast"]),
    ("index-1", &["work", "index"]),
    ("index-2", &["work", "index"]),
    ("schedule-1", &["work", "schedule"]),
    ("schedule-2", &["work", "schedule"]),
];
/// How long a role may take to stop when it is asked to.
const PATIENCE: Duration = Duration::from_secs(40);

/// Seconds by which a clock is ahead that is wrong.
const AHEAD: u64 = 730 * 86_400;

/// A process and what befell it.
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
    /// Ends that nobody brought about: each is a fault.
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

    /// Those that run.
    pub(crate) fn running(&self) -> Vec<&'static str> {
        let running = self.members.iter().filter(|member| member.child.is_some() && member.thaw_at.is_none());
        running.map(|member| member.name).collect()
    }

    /// True when every process runs.
    pub(crate) fn is_whole(&self) -> bool {
        self.running().len() == self.members.len()
    }

    /// The one with this number on its machine.
    pub(crate) fn with_id(&self, id: u32) -> Option<&'static str> {
        let has_it = |member: &&Member| member.child.as_ref().is_some_and(|child| child.id() == id);
        self.members.iter().find(has_it).map(|member| member.name)
    }

    /// `kill -9`; it comes back after `pause`.
    pub(crate) fn kill(&mut self, name: &str, pause: Duration) {
        let member = self.member(name);
        if let Some(mut child) = member.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            member.thaw_at = None;
            member.start_at = Some(Instant::now() + pause);
        }
    }

    /// SIGSTOP; it goes on after `pause`.
    pub(crate) fn freeze(&mut self, name: &str, pause: Duration) {
        let member = self.member(name);
        if let Some(child) = &member.child {
            signal(child, "-STOP");
            member.thaw_at = Some(Instant::now() + pause);
        }
    }

    /// One that was killed comes back at once.
    pub(crate) fn back_now(&mut self, name: &str) {
        let member = self.member(name);
        member.start_at = member.start_at.map(|_| Instant::now());
    }

    /// Sets the clock of a process two years ahead, or right.
    pub(crate) fn set_ahead(&self, name: &str, is_ahead: bool) {
        self.program.set_clock(name, if is_ahead { AHEAD } else { 0 });
    }

    /// The number of a process on its machine.
    pub(crate) fn id(&self, name: &str) -> Option<u32> {
        let member = self.members.iter().find(|member| member.name == name)?;
        member.child.as_ref().map(Child::id)
    }

    /// Thaws and starts what is due, and notices what ended by itself.
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

    /// Ends everything: in good order, or at once when the run has failed anyway.
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
            // Already ended is fine.
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
            // Already ended is fine.
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

    /// The file that says by how many seconds the clock of a process is ahead.
    fn clock(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.clock"))
    }

    fn set_clock(&self, name: &str, ahead: u64) {
        // In one step: the process reads it all the time.
        let new = self.folder.join("new.clock");
        std::fs::write(&new, ahead.to_string()).unwrap();
        std::fs::rename(new, self.clock(name)).unwrap();
    }
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    // One that has just ended cannot be signalled; the supervisor sees to it.
    if !sent.success() {
        println!("  {signal} came too late for process {}", child.id());
    }
}
