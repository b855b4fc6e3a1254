//! Limits on the resources that clients of a listener can use.

use std::time::Duration;

/// Assumed limit of open files if the process cannot read its own: the usual soft limit.
const USUAL_FILES: usize = 1_024;

/// Limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// Maximum number of open connections.
    pub connections: usize,
    /// How long a connection may wait for its client: for a complete request head, counted from the accept or the last
    /// answer, or for the client to read the next part of an answer.
    pub quiet: Duration,
    /// How long an answer may take to begin, including the time to read the request's body.
    pub answer: Duration,
    /// Maximum size of a request's head in bytes: request line and headers.
    pub head: usize,
}

impl ListenerLimits {
    /// Returns the limits for operators, probes and Prometheus: an eighth of the process's file descriptors.
    pub fn operators() -> Self {
        Self {
            connections: (open_files() / 8).clamp(8, 64),
            quiet: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            head: 16 << 10,
        }
    }

    /// Returns the limits for programs that keep connections open: half of the process's file descriptors.
    pub fn programs() -> Self {
        Self {
            connections: (open_files() / 2).clamp(8, 4_096),
            quiet: Duration::from_secs(75),
            answer: Duration::from_secs(3_600),
            head: 64 << 10,
        }
    }
}

/// Returns how many files this process may have open.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    soft_limit(&limits).unwrap_or(USUAL_FILES)
}

/// Parses the soft limit of open files from `/proc/self/limits`.
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
        let (operators, programs) = (ListenerLimits::operators(), ListenerLimits::programs());
        assert!(operators.connections <= (open_files() / 8).max(8));
        assert!(programs.connections <= (open_files() / 2).max(8));
    }
}
