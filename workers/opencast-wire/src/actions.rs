//! Decodes a page of user actions in either dialect: its frame, and one action at a time.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::value::RawValue;

use crate::Fault;
use crate::lenient::{Dropped, Scalar, all, member, members, put};

/// Value of user, address or session if Opencast is configured not to log it.
const OMITTED: &str = "-omitted-";

/// The frame of a page of `GET /usertracking/actions.json`.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// Number of actions on all pages; `None` if the answer does not contain it.
    pub total: Option<u64>,
    /// The actions as raw text, for [`Action::read`].
    pub rows: Vec<&'a RawValue>,
}

/// State of the player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playing {
    /// Paused: `false` or 0.
    No,
    /// Playing a recording: `true` or 1. In upstream Opencast also a live stream.
    Yes,
    /// Playing a live stream: 2 or `live`, only in Harvard DCE's dialect.
    Live,
}

/// One user action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action<'a> {
    /// Id of the action, unique on its server. A changed action keeps its id.
    pub id: i64,
    /// The episode's media package id as received; `None` if missing, as for all fields below.
    pub mpid: Option<Cow<'a, str>>,
    /// Session of the player; `None` if not logged, as for the next three fields.
    pub session_id: Option<Cow<'a, str>>,
    /// The user; `anonymous` if not logged in.
    pub user_id: Option<Cow<'a, str>>,
    /// The user's IP address; behind proxies the comma-separated list of X-Forwarded-For.
    pub user_ip: Option<Cow<'a, str>>,
    /// The user agent, up to 255 arbitrary characters.
    pub user_agent: Option<Cow<'a, str>>,
    /// Start position in the recording, in seconds.
    pub inpoint: Option<i64>,
    /// End position in the recording, in seconds.
    pub outpoint: Option<i64>,
    /// Seconds from `inpoint` to `outpoint`.
    pub length: Option<i64>,
    /// The type of action, for example `HEARTBEAT` or `PLAY`: the member `type`.
    pub kind: Option<Cow<'a, str>>,
    /// State of the player.
    pub playing: Playing,
    /// Time of the action, by the server's clock.
    pub created: Option<Timestamp>,
    /// UTC offset of the server's local time; `None` if the time has no offset.
    pub offset: Option<Offset>,
    /// Fields that were present but could not be used.
    pub dropped: Dropped,
}

/// The decoded members of a row.
#[derive(Default)]
struct Wire<'a> {
    id: Option<&'a RawValue>,
    mpid: Option<&'a RawValue>,
    session_id: Option<&'a RawValue>,
    user_id: Option<&'a RawValue>,
    user_ip: Option<&'a RawValue>,
    user_agent: Option<&'a RawValue>,
    inpoint: Option<&'a RawValue>,
    outpoint: Option<&'a RawValue>,
    length: Option<&'a RawValue>,
    kind: Option<&'a RawValue>,
    playing: Option<&'a RawValue>,
    created: Option<&'a RawValue>,
    dropped: Dropped,
}

/// Decodes the frame of a page. An invalid total counts as missing.
///
/// # Errors
/// Returns an error if the answer is not a page of actions.
pub fn page(body: &RawValue) -> Result<Page<'_>, Fault> {
    let frame = Fault::Frame("actions");
    let inner = member(body, "actions").ok_or(frame)?;
    let (mut total, mut lists) = (None, Vec::new());
    let read = members(inner, |name, value| match name {
        "total" => total = Some(value),
        "action" => lists.push(value),
        _ => {}
    });
    match read {
        Err(_) if inner.get().trim_matches('"').trim().is_empty() => {}
        Err(_) => return Err(frame),
        Ok(()) => {}
    }
    let total = Scalar::of(total).number("total").ok().flatten();
    Ok(Page { total: total.and_then(|total| u64::try_from(total).ok()), rows: all(&lists, "action")? })
}

impl<'a> Action<'a> {
    /// Decodes one row of a page. Only the id is required: any other unreadable field is empty, and [`Action::dropped`]
    /// names it.
    ///
    /// # Errors
    /// Returns an error if the row is not an object or has no valid id.
    pub fn read(row: &'a RawValue) -> Result<Self, Fault> {
        let mut wire = Wire::default();
        members(row, |name, value| wire.take(name, value))?;
        let id = Scalar::of(wire.id).number("id")?.ok_or(Fault::Missing("id"))?;
        let mut dropped = wire.dropped;
        let mut logged = |value, field| dropped.text(value, field).filter(|text| text != OMITTED);
        let session_id = logged(wire.session_id, "sessionId");
        let user_id = logged(wire.user_id, "userId");
        let user_ip = logged(wire.user_ip, "userIp");
        let user_agent = logged(wire.user_agent, "userAgent");
        Ok(Self {
            id,
            mpid: dropped.text(wire.mpid, "mediapackageId"),
            session_id,
            user_id,
            user_ip,
            user_agent,
            inpoint: dropped.number(wire.inpoint, "inpoint"),
            outpoint: dropped.number(wire.outpoint, "outpoint"),
            length: dropped.number(wire.length, "length"),
            kind: dropped.text(wire.kind, "type"),
            playing: playing(wire.playing, &mut dropped),
            created: dropped.instant(wire.created, "created"),
            offset: Scalar::of(wire.created).offset(),
            dropped,
        })
    }
}

impl<'a> Wire<'a> {
    fn take(&mut self, name: &str, value: &'a RawValue) {
        let (place, field) = match name {
            "id" => (&mut self.id, "id"),
            "mediapackageId" => (&mut self.mpid, "mediapackageId"),
            // The session: an object of this name, or only its id.
            "sessionId" if value.get().starts_with('{') => return self.take_session(value),
            "sessionId" => (&mut self.session_id, "sessionId"),
            // Up to 1.x the session's members were members of the action.
            "userId" => (&mut self.user_id, "userId"),
            "userIp" => (&mut self.user_ip, "userIp"),
            "userAgent" => (&mut self.user_agent, "userAgent"),
            "inpoint" => (&mut self.inpoint, "inpoint"),
            "outpoint" => (&mut self.outpoint, "outpoint"),
            "length" => (&mut self.length, "length"),
            "type" => (&mut self.kind, "type"),
            "isPlaying" => (&mut self.playing, "isPlaying"),
            "created" => (&mut self.created, "created"),
            _ => return,
        };
        put(place, value, field, &mut self.dropped);
    }

    fn take_session(&mut self, session: &'a RawValue) {
        let read = members(session, |name, value| {
            let (place, field) = match name {
                "sessionId" => (&mut self.session_id, "sessionId"),
                "userId" => (&mut self.user_id, "userId"),
                "userIp" => (&mut self.user_ip, "userIp"),
                "userAgent" => (&mut self.user_agent, "userAgent"),
                _ => return,
            };
            put(place, value, field, &mut self.dropped);
        });
        if read.is_err() {
            self.dropped.note("sessionId");
        }
    }
}

/// Reads the state of the player. An unreadable value counts as paused.
fn playing(value: Option<&RawValue>, dropped: &mut Dropped) -> Playing {
    let scalar = Scalar::of(value);
    let live = matches!(&scalar, Scalar::Text(text) if text.trim().eq_ignore_ascii_case("live"));
    if live || matches!(scalar.number("isPlaying"), Ok(Some(2))) {
        return Playing::Live;
    }
    match dropped.flag(value, "isPlaying") {
        Some(true) => Playing::Yes,
        Some(false) | None => Playing::No,
    }
}
