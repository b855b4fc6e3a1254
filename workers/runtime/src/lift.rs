//! Commands that lift holds: `ua resume` broadcasts one, and every running process receives it. A command applies only
//! to holds that have begun.
//!
//! Independent of the transport, which the brokers implement.

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Every role.
const ALL: &str = "all";
/// Capacity of the channel. A slow listener may miss a command; the operator repeats it.
const KEPT: usize = 16;

/// A command as sent: names of roles or of their families, such as `zoom` for `zoom.list`, or `all`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lift {
    pub(crate) lift: Vec<String>,
}

impl Lift {
    /// Returns true when the command is for `role`.
    pub(crate) fn concerns(&self, role: &str) -> bool {
        self.lift.iter().any(|name| {
            let rest = role.strip_prefix(name.as_str());
            name == ALL || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// The commands that one process receives.
#[derive(Debug)]
pub(crate) struct Lifts(broadcast::Sender<Lift>);

impl Default for Lifts {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl Lifts {
    /// Forwards a command to the roles of this process.
    pub(crate) fn heard(&self, lift: Lift) {
        // Without a hold, no task listens.
        let _ = self.0.send(lift);
    }

    /// Waits for a command for `role`.
    pub(crate) async fn of(&self, role: &str) {
        let mut orders = self.0.subscribe();
        loop {
            match orders.recv().await {
                Ok(lift) if lift.concerns(role) => return,
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_for_a_role_its_family_or_all() {
        let lift = |name: &str| Lift { lift: vec![name.to_owned()] };
        for (name, role) in
            [("index", "index"), ("index", "index.dead"), ("zoom", "zoom.list"), ("all", "opencast")]
        {
            assert!(lift(name).concerns(role), "{name} {role}");
        }
        for (name, role) in [("zoom", "opencast"), ("index.dead", "index"), ("ind", "index"), ("", "index")] {
            assert!(!lift(name).concerns(role), "{name} {role}");
        }
    }
}
