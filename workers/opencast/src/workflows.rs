//! What the workflows of an episode say of it, and where they are asked for, which is found by asking.

use std::fmt;

use messages::opencast::EpisodeContext;
use messages::{Calls, CauseClass, Mpid};
use opencast_wire::workflow;
use runtime::Failure;
use tracing::{debug, warn};

use crate::Opencast;
use crate::actions::{odd, unreachable};
use crate::atlas::{Reason, Refusal};
use crate::endpoint::{Endpoint, Request};

/// What is said of an admin node without workflows.
const NO_WORKFLOWS: &str = "the node of OPENCAST_ADMIN_URL has no workflows, neither as in Opencast 12 and after nor as in 11 \
    and before: set it to the admin node's address";

/// Where the workflows of an episode are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowPath {
    /// `/workflow/mediaPackage/{id}/instances.json`, since Opencast 12.
    Episode,
    /// `/workflow/instances.json`, up to 11.
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

/// What was found out of where workflows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workflows {
    /// There is no admin node to ask.
    Unasked,
    /// There is one, and neither path is there.
    Absent,
    /// There is one, and it refuses, for this reason.
    Refused(String),
    /// There.
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

/// What the workflows of an episode say of it; nothing without an admin node. The first to ask finds out where to: the
/// path of Opencast 12 and after, else that of 11 and before. An id that the server, or what stands before it, does not
/// take in a path has no workflows to be had: the episode and its actions are worth more than its times.
///
/// That there are none anywhere is no answer: the episode may be held already, with times that would be lost.
pub(crate) async fn of(
    opencast: &Opencast,
    mpid: &Mpid,
    calls: &mut Calls,
) -> Result<EpisodeContext, Refusal> {
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
            // Jetty refuses a slash in a path, however it is written; Apache answers that nothing is there.
            Err(Refusal { reason, .. }) if is_of_the_id(reason, &request) => {
                is_id_refused = true;
                if known == Some(path) {
                    break;
                }
            }
            Err(Refusal { reason: Reason::Absent, .. }) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    if is_id_refused {
        debug!(%mpid, "the id {mpid} is not taken where workflows are asked for");
        return Ok(EpisodeContext::default());
    }
    // Whoever asks next finds out anew: the server may have been starting, or is another by now.
    opencast.found_workflows(None);
    if opencast.is_first_to_say_no_workflows() {
        warn!("{NO_WORKFLOWS}");
    }
    Err(Refusal::retry(Reason::Absent, CauseClass::AttemptsSpent, NO_WORKFLOWS))
}

/// True when it is the id that is refused, and not the path that is not there.
fn is_of_the_id(reason: Reason, request: &Request) -> bool {
    reason == Reason::Parameter || reason == Reason::Absent && request.path().contains('%')
}

/// Finds out where workflows are, by an id that no episode has.
pub(crate) async fn find(opencast: &Opencast, calls: &mut Calls) -> Result<Workflows, Refusal> {
    if !opencast.client.has_admin() {
        return Ok(Workflows::Unasked);
    }
    let nobody: Mpid = "00000000-0000-0000-0000-000000000000".parse().map_err(|_| unreachable())?;
    match of(opencast, &nobody, calls).await {
        Ok(_) => Ok(opencast.workflow_path().map_or(Workflows::Absent, Workflows::At)),
        Err(Refusal { reason: Reason::Absent, .. }) => Ok(Workflows::Absent),
        Err(Refusal { failure: Failure::Refused { cause }, .. }) => {
            opencast.refused_workflows(&cause);
            Ok(Workflows::Refused(cause))
        }
        Err(refusal) => Err(refusal),
    }
}
