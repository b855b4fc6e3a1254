//! What a row says in each field that its kind knows, read without the program's own readers. A value is in the document,
//! or in the count of dropped values.

use std::collections::BTreeMap;

use messages::{RawKind, repair};
use serde_json::Value;
use serde_json::value::RawValue;

use Reading::{Any, Flag, List, Number, Series, Text, Time};

/// How a field's value is compared with the document's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The same text; a number or a flag as any text.
    Text,
    Number,
    /// As `Number`; 0 stands for no number.
    Series,
    Flag,
    /// The same instant, where the row's value is in the usual form.
    Time,
    /// As many texts as the list has.
    List,
    /// Any value, under one of several names: the mapper converts it.
    Any,
}

/// The fields of a kind. `user_name=host.name`: the row's name, and the document's where it is another.
type Fields = &'static [(Reading, &'static str)];

const LISTED: Fields = &[
    (
        Text,
        "uuid=meeting_uuid topic host=host.name host_id=host.id email=host.email dept=host.department \
         user_type=host.user_type audio_quality video_quality screen_share_quality",
    ),
    (Series, "id=series_id"),
    (Number, "type participants=participant_sessions"),
    (Any, "duration"),
    (Time, "start_time end_time"),
    (List, "tracking_fields"),
    (
        Flag,
        "has_pstn has_voip has_3rd_party_audio has_video has_screen_share has_recording has_sip has_archiving \
         has_manual_captions has_automated_captions has_poll has_qa has_survey has_chat has_external_participant",
    ),
];
const REPORTED: Fields = &[
    (
        Text,
        "uuid=meeting_uuid topic host_id=host.id user_name=host.name user_email=host.email dept=host.department",
    ),
    (Series, "id=series_id"),
    (Number, "type participants_count=participant_sessions"),
    (Any, "duration"),
    (Time, "start_time end_time"),
    (List, "tracking_fields"),
    (Flag, "has_screen_share has_recording has_chat has_external_participant"),
];
const JOINED: Fields = &[
    (
        Text,
        "user_id participant_uuid participant_user_id registrant_id customer_key user_name email role \
         device=device.raw os os_version client version=client_version browser_name=browser.name \
         browser_version=browser.version location=location.raw network_type data_center full_data_center \
         connection_type video_connection_type as_connection_type status audio_quality video_quality \
         screen_share_quality bo_mtg_id=breakout_room_id",
    ),
    (Number, "in_room_participants"),
    (Any, "ip_address leave_reason=leave_reason.raw"),
    (Time, "join_time leave_time"),
    (List, "internal_ip_addresses"),
    (Flag, "share_application share_desktop share_whiteboard recording"),
];
const REPORTED_JOINED: Fields = &[
    (
        Text,
        "user_id participant_user_id registrant_id customer_key name=user_name user_email=email status \
         bo_mtg_id=breakout_room_id",
    ),
    (Any, "duration"),
    (Time, "join_time leave_time"),
    (Flag, "failover"),
];
const ACTED: Fields = &[
    (Text, "mediapackageId=mpid sessionId=session_id userId=huid type=action.type"),
    (Number, "inpoint=action.inpoint outpoint=action.outpoint length=action.length"),
    (Flag, "isPlaying=action.is_playing"),
    (Time, "created=@timestamp"),
    (
        Any,
        "userAgent=useragent userIp=hostname,ip,proxy1,proxy2,proxy3,proxy4,proxy5,proxy6,proxy7,proxy8,more_proxies",
    ),
];
/// Fields of an action that may stand inside its session.
const SESSION: [&str; 4] = ["sessionId", "userId", "userIp", "userAgent"];
/// Fields of an episode, and the places where they may stand.
const PLAYED: [(&str, &[&str]); 7] = [
    ("title", &["/dc/title", "/dcTitle", "/mediapackage/title"]),
    ("seriestitle", &["/mediapackage/seriestitle"]),
    ("series", &["/dc/isPartOf", "/dcIsPartOf", "/mediapackage/series"]),
    ("type", &["/dc/type", "/dcType"]),
    ("description", &["/dc/description", "/dcDescription"]),
    ("duration", &["/mediapackage/duration", "/dcExtent", "/dc/extent"]),
    ("start", &["/mediapackage/start", "/dcCreated", "/dc/created"]),
];

/// How often a value of each field is in no document.
pub(super) type Lost = BTreeMap<&'static str, u64>;

/// The fields of one kind of rows.
pub(super) struct Known {
    kind: RawKind,
    fields: Vec<(Reading, &'static str, Vec<String>)>,
}

impl Known {
    pub(super) fn of(kind: RawKind) -> Self {
        use RawKind as K;
        let table = match kind {
            K::ZoomMetricsMeetings | K::ZoomMetricsWebinars | K::ZoomMetricsMeeting => LISTED,
            K::ZoomReportMeetings | K::ZoomReportMeeting => REPORTED,
            K::ZoomMetricsParticipants | K::ZoomMetricsWebinarParticipants => JOINED,
            K::ZoomReportParticipants | K::ZoomReportWebinarParticipants => REPORTED_JOINED,
            K::OpencastActions => ACTED,
            K::OpencastEpisode => &[],
        };
        let pointers =
            |names: &str| names.split(',').map(|name| format!("/{}", name.replace('.', "/"))).collect();
        let field = |reading, field: &'static str| {
            let (wire, names) = field.split_once('=').unwrap_or((field, field));
            (reading, wire, pointers(names))
        };
        let fields =
            table.iter().flat_map(|(reading, names)| names.split(' ').map(|name| field(*reading, name)));
        Self { kind, fields: fields.collect() }
    }

    /// Returns whether a row has the id that a document needs; `None` if that is unknown.
    pub(super) fn is_named(&self, row: &str) -> Option<bool> {
        let row = members(row);
        let id = |name| row.as_ref().and_then(|row| read(row.get(name)?));
        match self.kind {
            RawKind::OpencastEpisode => None,
            RawKind::OpencastActions => Some(id("id").map(unwrapped).is_some_and(|id| is_whole(&id))),
            _ => {
                let name = self.fields.first().map_or("", |(_, name, _)| *name);
                Some(id(name).is_some_and(|id| says(&id) && !id.is_array() && !id.is_object()))
            }
        }
    }

    /// Counts the values of a row that its document does not have.
    pub(super) fn lost(&self, row: &str, document: &Value, lost: &mut Lost) {
        if self.kind == RawKind::OpencastEpisode {
            return lost_of_episode(row, document, lost);
        }
        let Some(row) = members(row) else { return };
        let session = row.get("sessionId").filter(|session| session.get().starts_with('{'));
        let is_object = session.is_some();
        let session = session.and_then(|session| members(session.get())).unwrap_or_default();
        for (reading, name, pointers) in &self.fields {
            let inside = SESSION.contains(name).then(|| session.get(*name)).flatten();
            let outside = row.get(*name);
            let both = outside.is_some() && inside.is_some() && *name != "sessionId";
            let raw = if is_object && *name == "sessionId" { inside } else { inside.or(outside) };
            let Some(raw) = raw else { continue };
            let value = read(raw);
            let value = if self.kind == RawKind::OpencastActions { value.map(unwrapped) } else { value };
            if *name == "userIp" && value.as_ref().and_then(Value::as_str).is_some_and(is_empty_list)
                || value == Some(Value::from("-omitted-"))
            {
                continue;
            }
            let kept = pointers.iter().find_map(|pointer| document.pointer(pointer));
            let values = if both { 1 } else { lost_values(*reading, value.as_ref(), kept, document) };
            *lost.entry(*name).or_default() += values;
        }
    }
}

/// How many values of a field the document does not have; a value that nests too deep is one, but for lists.
fn lost_values(reading: Reading, value: Option<&Value>, kept: Option<&Value>, document: &Value) -> u64 {
    let Some(value) = value else { return u64::from(reading != List) };
    let is_blank = value.as_str().is_some_and(|text| text.trim().is_empty());
    let text = value.as_str();
    let is_kept = match (reading, kept) {
        (List, kept) => {
            let said =
                value.as_array().map_or_else(|| elements(value), |list| list.iter().map(elements).sum());
            let kept = kept.and_then(Value::as_array).map_or(0, |list| list.iter().map(elements).sum());
            return said.saturating_sub(kept);
        }
        _ if !says(value) => true,
        (Text, Some(kept)) => text.is_none_or(|text| kept == text && !text.contains('\u{fffd}')),
        (Text, None) => false,
        _ if is_blank => true,
        (Series, None) => number(value) == Some(0.0),
        (Number, None) => false,
        (Number | Series, Some(kept)) => number(value).is_some_and(|number| kept.as_f64() == Some(number)),
        (Flag, Some(kept)) if document.get("is_live").is_some() => {
            played(value).is_some_and(|(playing, live)| kept == playing && document["is_live"] == live)
        }
        (Flag, kept) => kept.is_some_and(|kept| flag(value).is_none_or(|flag| kept == flag)),
        (Time, kept) => kept.is_some_and(|kept| {
            let (one, other) = (instant(value), instant(kept));
            other.is_some() && (one.is_none() || one == other)
        }),
        (Any, kept) => kept.is_some(),
    };
    u64::from(!is_kept)
}

fn lost_of_episode(row: &str, document: &Value, lost: &mut Lost) {
    let Some(row) = members(row) else { return };
    let of = |outer: &str| {
        let inner = row.get(outer).filter(|inner| inner.get().starts_with('{'));
        inner.and_then(|inner| members(inner.get())).unwrap_or_default()
    };
    let (dc, package) = (of("dc"), of("mediapackage"));
    for (name, places) in PLAYED {
        let said = places.iter().any(|place| {
            let (outer, inner) = place[1..].split_once('/').unwrap_or((&place[1..], ""));
            let raw = match outer {
                "dc" => dc.get(inner),
                "mediapackage" => package.get(inner),
                outer => row.get(outer),
            };
            let Some(raw) = raw else { return false };
            let Some(mut value) = read(raw) else { return true };
            // Of the catalogue's lists the first value counts.
            if let ("dc", Value::Array(list)) = (outer, &mut value) {
                value = if list.is_empty() { Value::Null } else { list.swap_remove(0) };
            }
            let value = unwrapped(value);
            let is_unknown = name == "duration" && number(&value).is_some_and(|number| number < 0.0);
            let is_blank = value.as_str().is_some_and(|text| text.trim().is_empty());
            says(&value) && !is_unknown && !is_blank
        });
        let is_lost = said && document.get(if name == "seriestitle" { "course" } else { name }).is_none();
        *lost.entry(name).or_default() += u64::from(is_lost);
    }
    for name in ["dc", "mediapackage"] {
        let is_odd = |raw: &RawValue| {
            let is_empty = |value: &Value| !says(value) || *value == Value::Array(Vec::new());
            !raw.get().starts_with('{') && !read(raw).as_ref().is_some_and(is_empty)
        };
        *lost.entry(name).or_default() += u64::from(row.get(name).is_some_and(|raw| is_odd(raw)));
    }
    let slides = attachments(&package).filter(|each| each["type"] == "presentation/segment+preview");
    let shown = document.get("slides").and_then(Value::as_array).map_or(0, Vec::len);
    let is_lost = slides.count() > shown;
    *lost.entry("attachments").or_default() += u64::from(is_lost);
}

/// The attachments of a media package.
fn attachments(package: &Members) -> impl Iterator<Item = Value> + use<> {
    let inner = package.get("attachments").and_then(|inner| read(inner));
    let list = inner.and_then(|mut inner| inner.get_mut("attachment").map(Value::take));
    match list {
        Some(Value::Array(list)) => list.into_iter(),
        other => other.into_iter().collect::<Vec<_>>().into_iter(),
    }
}

type Members = BTreeMap<String, Box<RawValue>>;

/// The members of an object; of a repeated name the last.
fn members(row: &str) -> Option<Members> {
    serde_json::from_str(row).ok()
}

/// A value; none where it nests too deep.
fn read(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(&repair::strict(raw.get())).ok()
}

/// The text of an element with attributes, as Opencast's JSON has it.
fn unwrapped(mut value: Value) -> Value {
    match value.get_mut("$").filter(|text| !text.is_object()) {
        Some(text) => text.take(),
        None => value,
    }
}

/// Null and an empty text say nothing.
fn says(value: &Value) -> bool {
    !value.is_null() && value != ""
}

/// How many texts an element of a list has; a tracking field has two.
fn elements(element: &Value) -> u64 {
    match element {
        Value::Object(_) => {
            ["field", "value"].iter().filter_map(|name| element.get(name)).filter(|value| says(value)).count()
                as u64
        }
        other => u64::from(says(other)),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn flag(value: &Value) -> Option<bool> {
    let text = value.as_str().map(|text| text.trim().to_ascii_lowercase());
    match (value.as_bool(), number(value), text.as_deref()) {
        (Some(flag), ..) => Some(flag),
        (_, Some(0.0), _) | (.., Some("false")) => Some(false),
        (_, Some(1.0), _) | (.., Some("true")) => Some(true),
        _ => None,
    }
}

/// Whether a player was playing, and playing a live stream.
fn played(value: &Value) -> Option<(bool, bool)> {
    let live = value.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case("live"));
    match live || number(value) == Some(2.0) {
        true => Some((true, true)),
        false => flag(value).map(|playing| (playing, false)),
    }
}

fn instant(value: &Value) -> Option<jiff::Timestamp> {
    value.as_str()?.trim().parse().ok()
}

fn is_whole(value: &Value) -> bool {
    /// 2^53: beyond it a float is no exact whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_exact = |number: f64| number.fract() == 0.0 && number.abs() <= EXACT;
    let is_long = value.as_str().is_some_and(|text| text.trim().parse::<i64>().is_ok());
    value.is_i64() || is_long || number(value).is_some_and(is_exact)
}

/// A list of addresses without any.
fn is_empty_list(text: &str) -> bool {
    text.split(',').all(|part| part.trim().is_empty())
}

#[cfg(test)]
mod tests;
