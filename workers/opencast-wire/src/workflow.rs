//! The workflows of an episode, of both generations: up to Opencast 11 an operation's name is its `id`, since 12 its
//! `template`, and its `id` is a number.

use jiff::Timestamp;
use messages::opencast::EpisodeContext;
use serde_json::value::RawValue;

use crate::Fault;
use crate::loose::{Scalar, inside, member};

/// States of a workflow that did not do what it was to.
const BROKEN: [&str; 3] = ["FAILED", "FAILING", "STOPPED"];

/// One workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// The number; a newer workflow has a greater one.
    pub id: i64,
    /// The state, for example `SUCCEEDED`.
    pub state: Option<String>,
    /// The definition it follows.
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
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it was done.
    pub completed: Option<Timestamp>,
}

/// The workflows of an answer, the newest first. One without a number is left out: its age is unknown.
///
/// # Errors
/// When the answer is no list of workflows.
pub fn workflows(body: &RawValue) -> Result<Vec<Workflow>, Fault> {
    let frame = Fault::Frame("workflows");
    let inner = member(body, "workflows").filter(|inner| inner.get() != "null").ok_or(frame)?;
    let mut workflows: Vec<_> = inside(inner, "workflow").into_iter().filter_map(read).collect();
    workflows.sort_unstable_by_key(|workflow| std::cmp::Reverse(workflow.id));
    Ok(workflows)
}

/// What an episode's document takes from its workflows: each from the newest that can say it, since a later workflow
/// that only changes a title has no recording in it. What did not succeed tells of nothing: a workflow that failed or was
/// stopped has times that never came true, and so has an operation that is still to come.
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

/// The JSON of some endpoints has states in small letters.
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

/// A time; 0 and what is before are how some versions write "not yet".
fn instant(value: Option<&RawValue>) -> Option<Timestamp> {
    Scalar::of(value).instant("time").ok().flatten().filter(|instant| *instant > Timestamp::UNIX_EPOCH)
}
