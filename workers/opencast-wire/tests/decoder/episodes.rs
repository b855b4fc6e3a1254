//! Tests of episodes of both generations.

use jiff::Timestamp;
use messages::Mpid;
use opencast_wire::lenient::Dropped;
use opencast_wire::{Attachment, Episode, Fault, Shape, episode};
use proptest::option;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::serialiser::{Element, STYLES, Style, element, text, tricky};

/// A text without the characters that an id may not have.
fn id() -> impl Strategy<Value = String> {
    tricky().prop_map(|text| text.replace(|c: char| c.is_whitespace() || c.is_control(), "-"))
}

fn attachment() -> impl Strategy<Value = Attachment> {
    (option::of(tricky()), tricky(), option::of(tricky()), prop::collection::vec(tricky(), 0..3))
        .prop_map(|(kind, url, reference, tags)| Attachment { kind, url, reference, tags })
}

fn made() -> impl Strategy<Value = Episode> {
    let texts = prop::array::uniform4(option::of(tricky()));
    let start = option::of((0_i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap()));
    let attachments = prop::collection::vec(attachment(), 0..3);
    (id(), texts, option::of(id()), option::of(0_i64..1 << 40), start, attachments, any::<bool>()).prop_map(
        |(mpid, [title, course, kind, description], series, duration, start, attachments, live)| Episode {
            mpid: mpid.parse().unwrap(),
            title,
            duration,
            start,
            course,
            series,
            kind,
            description,
            attachments,
            live,
            dropped: Dropped::default(),
        },
    )
}

/// A text; every other one has an attribute, which turns it into an object.
fn described(of: &str) -> Element {
    let plain = text(of);
    if of.chars().count().is_multiple_of(2) { plain.attribute("mimetype", "text/plain") } else { plain }
}

fn attachment_element(attachment: &Attachment) -> Element {
    let tags = element().children("tag", attachment.tags.iter().map(text));
    element()
        .attribute_if("type", attachment.kind.as_ref())
        .attribute_if("ref", attachment.reference.as_ref())
        .child("url", described(&attachment.url))
        .child("tags", tags)
}

fn package(episode: &Episode) -> Element {
    let attachments = element().children("attachment", episode.attachments.iter().map(attachment_element));
    let tracks = (0..if episode.live { 2 } else { 1 })
        .map(|place| element().attribute("id", place).child("live", text(place == 1)));
    element()
        .attribute_if("start", episode.start)
        .attribute("id", &episode.mpid)
        .attribute_if("duration", episode.duration)
        .child_if("title", episode.title.as_ref())
        .child_if("series", episode.series.as_ref())
        .child_if("seriestitle", episode.course.as_ref())
        .child("media", element().children("track", tracks))
        .child("attachments", attachments)
        .child("publications", element())
}

/// A result of Opencast 15 or earlier.
fn wrapped(episode: &Episode) -> Element {
    element()
        .attribute("id", &episode.mpid)
        .child("org", text("mh_default_org"))
        .child("mediapackage", package(episode))
        .child_if("dcTitle", episode.title.as_ref())
        .child("dcExtent", text(-1))
        .child_if("dcIsPartOf", episode.series.as_ref())
        .child_if("dcType", episode.kind.as_ref())
        .child_if("dcDescription", episode.description.as_ref())
        .child("mediaType", text("AudioVisual"))
}

/// A result of Opencast 16 or later: the media package in doubles, the catalogue in lists of texts.
fn plain(episode: &Episode) -> Value {
    let mut dc = json!({"identifier": [episode.mpid], "format": []});
    let members = [
        ("title", &episode.title),
        ("isPartOf", &episode.series),
        ("type", &episode.kind),
        ("description", &episode.description),
    ];
    for (name, text) in members {
        if let Some(text) = text {
            dc[name] = json!([text]);
        }
    }
    json!({"mediapackage": package(episode).value(Style::Doubles), "org": "mh_default_org", "type": "Episode",
        "acl": [{"action": "read", "role": "ROLE_USER", "allow": true}], "dc": dc})
}

proptest! {
    #[test]
    fn any_result_is_read_as_the_same_episode(episodes in prop::collection::vec(made(), 0..3)) {
        for style in STYLES {
            let all = element().attribute("total", episodes.len()).children("result", episodes.iter().map(wrapped));
            let document = all.document("search-results", style);
            let found = episode::results(&document).unwrap();
            prop_assert_eq!((found.shape, found.total), (Shape::Wrapped, Some(episodes.len() as u64)));
            let read: Vec<_> = found.results.into_iter().map(|result| Episode::read(result).unwrap()).collect();
            prop_assert_eq!(&read, &episodes);
        }
        let results: Vec<_> = episodes.iter().map(plain).collect();
        let document = json!({"offset": 0, "total": episodes.len(), "limit": 20, "result": results}).to_string();
        let document = RawValue::from_string(document).unwrap();
        let found = episode::results(&document).unwrap();
        prop_assert_eq!((found.shape, found.total), (Shape::Plain, Some(episodes.len() as u64)));
        let read: Vec<_> = found.results.into_iter().map(|result| Episode::read(result).unwrap()).collect();
        prop_assert_eq!(&read, &episodes);
    }
}

fn read(json: &Value) -> Result<Episode, Fault> {
    Episode::read(&RawValue::from_string(json.to_string()).unwrap())
}

fn found(json: &Value) -> Result<usize, Fault> {
    let body = RawValue::from_string(json.to_string()).unwrap();
    episode::results(&body).map(|found| found.results.len())
}

#[test]
fn zero_hits_and_one_hit_are_lists() {
    assert_eq!(found(&json!({"search-results": {"total": "0", "limit": "1"}})), Ok(0));
    assert_eq!(found(&json!({"search-results": ""})), Ok(0));
    assert_eq!(found(&json!({"search-results": {"total": 1, "result": {"id": "a"}}})), Ok(1));
    assert_eq!(found(&json!({"total": 0, "offset": 0, "limit": 20, "result": []})), Ok(0));
    for other in [json!({}), json!([]), json!({"error": 1}), json!({"search-results": null})] {
        assert_eq!(found(&other), Err(Fault::Frame("result")), "{other}");
    }
}

#[test]
fn the_start_is_the_package_s_or_the_catalogue_s_or_none() {
    let start = |json| read(&json).unwrap().start.map(|start| start.to_string());
    let old = json!({"id": "a", "mediapackage": {"start": "2016-01-02T03:04:05Z"}, "dcCreated": "2015-01-01T00:00:00-05:00"});
    assert_eq!(start(old).as_deref(), Some("2016-01-02T03:04:05Z"));
    let made = json!({"id": "a", "mediapackage": "", "dcCreated": "2015-01-01T00:00:00-05:00"});
    assert_eq!(start(made).as_deref(), Some("2015-01-01T05:00:00Z"));
    let new = json!({"mediapackage": {"id": "a"}, "dc": {"created": ["2024-05-07T16:24Z"]}});
    assert_eq!(start(new).as_deref(), Some("2024-05-07T16:24:00Z"));
    for none in
        [json!({"id": "a"}), json!({"id": "a", "dcCreated": "soon"}), json!({"id": "a", "dcCreated": {}})]
    {
        assert_eq!(start(none.clone()), None, "{none}");
    }
}

#[test]
fn the_duration_is_milliseconds_or_none() {
    let duration = |json| read(&json).unwrap().duration;
    assert_eq!(duration(json!({"mediapackage": {"id": "a", "duration": "11520000"}})), Some(11_520_000));
    assert_eq!(duration(json!({"mediapackage": {"id": "a", "duration": 4160.0}})), Some(4_160));
    assert_eq!(duration(json!({"id": "a", "dcExtent": -1})), None);
    assert_eq!(duration(json!({"id": "a", "dcExtent": 75_334})), Some(75_334));
    assert_eq!(duration(json!({"id": "a", "dc": {"extent": ["PT4.160S"]}})), Some(4_160));
    assert_eq!(duration(json!({"id": "a", "dc": {"extent": ["long"]}})), None);
}

#[test]
fn numbers_that_are_texts_keep_their_zeros_where_the_catalogue_has_them() {
    let new = json!({"mediapackage": {"id": "a", "title": 7.0, "series": 2.015_033_338_3e10}, "dc": {"title": ["007"]}});
    let episode = read(&new).unwrap();
    assert_eq!((episode.title.as_deref(), episode.series.as_deref()), (Some("007"), Some("20150333383")));
}

#[test]
fn an_id_is_taken_from_where_it_is_and_one_that_is_none_is_named() {
    let id = |json| read(&json).map(|episode| episode.mpid);
    assert_eq!(id(json!({"id": "a", "mediapackage": {"id": "b"}})), Ok("b".parse::<Mpid>().unwrap()));
    assert_eq!(id(json!({"dc": {"identifier": ["c/7"]}})), Ok("c/7".parse::<Mpid>().unwrap()));
    assert_eq!(id(json!({"id": 17})), Ok("17".parse::<Mpid>().unwrap()));
    assert_eq!(id(json!({"mediapackage": ""})), Err(Fault::Missing("id")));
    assert_eq!(id(json!({"id": "a b"})).unwrap_err().to_string(), "field `id` is no media package id");
    assert_eq!(read(&json!([])), Err(Fault::Row));
}

#[test]
fn attachments_are_none_one_or_many_and_one_without_an_address_is_left_out() {
    let count = |attachments| {
        read(&json!({"id": "a", "mediapackage": {"attachments": attachments}})).unwrap().attachments.len()
    };
    assert_eq!(count(json!("")), 0);
    assert_eq!(count(json!({"attachment": {"url": "u", "tags": ""}})), 1);
    assert_eq!(count(json!({"attachment": [{"url": "u"}, "", {"url": {}}, {"type": "x"}, {"url": "v"}]})), 2);
}

fn read_text(json: &str) -> Episode {
    Episode::read(&RawValue::from_string(json.to_owned()).unwrap()).unwrap()
}

#[test]
fn a_field_that_cannot_be_read_is_empty_and_named() {
    for (member, field) in [
        (r#""dcTitle":["x"]"#, "title"),
        (r#""dcCreated":"soon""#, "start"),
        (r#""dcCreated":"-000001-01-01T00:00:00Z""#, "start"),
        (r#""dcExtent":"long""#, "duration"),
        (r#""dcExtent":1e999"#, "duration"),
        (r#""dcIsPartOf":{}"#, "series"),
        (r#""mediapackage":{"seriestitle":[1]}"#, "seriestitle"),
        (r#""dcDescription":"a\ud83d""#, "description"),
        (r#""dcType":"a","dcType":"b""#, "type"),
        (r#""dc":{"description":[[]]}"#, "description"),
        (r#""dc":7"#, "dc"),
        (r#""mediapackage":"x""#, "mediapackage"),
        (r#""mediapackage":{"media":true}"#, "media"),
        (r#""mediapackage":{"media":{"track":[7]}}"#, "media"),
        (r#""mediapackage":{"media":{"track":{"live":"maybe"}}}"#, "live"),
        (r#""mediapackage":{"attachments":[1]}"#, "attachments"),
        (r#""mediapackage":{"attachments":{"attachment":[{"url":"u"},{"type":"x"}]}}"#, "attachments"),
        (r#""mediapackage":{"attachments":{"attachment":{"url":{}}}}"#, "attachments"),
        (r#""mediapackage":{"attachments":{"attachment":{"url":"u","ref":[1]}}}"#, "attachments"),
    ] {
        let episode = read_text(&format!(r#"{{"id":"a",{member}}}"#));
        assert_eq!((episode.mpid.as_str(), episode.dropped.fields()), ("a", &[field][..]), "{member}");
    }
    // A value that one place lacks comes from another.
    let episode = read_text(r#"{"id":"a","dcTitle":"x","dc":{"title":[{}]},"dcExtent":-1}"#);
    assert_eq!((episode.title.as_deref(), episode.dropped.fields().len()), (Some("x"), 0));
    let nothing = r#"{"id":"a","mediapackage":[],"dc":"","attachments":{"attachment":{"attachment":1}}}"#;
    assert!(read_text(nothing).dropped.fields().is_empty());
}

#[test]
fn a_total_that_is_no_count_is_none_and_a_repeated_list_goes_on() {
    let found = |json: &str| {
        let body = RawValue::from_string(json.to_owned()).unwrap();
        episode::results(&body).map(|found| (found.shape, found.total, found.results.len()))
    };
    let shape = Shape::Wrapped;
    assert_eq!(
        found(r#"{"search-results":{"total":"x","result":{"id":1},"result":[{"id":2}]}}"#),
        Ok((shape, None, 2))
    );
    assert_eq!(found(r#"{"total":1e999,"result":{"id":"a"}}"#), Ok((Shape::Plain, None, 1)));
    assert_eq!(found(r#"{"result":null,"total":0}"#), Ok((Shape::Plain, Some(0), 0)));
    for other in
        [r#"{"search-results":7}"#, r#"{"search-results":[{"id":"a"}]}"#, r#"{"search-results":"<"}"#]
    {
        assert_eq!(found(other), Err(Fault::Frame("result")), "{other}");
    }
    assert!(found(r#"{"result":"no"}"#).is_err());
}
