//! Answers written by Jettison itself, in the versions of Opencast 5 to 7 (1.3.1) and of 15 to 17 (1.5.4). Both decode
//! to the same values.

use jiff::tz::Offset;
use opencast_wire::lenient::Dropped;
use opencast_wire::{Action, Operation, Page, Playing, Workflow, actions, workflow};
use serde_json::value::RawValue;

/// The same answer, written by the old and by the new serialiser.
macro_rules! answers {
    ($name:literal) => {
        [
            include_str!(concat!("../../src/fixtures/", $name, ".jettison-1.3.1.json")),
            include_str!(concat!("../../src/fixtures/", $name, ".jettison-1.5.4.json")),
        ]
        .map(|text| RawValue::from_string(text.to_owned()).unwrap())
    };
}

const MPID: &str = "2bf4e9d4-0d3f-4b0e-9c3a-0b2f2b7f6a01";

/// Decodes the actions of a page and checks its total.
fn read<'a>(answer: &'a RawValue, total: u64) -> Vec<Action<'a>> {
    let Page { total: said, rows } = actions::page(answer).unwrap();
    assert_eq!(said, Some(total));
    rows.into_iter().map(|row| Action::read(row).unwrap()).collect()
}

fn first() -> Action<'static> {
    Action {
        id: 101,
        mpid: Some(MPID.into()),
        session_id: Some("1n6ydlyhk3x5b1v7i9m0w2e4rq".into()),
        // Written as a number, decoded as text.
        user_id: Some("81234567".into()),
        user_ip: Some("10.0.0.7, 203.0.113.9".into()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".into()),
        inpoint: Some(1_200),
        outpoint: Some(1_200),
        length: Some(0),
        kind: Some("HEARTBEAT".into()),
        playing: Playing::Yes,
        created: Some("2016-02-26T15:00:30Z".parse().unwrap()),
        offset: Some(Offset::constant(-5)),
        dropped: Dropped::default(),
    }
}

fn second() -> Action<'static> {
    Action {
        id: 102,
        session_id: Some("12345678901234567890".into()),
        user_id: Some("00123456".into()),
        user_ip: Some("198.51.100.4".into()),
        user_agent: None,
        inpoint: Some(0),
        outpoint: Some(0),
        kind: Some("PLAY".into()),
        playing: Playing::No,
        created: Some("2016-02-26T15:00:31Z".parse().unwrap()),
        ..first()
    }
}

fn third() -> Action<'static> {
    Action {
        id: 103,
        session_id: Some("1e5".into()),
        user_id: Some("anonymous".into()),
        user_ip: None,
        user_agent: None,
        inpoint: Some(3_600),
        outpoint: Some(3_600),
        kind: Some("paella:button:action;es.upv.paella.playbackRatePlugin".into()),
        created: Some("2016-02-26T15:01:00Z".parse().unwrap()),
        ..first()
    }
}

#[test]
fn a_page_of_none_one_two_and_three_actions() {
    for answer in answers!("actions-empty") {
        assert_eq!(read(&answer, 0), []);
    }
    for answer in answers!("actions-single") {
        assert_eq!(read(&answer, 1), [first()]);
    }
    for answer in answers!("actions-two") {
        assert_eq!(read(&answer, 2), [first(), second()]);
    }
    for answer in answers!("actions-three-total103") {
        assert_eq!(read(&answer, 103), [first(), second(), third()]);
    }
}

#[test]
fn the_fork_tells_paused_playing_and_live_by_numbers() {
    let live = Action { kind: Some("HEARTBEAT".into()), playing: Playing::Live, ..third() };
    for answer in answers!("actions-dce-isplaying-int") {
        assert_eq!(read(&answer, 103), [first(), second(), live.clone()]);
    }
}

#[test]
fn no_workflow_and_one() {
    for answer in answers!("workflows-empty") {
        assert_eq!(workflow::workflows(&answer).unwrap(), []);
    }
    let (started, completed) = ("2015-05-05T23:39:00Z", "2015-05-06T01:33:35.847Z");
    let capture = Operation {
        name: "capture".to_owned(),
        state: Some("SUCCEEDED".to_owned()),
        started: Some(started.parse().unwrap()),
        completed: Some(completed.parse().unwrap()),
    };
    let meant = Workflow {
        id: 1_646,
        state: Some("SUCCEEDED".to_owned()),
        template: Some("DCE-archive-publish-external".to_owned()),
        operations: vec![capture],
    };
    for answer in answers!("workflows-single") {
        let read = workflow::workflows(&answer).unwrap();
        assert_eq!(read, std::slice::from_ref(&meant));
        let context = workflow::context(&read);
        assert_eq!(context.live_start, Some(started.parse().unwrap()));
        assert_eq!((context.live_end, context.available), (Some(completed.parse().unwrap()), None));
    }
}
