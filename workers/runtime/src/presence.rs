//! Presence of workers: each process reports on request its identity, what its roles do and why they wait.
//!
//! Independent of the transport, which the brokers implement.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::quota::QuotaStatus;
use crate::{Rates, Snapshot, Status};

/// The report of one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Unique id: host, process id and start time.
    pub id: String,
    /// Host name.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// Version of this program.
    pub version: String,
    /// Start time of the process.
    pub started_at: Timestamp,
    /// Time of the report.
    pub written_at: Timestamp,
    /// State of the process: `working`, `stopping`, or what it waits for.
    pub state: String,
    /// Reports of its roles.
    pub roles: Vec<RoleInfo>,
    /// Status of its quotas, as last received.
    #[serde(default)]
    pub quota: Vec<QuotaStatus>,
}

/// The report of one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleInfo {
    /// Counters since the start.
    #[serde(flatten)]
    pub now: Snapshot,
    /// Rates of the last minute.
    pub rates: Rates,
}

/// Identity of this process.
#[derive(Debug, Clone)]
pub struct Identity {
    host: String,
    pid: u32,
    version: &'static str,
    started_at: Timestamp,
}

impl Identity {
    /// Returns the identity of this process, which runs `version` since `started_at`.
    pub fn of_this_process(version: &'static str, started_at: Timestamp) -> Self {
        // Each container has its own host name. Without one, process id and start time still make the id unique.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "unknown".to_owned(),
            name => name.chars().take(64).collect(),
        };
        Self { host, pid: std::process::id(), version, started_at }
    }

    /// Returns the report of this process with the `statuses` of its roles.
    pub fn info(&self, state: &str, statuses: &[Arc<Status>], now: Timestamp) -> WorkerInfo {
        let Self { host, pid, version, started_at } = self;
        let role = |status: &Arc<Status>| RoleInfo { now: status.snapshot(), rates: status.rates() };
        WorkerInfo {
            id: format!("{host}-{pid}-{}", started_at.as_millisecond()),
            host: host.clone(),
            pid: *pid,
            version: (*version).to_owned(),
            started_at: *started_at,
            written_at: now,
            state: state.to_owned(),
            roles: statuses.iter().map(role).collect(),
            quota: Vec::new(),
        }
    }
}

impl WorkerInfo {
    /// Adds the status of quotas.
    #[must_use]
    pub fn with_quota(mut self, quota: Vec<QuotaStatus>) -> Self {
        self.quota = quota;
        self
    }
}

/// Returns the latest status of each account's quota that the processes know.
pub fn quota(workers: &[WorkerInfo]) -> Vec<QuotaStatus> {
    let mut latest: Vec<QuotaStatus> = Vec::new();
    for status in workers.iter().flat_map(|info| &info.quota) {
        match latest
            .iter_mut()
            .find(|known| (&known.source, &known.account) == (&status.source, &status.account))
        {
            Some(known) if known.at < status.at => known.clone_from(status),
            Some(_) => {}
            None => latest.push(status.clone()),
        }
    }
    latest.sort_by(|one, other| (&one.source, &one.account).cmp(&(&other.source, &other.account)));
    latest
}
