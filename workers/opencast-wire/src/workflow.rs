//! The workflows of an episode, of both generations: up to Opencast 11 an operation's name is its `id`, since 12 its
//! `template`, and its `id` is a number.

use jiff::Timestamp;
use messages::opencast::EpisodeContext;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Fault;
use crate::loose::{Empty, Many, Scalar, object};

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

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    workflows: Option<Empty<Inner<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner<'a> {
    #[serde(borrow)]
    workflow: Many<Empty<Wire<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    state: Scalar<'a>,
    template: Scalar<'a>,
    operations: Empty<Operations<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Operations<'a> {
    #[serde(borrow)]
    operation: Many<Empty<WireOperation<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireOperation<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    template: Scalar<'a>,
    state: Scalar<'a>,
    started: Scalar<'a>,
    completed: Scalar<'a>,
}

/// The workflows of an answer, the newest first. One without a number is left out: nobody could say how new it is.
///
/// # Errors
/// When the answer is no list of workflows.
pub fn workflows(body: &RawValue) -> Result<Vec<Workflow>, Fault> {
    let frame: Frame<'_> = object(body).map_err(|_| Fault::Frame("workflows"))?;
    let Empty(inner) = frame.workflows.ok_or(Fault::Frame("workflows"))?;
    let mut workflows: Vec<_> = inner.workflow.0.into_iter().filter_map(|Empty(wire)| wire.read()).collect();
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

impl Wire<'_> {
    fn read(self) -> Option<Workflow> {
        let operations = self.operations.0.operation.0;
        Some(Workflow {
            id: self.id.number("id").ok().flatten()?,
            state: text(self.state),
            template: text(self.template),
            operations: operations.into_iter().filter_map(|Empty(operation)| operation.read()).collect(),
        })
    }
}

impl WireOperation<'_> {
    fn read(self) -> Option<Operation> {
        let numbered = matches!(self.id.number("id"), Ok(Some(_)));
        let name = text(self.template).or_else(|| (!numbered).then(|| text(self.id)).flatten())?;
        Some(Operation {
            name,
            state: text(self.state),
            started: instant(&self.started),
            completed: instant(&self.completed),
        })
    }
}

fn text(scalar: Scalar<'_>) -> Option<String> {
    Some(scalar.text("").ok().flatten()?.into_owned())
}

/// A time; 0 and what is before are how some versions write "not yet".
fn instant(scalar: &Scalar<'_>) -> Option<Timestamp> {
    scalar.instant("").ok().flatten().filter(|instant| *instant > Timestamp::UNIX_EPOCH)
}
