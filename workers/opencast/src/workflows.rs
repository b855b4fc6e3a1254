//! Facts from an episode's workflows, and detection of their path.

use std::fmt;

use messages::opencast::EpisodeContext;
use messages::{Calls, CauseClass, Mpid};
use opencast_wire::workflow;
use runtime::Failure;
use tracing::{debug, warn};

use crate::Opencast;
use crate::actions::{odd, unreachable};
use crate::atlas::{OpencastError, Reason};
use crate::endpoint::{Endpoint, Request};

/// Message about an admin node without workflows.
const NO_WORKFLOWS: &str = "the node of OPENCAST_ADMIN_URL has no workflows, neither as in Opencast 12 and after nor as in 11 \
    and before: set it to the admin node's address";

/// Path of an episode's workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowPath {
    /// `/workflow/mediaPackage/{id}/instances.json`, since Opencast 12.
    Episode,
    /// `/workflow/instances.json`, up to Opencast 11.
    List,
}

impl WorkflowPath {
    fn endpoint(self) -> Endpoint {
        match self {
            Self::Episode => Endpoint::EpisodeWorkflows,
            Self::List => Endpoint::Workflows,
        }
    }
}

/// Result of detecting the workflows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workflows {
    /// No admin node is configured.
    Unasked,
    /// The admin node has neither path.
    Absent,
    /// The admin node refuses, for this reason.
    Refused(String),
    /// Available at this path.
    At(WorkflowPath),
}

impl fmt::Display for Workflows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(cause) => {
                return write!(
                    f,
                    "refused, so that episodes come without the times of live streams: {cause}"
                );
            }
            Self::At(WorkflowPath::Episode) => "by episode, as in Opencast 12 and after",
            Self::At(WorkflowPath::List) => "by list, as in Opencast 11 and before",
            Self::Absent => NO_WORKFLOWS,
            Self::Unasked => {
                "not asked: OPENCAST_ADMIN_URL is not set, episodes go without the times of live streams"
            }
        })
    }
}

/// Returns the facts of an episode's workflows; none without an admin node. The first call detects the path: that of
/// Opencast 12, else that of 11. An id that the server or a proxy refuses in a path has no workflow facts, because the
/// episode and its actions matter more.
///
/// If neither path exists, the call fails: the stored episode may have times that would be overwritten.
pub(crate) async fn of(
    opencast: &Opencast,
    mpid: &Mpid,
    calls: &mut Calls,
) -> Result<EpisodeContext, OpencastError> {
    if !opencast.client.has_admin() {
        return Ok(EpisodeContext::default());
    }
    let known = opencast.workflow_path();
    let paths = match known {
        Some(WorkflowPath::List) => [WorkflowPath::List, WorkflowPath::Episode],
        _ => [WorkflowPath::Episode, WorkflowPath::List],
    };
    let mut is_id_refused = false;
    for path in paths {
        let request = Request::workflows(mpid, path.endpoint());
        match opencast.client.get(&request, calls).await {
            Ok(answer) => {
                let found = workflow::workflows(&answer.body).map_err(|fault| odd(path.endpoint(), fault))?;
                opencast.found_workflows(Some(path));
                return Ok(workflow::context(&found));
            }
            // Jetty refuses an encoded slash in a path; Apache answers 404.
            Err(OpencastError { reason, .. }) if is_of_the_id(reason, &request) => {
                is_id_refused = true;
                if known == Some(path) {
                    break;
                }
            }
            Err(OpencastError { reason: Reason::Absent, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if is_id_refused {
        debug!(%mpid, "the id {mpid} is not taken where workflows are asked for");
        return Ok(EpisodeContext::default());
    }
    // The next call detects the path again: the server may have been starting, or was replaced.
    opencast.found_workflows(None);
    if opencast.is_first_to_say_no_workflows() {
        warn!("{NO_WORKFLOWS}");
    }
    Err(OpencastError::retry(Reason::Absent, CauseClass::AttemptsSpent, NO_WORKFLOWS))
}

/// True if the id is refused rather than the path missing.
fn is_of_the_id(reason: Reason, request: &Request) -> bool {
    reason == Reason::Parameter || reason == Reason::Absent && request.path().contains('%')
}

/// Detects the path of workflows with an id that no episode has.
pub(crate) async fn find(opencast: &Opencast, calls: &mut Calls) -> Result<Workflows, OpencastError> {
    if !opencast.client.has_admin() {
        return Ok(Workflows::Unasked);
    }
    let nobody: Mpid = "00000000-0000-0000-0000-000000000000".parse().map_err(|_| unreachable())?;
    match of(opencast, &nobody, calls).await {
        Ok(_) => Ok(opencast.workflow_path().map_or(Workflows::Absent, Workflows::At)),
        Err(OpencastError { reason: Reason::Absent, .. }) => Ok(Workflows::Absent),
        Err(OpencastError { failure: Failure::Refused { cause }, .. }) => {
            opencast.refused_workflows(&cause);
            Ok(Workflows::Refused(cause))
        }
        Err(error) => Err(error),
    }
}
