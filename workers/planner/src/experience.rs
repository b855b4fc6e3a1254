//! Cost of an account's complete details.

/// Sums over the receipts of complete details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Experience {
    /// Complete details of meetings and webinars.
    pub meetings: u64,
    /// Complete lists of single hosts. Only the Reports path has them.
    pub hosts: u64,
    /// Heavy calls of both together.
    pub heavy: u64,
}

impl Experience {
    /// Returns the number of complete details of both kinds.
    pub(crate) fn details(self) -> u64 {
        self.meetings.saturating_add(self.hosts)
    }
}
