//! Tests of workflows of both generations.

use jiff::Timestamp;
use opencast_wire::{Fault, Operation, Workflow, workflow};
use proptest::option;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::serialiser::{Element, STYLES, element, text, tricky};

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    option::of((1_i64..4_000_000_000_000).prop_map(|millis| Timestamp::from_millisecond(millis).unwrap()))
}

/// A name that is not a number: up to Opencast 11 the decoder would take a number for the operation's id.
fn name() -> impl Strategy<Value = String> {
    "[a-z]{1,8}(-[a-z]{1,8})?"
}

fn made() -> impl Strategy<Value = Workflow> {
    let operation = (name(), option::of(tricky()), time(), time())
        .prop_map(|(name, state, started, completed)| Operation { name, state, started, completed });
    let operations = prop::collection::vec(operation, 0..4);
    (1_i64..1 << 50, option::of(tricky()), option::of(tricky()), operations)
        .prop_map(|(id, state, template, operations)| Workflow { id, state, template, operations })
}

fn workflow_element(workflow: &Workflow, named_by_template: bool) -> Element {
    let operations = workflow.operations.iter().zip(1..).map(|(operation, number)| {
        let millis = |time: Option<Timestamp>| time.map(|time| text(time.as_millisecond()));
        let named = match named_by_template {
            true => element().attribute("id", number).attribute("template", &operation.name),
            false => element().attribute("id", &operation.name).attribute("job", number),
        };
        named
            .attribute_if("state", operation.state.as_ref())
            .children("started", millis(operation.started))
            .children("completed", millis(operation.completed))
            .child("configurations", element())
    });
    element()
        .attribute("id", workflow.id)
        .attribute_if("state", workflow.state.as_ref())
        .child_if("template", workflow.template.as_ref())
        .child("operations", element().children("operation", operations))
}

proptest! {
    #[test]
    fn any_list_is_read_as_the_same_workflows_the_newest_first(made in prop::collection::vec(made(), 0..4)) {
        let mut meant = made.clone();
        meant.sort_by_key(|workflow| -workflow.id);
        for style in STYLES {
            for by_template in [false, true] {
                let all = made.iter().map(|workflow| workflow_element(workflow, by_template));
                let document = element().children("workflow", all).document("workflows", style);
                prop_assert_eq!(&workflow::workflows(&document).unwrap(), &meant);
            }
        }
    }
}

fn read(json: &Value) -> Result<Vec<Workflow>, Fault> {
    workflow::workflows(&RawValue::from_string(json.to_string()).unwrap())
}

#[test]
fn no_workflows_are_an_empty_text() {
    assert_eq!(read(&json!({"workflows": ""})), Ok(vec![]));
    assert_eq!(read(&json!({"workflows": {"totalCount": "0"}})), Ok(vec![]));
    for other in [json!({}), json!([]), json!({"workflows": null}), json!({"workflow": {}})] {
        assert_eq!(read(&other), Err(Fault::Frame("workflows")), "{other}");
    }
}

#[test]
fn times_are_taken_from_the_newest_workflow_that_has_them() {
    let operation = |name: &str, started: i64, completed: Value| json!({"id": 1, "template": name, "state": "SUCCEEDED", "started": started, "completed": completed});
    let workflows = json!({"workflows": {"workflow": [
        {"id": "9", "operations": {"operation": [operation("capture", 1_000, json!(2_000)),
            operation("retract-element", 1, json!("1430876015847"))]}},
        {"id": 100, "operations": {"operation": operation("capture", 5_000, json!("2016-01-02T03:04:05Z"))}},
        {"id": 1_000, "operations": ""},
        {"id": 1_001, "operations": {"operation": [operation("capture", 0, json!(0)), "", {"id": 7}]}},
        {"id": "odd", "operations": {"operation": operation("capture", 7_000, json!(8_000))}},
    ]}});
    let context = workflow::context(&read(&workflows).unwrap());
    let shown = |time: Option<Timestamp>| time.map(|time| time.to_string());
    assert_eq!(shown(context.live_start).as_deref(), Some("1970-01-01T00:00:05Z"));
    assert_eq!(shown(context.live_end).as_deref(), Some("2016-01-02T03:04:05Z"));
    assert_eq!(shown(context.available).as_deref(), Some("2015-05-06T01:33:35.847Z"));
    assert_eq!(workflow::context(&[]), messages::opencast::EpisodeContext::default());
}

#[test]
fn what_did_not_succeed_tells_no_time() {
    let workflow = |id: i64, state: &str, of_operations: &str| {
        let operation = |name: &str| json!({"id": 1, "template": name, "state": of_operations, "started": id, "completed": id + 1});
        json!({"id": id, "state": state, "operations":
            {"operation": [operation("capture"), operation("retract-element")]}})
    };
    let context = |workflows: &[Value]| {
        workflow::context(&read(&json!({"workflows": {"workflow": workflows}})).unwrap())
    };
    let nothing = messages::opencast::EpisodeContext::default();
    for state in ["FAILED", "FAILING", "STOPPED", "failed"] {
        assert_eq!(context(&[workflow(9, state, "SUCCEEDED")]), nothing, "{state}");
    }
    for state in ["INSTANTIATED", "RUNNING", "PAUSED", "SKIPPED", "FAILED", "RETRY", ""] {
        assert_eq!(context(&[workflow(9, "RUNNING", state)]), nothing, "{state}");
    }
    // A newer workflow that failed does not hide an older one.
    let older = context(&[workflow(5, "SUCCEEDED", "succeeded"), workflow(9, "FAILED", "SUCCEEDED")]);
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
    assert_eq!(
        (millis(older.live_start), millis(older.live_end), millis(older.available)),
        (Some(5), Some(6), Some(6))
    );
}
