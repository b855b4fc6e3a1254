//! Decodes the workflows of an episode, of both generations: up to Opencast 11 an operation's name is its `id`; since
//! 12 it is its `template`, and its `id` is a number.

use jiff::Timestamp;
use messages::opencast::EpisodeContext;
use serde_json::value::RawValue;

use crate::Fault;
use crate::lenient::{Scalar, inside, member};

/// States of a workflow that did not succeed.
const BROKEN: [&str; 3] = ["FAILED", "FAILING", "STOPPED"];

/// One workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// The number. Newer workflows have greater numbers.
    pub id: i64,
    /// The state, for example `SUCCEEDED`.
    pub state: Option<String>,
    /// Id of the workflow definition.
    pub template: Option<String>,
    /// The operations in their order.
    pub operations: Vec<Operation>,
}

/// One step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The name, for example `capture`.
    pub name: String,
    /// The state, for example `SUCCEEDED`.
    pub state: Option<String>,
    /// Start time.
    pub started: Option<Timestamp>,
    /// Completion time.
    pub completed: Option<Timestamp>,
}

/// Decodes the workflows of an answer, the newest first. Skips a workflow without a number, because its age is unknown.
///
/// # Errors
/// Returns an error if the answer is not a list of workflows.
pub fn workflows(body: &RawValue) -> Result<Vec<Workflow>, Fault> {
    let frame = Fault::Frame("workflows");
    let inner = member(body, "workflows").filter(|inner| inner.get() != "null").ok_or(frame)?;
    let mut workflows: Vec<_> = inside(inner, "workflow").into_iter().filter_map(read).collect();
    workflows.sort_unstable_by_key(|workflow| std::cmp::Reverse(workflow.id));
    Ok(workflows)
}

/// Finds the times for an episode's document. Each value comes from the newest workflow that has it, because a later
/// workflow may only change a title. Uses only operations that succeeded in workflows that did not fail or stop: the
/// times of all others are not final.
pub fn context(workflows: &[Workflow]) -> EpisodeContext {
    let capture = find(workflows, "capture", |operation| operation.started);
    let retracted = find(workflows, "retract-element", |operation| operation.completed);
    EpisodeContext {
        live_start: capture.and_then(|operation| operation.started),
        live_end: capture.and_then(|operation| operation.completed),
        available: retracted.and_then(|operation| operation.completed),
    }
}

fn find<'a>(
    workflows: &'a [Workflow],
    name: &str,
    time: fn(&Operation) -> Option<Timestamp>,
) -> Option<&'a Operation> {
    let is_good = |workflow: &&Workflow| !matches!(&workflow.state, Some(state) if is_any(state, &BROKEN));
    let operations = workflows.iter().filter(is_good).flat_map(|workflow| &workflow.operations);
    let mut done = operations
        .filter(|operation| operation.state.as_deref().is_some_and(|state| is_any(state, &["SUCCEEDED"])));
    done.find(|operation| operation.name == name && time(operation).is_some())
}

/// Ignores case, because some endpoints write states in lower case.
fn is_any(state: &str, states: &[&str]) -> bool {
    states.iter().any(|one| state.eq_ignore_ascii_case(one))
}

fn read(workflow: &RawValue) -> Option<Workflow> {
    let operations = member(workflow, "operations").map(|operations| inside(operations, "operation"));
    Some(Workflow {
        id: Scalar::of(member(workflow, "id")).number("id").ok().flatten()?,
        state: text(member(workflow, "state")),
        template: text(member(workflow, "template")),
        operations: operations.into_iter().flatten().filter_map(read_operation).collect(),
    })
}

fn read_operation(operation: &RawValue) -> Option<Operation> {
    let id = member(operation, "id");
    let numbered = matches!(Scalar::of(id).number("id"), Ok(Some(_)));
    let name = text(member(operation, "template")).or_else(|| text(id.filter(|_| !numbered)))?;
    Some(Operation {
        name,
        state: text(member(operation, "state")),
        started: instant(member(operation, "started")),
        completed: instant(member(operation, "completed")),
    })
}

fn text(value: Option<&RawValue>) -> Option<String> {
    Some(Scalar::of(value).text("text").ok().flatten()?.into_owned())
}

/// Reads a time; some versions write 0 or a negative number for "not yet".
fn instant(value: Option<&RawValue>) -> Option<Timestamp> {
    Scalar::of(value).instant("time").ok().flatten().filter(|instant| *instant > Timestamp::UNIX_EPOCH)
}
