//! What an account's details have cost so far.

/// What complete details have cost so far: sums over their receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Experience {
    /// Complete details of meetings and webinars.
    pub meetings: u64,
    /// Complete lists of single hosts: the Reports path has them, the Dashboard does not.
    pub hosts: u64,
    /// Heavy calls of both together.
    pub heavy: u64,
}

impl Experience {
    /// Complete details of either kind.
    pub(crate) fn details(self) -> u64 {
        self.meetings.saturating_add(self.hosts)
    }
}
