//! Host ids by e-mail, from the account's users, because the Dashboard's lists name hosts by e-mail only.
//! Cached in memory for hours; concurrent callers share one read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::Calls;
use runtime::Failure;
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::atlas::{Reason, ZoomError};
use crate::client::{Client, Request};
use crate::pages::{Pages, Step};
use crate::request;
use crate::wire::{self, UserRow};

/// Lifetime of the cache.
const FRESH: Duration = Duration::from_secs(6 * 60 * 60);
/// Delay after listing users failed.
const PAUSE: Duration = Duration::from_secs(5 * 60);
/// Users per page; some accounts accept only the smaller size.
const PAGE_SIZES: [&str; 2] = ["2000", "300"];

/// Host ids by lower-case e-mail.
pub(crate) type ByEmail = HashMap<String, String>;

/// Cache of the account's users.
#[derive(Default)]
pub(crate) struct Hosts {
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    known: Known,
    /// Time of the next read; `None` before the first one.
    again_at: Option<Instant>,
}

/// Known ids, and the reason why some may be missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) ids: Arc<ByEmail>,
    pub(crate) why: Option<String>,
}

impl Hosts {
    /// Returns the known ids. After a failure it returns the previous ids, and lists the users again after [`PAUSE`].
    pub(crate) async fn get(&self, client: &Client, calls: &mut Calls) -> Known {
        // Held across the calls on purpose: concurrent callers wait for the same answer.
        let mut cached = self.cached.lock().await;
        if cached.again_at.is_some_and(|again_at| Instant::now() < again_at) {
            return cached.known.clone();
        }
        let (known, pause) = match read(client, calls).await {
            Ok(ids) => {
                info!(users = ids.len(), "read {} users for their host ids", ids.len());
                (Known { ids: Arc::new(ids), why: None }, FRESH)
            }
            Err(error) => {
                let why = reason(&error.failure);
                warn!("users may not be listed: host.id stays empty for new hosts: {why}");
                (Known { ids: Arc::clone(&cached.known.ids), why: Some(why) }, PAUSE)
            }
        };
        *cached = Cached { known: known.clone(), again_at: Some(Instant::now() + pause) };
        known
    }
}

/// Returns the failure's reason for operators.
fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Retry { cause, .. } | Failure::Reject { cause } => cause.text.clone(),
        other => other.to_string(),
    }
}

async fn read(client: &Client, calls: &mut Calls) -> Result<ByEmail, ZoomError> {
    let mut ids = ByEmail::new();
    // Deactivated hosts are in their own list. On equal addresses, the active user wins.
    for status in ["inactive", "active"] {
        ids.extend(read_status(client, status, calls).await?);
    }
    Ok(ids)
}

async fn read_status(client: &Client, status: &str, calls: &mut Calls) -> Result<ByEmail, ZoomError> {
    let [large, small] = PAGE_SIZES;
    match read_pages(client, request::users(status, large), calls).await {
        Err(error) if error.reason == Reason::Parameter => {
            read_pages(client, request::users(status, small), calls).await
        }
        other => other,
    }
}

/// Reads the users page by page; keeps only their ids.
async fn read_pages(client: &Client, request: Request, calls: &mut Calls) -> Result<ByEmail, ZoomError> {
    let (mut list, mut ids) = (Pages::new(request), ByEmail::new());
    loop {
        match list.next(client, calls).await? {
            Step::Page(page) => {
                let users = wire::rows(&page.body).into_iter().map(wire::row::<UserRow>);
                ids.extend(
                    users.filter_map(|user| Some((user.email.text()?.to_lowercase(), user.id.text()?))),
                );
            }
            Step::Restarted => ids.clear(),
            Step::End => return Ok(ids),
        }
    }
}
