//! Tests of pages of user actions.

use jiff::Timestamp;
use jiff::tz::Offset;
use opencast_wire::lenient::Dropped;
use opencast_wire::{Action, Fault, Playing, actions};
use proptest::option;
use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::serialiser::{Element, STYLES, element, text, tricky};

/// A generated action.
#[derive(Debug, Clone)]
struct Made {
    id: i64,
    mpid: String,
    session: [Option<String>; 4],
    points: [i64; 3],
    kind: String,
    playing: (Playing, &'static str),
    created: (Timestamp, Offset, String),
}

fn made() -> impl Strategy<Value = Made> {
    let playing = prop_oneof![
        Just((Playing::No, "false")),
        Just((Playing::No, "0")),
        Just((Playing::Yes, "true")),
        Just((Playing::Yes, "1")),
        Just((Playing::Live, "2")),
        Just((Playing::Live, "live")),
    ];
    let created = (0_i64..4_000_000_000_000, -12_i8..=12).prop_map(|(millis, hours)| {
        let instant = Timestamp::from_millisecond(millis).unwrap();
        let offset = Offset::constant(hours);
        (instant, offset, instant.display_with_offset(offset).to_string())
    });
    let session = prop::array::uniform4(option::of(tricky()));
    (1_i64..1 << 53, tricky(), session, prop::array::uniform3(-5_i64..100_000), tricky(), playing, created)
        .prop_map(|(id, mpid, session, points, kind, playing, created)| Made {
            id,
            mpid,
            session,
            points,
            kind,
            playing,
            created,
        })
}

impl Made {
    fn element(&self) -> Element {
        let [session, user, ip, agent] = self.session.each_ref().map(Option::as_deref);
        let omitted = |value: Option<&str>| value.unwrap_or("-omitted-").to_owned();
        let session = element()
            .child("sessionId", text(omitted(session)))
            .child("userId", text(omitted(user)))
            .child("userIp", text(omitted(ip)))
            .child_if("userAgent", agent);
        let [inpoint, outpoint, length] = self.points;
        element()
            .child("id", text(self.id))
            .child("mediapackageId", text(&self.mpid))
            .child("sessionId", session)
            .child("inpoint", text(inpoint))
            .child("outpoint", text(outpoint))
            .child("length", text(length))
            .child("type", text(&self.kind))
            .child("isPlaying", text(self.playing.1))
            .child("created", text(&self.created.2))
    }

    fn action(&self) -> Action<'_> {
        let [session_id, user_id, user_ip, user_agent] =
            self.session.each_ref().map(|text| text.as_deref().map(Into::into));
        let [inpoint, outpoint, length] = self.points.map(Some);
        Action {
            id: self.id,
            mpid: Some(self.mpid.as_str().into()),
            session_id,
            user_id,
            user_ip,
            user_agent,
            inpoint,
            outpoint,
            length,
            kind: Some(self.kind.as_str().into()),
            playing: self.playing.0,
            created: Some(self.created.0),
            offset: Some(self.created.1),
            dropped: Dropped::default(),
        }
    }
}

proptest! {
    #[test]
    fn any_page_is_read_as_the_same_actions(rows in prop::collection::vec(made(), 0..4), total in 0_u64..1 << 40) {
        let page = element().attribute("total", total).attribute("offset", 0).attribute("limit", 10);
        let page = page.children("action", rows.iter().map(Made::element));
        for style in STYLES {
            let document = page.document("actions", style);
            let read = actions::page(&document).unwrap();
            prop_assert_eq!(read.total, Some(total));
            let read: Vec<_> = read.rows.into_iter().map(|row| Action::read(row).unwrap()).collect();
            let meant: Vec<_> = rows.iter().map(Made::action).collect();
            prop_assert_eq!(read, meant);
        }
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

const GOOD: &str = r#"{"id":101,"mediapackageId":"e-1","sessionId":{"sessionId":"1e5","userId":81234567,
    "userIp":"10.0.0.7, 203.0.113.9","userAgent":"B (X; Y)"},"inpoint":1200,"outpoint":1200,"length":0,
    "type":"HEARTBEAT","isPlaying":2,"created":"2016-02-26T10:00:30-05:00"}"#;

#[test]
fn only_a_bad_id_costs_its_row_and_keeps_no_neighbour_back() {
    for (id, said) in [
        ("\"x\"", "field `id` is no whole number"),
        ("null", "field `id` is missing or empty"),
        ("\"\"", "field `id` is missing or empty"),
        ("[101]", "field `id` is no whole number"),
        ("1e999", "field `id` is no whole number"),
        ("18446744073709551615", "field `id` is no whole number"),
    ] {
        let row = GOOD.replacen("101", id, 1);
        let page = raw(&format!(r#"{{"actions":{{"total":3,"action":[{GOOD},{row},{GOOD}]}}}}"#));
        let read: Vec<_> = actions::page(&page).unwrap().rows.into_iter().map(Action::read).collect();
        assert!(read[0].is_ok() && read[2].is_ok());
        assert_eq!(read[1].as_ref().unwrap_err().to_string(), said, "{id}");
    }
    for row in ["7", "\"\"", "[]", "null", "[[\"id\",1]]"] {
        assert_eq!(Action::read(&raw(row)), Err(Fault::Row), "{row}");
    }
}

#[test]
fn any_other_field_that_cannot_be_read_is_empty_and_named() {
    let good = raw(GOOD);
    for (was, is, field) in [
        ("\"e-1\"", "{}", "mediapackageId"),
        ("\"HEARTBEAT\"", "[]", "type"),
        ("\"HEARTBEAT\"", "1e999", "type"),
        ("1200,\"out", "\"soon\",\"out", "inpoint"),
        ("\"outpoint\":1200", "\"outpoint\":[1200]", "outpoint"),
        ("\"length\":0", "\"length\":{\"a\":0}", "length"),
        ("\"isPlaying\":2", "\"isPlaying\":3", "isPlaying"),
        ("2016-02-26T", "yesterday ", "created"),
        ("81234567", "[1]", "userId"),
        ("\"1e5\"", "{}", "sessionId"),
        ("\"B (X; Y)\"", "[\"B\"]", "userAgent"),
    ] {
        assert!(GOOD.contains(was), "{was}");
        let row = raw(&GOOD.replacen(was, is, 1));
        let read = Action::read(&row).unwrap();
        assert_eq!(read.dropped.fields(), [field], "{is}");
        let whole = Action::read(&good).unwrap();
        let fields = |action: &Action<'_>| {
            let Action { mpid, kind, session_id, user_id, user_agent, .. } = action.clone();
            let numbers = [action.inpoint, action.outpoint, action.length];
            let texts = [mpid, kind, session_id, user_id, user_agent].map(|text| text.is_some());
            (numbers.map(|number| number.is_some()), texts, action.created.is_some(), action.playing)
        };
        let (now, then) = (format!("{:?}", fields(&read)), format!("{:?}", fields(&whole)));
        assert_ne!(now, then, "{field} is empty");
        assert_eq!(read.id, 101);
    }
    let bare = raw(r#"{"id":7}"#);
    let bare = Action::read(&bare).unwrap();
    assert!(bare.mpid.is_none() && bare.kind.is_none() && bare.created.is_none());
    assert!(bare.dropped.fields().is_empty(), "a field that is missing is not dropped");
}

#[test]
fn half_an_emoji_and_a_replaced_byte_cost_one_character_and_are_named() {
    let row = raw(&GOOD.replace("B (X; Y)", "Gr\\ud83d\u{fffd}e").replace("\"e-1\"", "\"e\\udc00\""));
    let read = Action::read(&row).unwrap();
    assert_eq!(read.user_agent.as_deref(), Some("Gr\u{fffd}\u{fffd}e"));
    assert_eq!(read.mpid.as_deref(), Some("e\u{fffd}"));
    let mut fields = read.dropped.fields().to_vec();
    fields.sort_unstable();
    assert_eq!(fields, ["mediapackageId", "userAgent"]);
}

#[test]
fn of_a_repeated_member_the_last_counts_and_a_repeated_list_goes_on() {
    let row = raw(&GOOD.replacen('{', r#"{"inpoint":7,"id":3,"\ud83d":1,"sessionId":{"userId":"x"},"#, 1));
    let read = Action::read(&row).unwrap();
    assert_eq!((read.id, read.inpoint, read.user_id.as_deref()), (101, Some(1_200), Some("81234567")));
    assert_eq!(read.dropped.fields(), ["id", "userId", "inpoint"]);
    let page =
        raw(&format!(r#"{{"actions":{{"action":{GOOD},"total":3,"action":[{GOOD},{GOOD}],"total":4}}}}"#));
    let page = actions::page(&page).unwrap();
    assert_eq!((page.total, page.rows.len()), (Some(4), 3));
}

#[test]
fn a_session_that_is_not_an_object_is_its_id() {
    let flat = r#"{"id":"1","mediapackageId":"e","sessionId":"s","userId":"u","userIp":"::1","type":"PLAY",
        "isPlaying":"true","created":"2012-01-02T03:04:05Z"}"#;
    let flat = raw(flat);
    let action = Action::read(&flat).unwrap();
    assert_eq!(action.session_id.as_deref(), Some("s"));
    assert_eq!((action.user_id.as_deref(), action.user_ip.as_deref()), (Some("u"), Some("::1")));
    assert_eq!((action.inpoint, action.user_agent), (None, None));
    let numbered = raw(&GOOD.replace(
        r#"{"sessionId":"1e5","userId":81234567,
    "userIp":"10.0.0.7, 203.0.113.9","userAgent":"B (X; Y)"}"#,
        "7",
    ));
    assert_eq!(Action::read(&numbered).unwrap().session_id.as_deref(), Some("7"));
}

#[test]
fn a_text_of_control_characters_is_a_text() {
    let row = raw(&GOOD.replace("B (X; Y)", &"\\u0000\\u001b\\t\\ud83d\\ude00\\u200e".repeat(51)));
    let agent = Action::read(&row).unwrap().user_agent.unwrap().into_owned();
    assert_eq!(agent.chars().count(), 255);
    assert!(agent.starts_with("\0\u{1b}\t😀"), "{agent:?}");
}

#[test]
fn a_frame_without_its_numbers_or_rows_is_a_page() {
    let empty = raw(r#"{"actions":{"total":"0","offset":"0","limit":"10"}}"#);
    let page = actions::page(&empty).unwrap();
    assert_eq!((page.total, page.rows.len()), (Some(0), 0));
    let bare = raw(r#"{"actions":""}"#);
    let page = actions::page(&bare).unwrap();
    assert_eq!((page.total, page.rows.len()), (None, 0));
}

#[test]
fn a_total_that_is_no_count_is_none() {
    for total in ["-1", "\"many\"", "[3]", "null", "1e999", "2.5", "true"] {
        let page = raw(&format!(r#"{{"actions":{{"total":{total},"action":{GOOD}}}}}"#));
        let page = actions::page(&page).unwrap();
        assert_eq!((page.total, page.rows.len()), (None, 1), "{total}");
    }
}

#[test]
fn what_is_no_page_is_refused() {
    let others = ["{}", "[]", "7", r#"{"stats":{"views":1}}"#, r#"{"actions":null}"#, r#"{"actions":[{}]}"#];
    for other in others.into_iter().chain([r#"{"actions":7}"#, r#"{"actions":"<html>"}"#]) {
        assert_eq!(actions::page(&raw(other)).unwrap_err(), Fault::Frame("actions"), "{other}");
    }
    let odd = raw(r#"{"actions":{"action":7}}"#);
    assert_eq!(actions::page(&odd).unwrap_err().to_string(), "field `action` is no list");
}
