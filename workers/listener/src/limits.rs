//! What a listener's clients may use.

use std::time::Duration;

/// Open files of a process of which the limit cannot be read: the usual soft limit.
const USUAL_FILES: usize = 1_024;

/// Limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// How long a connection may wait for its client: for the whole head of a request, from the accept or the last
    /// answer on, or for the client to read the next piece of an answer.
    pub quiet: Duration,
    /// How long an answer may take to begin, with the reading of the request's body.
    pub answer: Duration,
    /// Bytes of a request's head: its line and its headers.
    pub head: usize,
}

impl Limits {
    /// Limits of a listener for operators, probes and Prometheus: one in 8 of the process's descriptors.
    pub fn operators() -> Self {
        Self {
            connections: (open_files() / 8).clamp(8, 64),
            quiet: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            head: 16 << 10,
        }
    }

    /// Limits of a listener for programs that keep connections open: half of the process's descriptors.
    pub fn programs() -> Self {
        Self {
            connections: (open_files() / 2).clamp(8, 4_096),
            quiet: Duration::from_secs(75),
            answer: Duration::from_secs(3_600),
            head: 64 << 10,
        }
    }
}

/// Files that this process may have open.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    soft_limit(&limits).unwrap_or(USUAL_FILES)
}

/// The soft limit of open files in `/proc/self/limits`.
fn soft_limit(limits: &str) -> Option<usize> {
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match files.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            256                  524288               files\n";
        assert_eq!(soft_limit(limits), Some(256));
        assert_eq!(soft_limit("Max open files unlimited unlimited files"), Some(usize::MAX));
        assert_eq!(soft_limit(""), None);
        assert!(open_files() > 8);
    }

    #[test]
    fn work_keeps_most_descriptors() {
        let (operators, programs) = (Limits::operators(), Limits::programs());
        assert!(operators.connections <= (open_files() / 8).max(8));
        assert!(programs.connections <= (open_files() / 2).max(8));
    }
}
