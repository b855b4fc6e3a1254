//! Host ids by e-mail, from the account's users: the Dashboard's lists name hosts by e-mail only.
//! Kept in memory for some hours; read once, however many ask.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::Calls;
use runtime::Failure;
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::atlas::{Reason, Refusal};
use crate::client::{Answer, Client};
use crate::wire::{self, UserRow};
use crate::{pages, request};

/// How long the ids are good.
const FRESH: Duration = Duration::from_secs(6 * 60 * 60);
/// Users per page; some accounts take the smaller size only.
const PAGE_SIZES: [&str; 2] = ["2000", "300"];

/// The ids by e-mail in lower case.
pub(crate) type ByEmail = HashMap<String, String>;

/// The account's users, as far as they are known.
#[derive(Default)]
pub(crate) struct Hosts {
    cached: Mutex<Option<(Instant, Arc<ByEmail>)>>,
}

impl Hosts {
    /// The ids; none when users may not be listed.
    pub(crate) async fn get(&self, client: &Client, calls: &mut Calls) -> Result<Arc<ByEmail>, Refusal> {
        // Held across the calls on purpose: whoever comes meanwhile waits for the same answer.
        let mut cached = self.cached.lock().await;
        if let Some((_, ids)) = cached.as_ref().filter(|(read_at, _)| read_at.elapsed() < FRESH) {
            return Ok(Arc::clone(ids));
        }
        let ids = match read(client, calls).await {
            Ok(ids) => ids,
            Err(refusal) if may_not(&refusal) => {
                warn!("users may not be listed: host.id stays empty: {}", refusal.failure);
                ByEmail::new()
            }
            Err(refusal) => return Err(lasting(refusal)),
        };
        info!(users = ids.len(), "read {} users for their host ids", ids.len());
        let ids = Arc::new(ids);
        *cached = Some((Instant::now(), Arc::clone(&ids)));
        Ok(ids)
    }
}

async fn read(client: &Client, calls: &mut Calls) -> Result<ByEmail, Refusal> {
    let mut ids = ByEmail::new();
    // Deactivated hosts are in a list of their own; an active user of the same address wins.
    for status in ["inactive", "active"] {
        for page in read_status(client, status, calls).await? {
            let users = wire::rows(&page.body).into_iter().map(wire::row::<UserRow>);
            ids.extend(users.filter_map(|user| Some((user.email.text()?.to_lowercase(), user.id.text()?))));
        }
    }
    Ok(ids)
}

async fn read_status(client: &Client, status: &str, calls: &mut Calls) -> Result<Vec<Answer>, Refusal> {
    let [large, small] = PAGE_SIZES;
    match pages::read_all(client, request::users(status, large), calls).await {
        Err(refusal) if refusal.reason == Reason::Parameter => {
            pages::read_all(client, request::users(status, small), calls).await
        }
        other => other,
    }
}

fn may_not(refusal: &Refusal) -> bool {
    refusal.reason == Reason::Scopes
        || matches!(refusal.failure, Failure::Refused { .. } | Failure::Halt { .. })
}

/// A list job is not to be given up for want of host ids.
fn lasting(refusal: Refusal) -> Refusal {
    match refusal.failure {
        Failure::Reject { cause } => Failure::retry(cause).into(),
        other => Refusal { failure: other, ..refusal },
    }
}
