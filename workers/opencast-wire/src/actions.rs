//! A page of user actions, in either dialect: its frame, and one action at a time.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::Fault;
use crate::loose::{Empty, Scalar, object, rows};

/// What stands in the place of a user, an address or a session where Opencast is told not to log it.
const OMITTED: &str = "-omitted-";

/// The frame of a page of `GET /usertracking/actions.json`.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// How many actions there are on all pages; `None` when the answer does not say.
    pub total: Option<u64>,
    /// The place of the page's first action among all.
    pub offset: Option<u64>,
    /// How many actions a page has at most.
    pub limit: Option<u64>,
    /// The actions as the text they are, for [`Action::read`].
    pub rows: Vec<&'a RawValue>,
}

/// What the player was at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playing {
    /// It was paused: `false` or 0.
    No,
    /// It was playing a recording: `true` or 1. Upstream, live streams too.
    Yes,
    /// It was playing a live stream: 2 or `live`, Harvard DCE's dialect only.
    Live,
}

/// One user action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action<'a> {
    /// The action's id: unique on its server, and the key under which a changed action replaces itself.
    pub id: i64,
    /// The episode's media package id, as it came.
    pub mpid: Cow<'a, str>,
    /// The player's session; `None` where it is not logged, as for the next three.
    pub session_id: Option<Cow<'a, str>>,
    /// The user; `anonymous` for those who are not logged in.
    pub user_id: Option<Cow<'a, str>>,
    /// The user's address; behind proxies the comma-separated list of X-Forwarded-For.
    pub user_ip: Option<Cow<'a, str>>,
    /// The player's browser, up to 255 characters of any kind.
    pub user_agent: Option<Cow<'a, str>>,
    /// Where in the recording the action begins: seconds.
    pub inpoint: Option<i64>,
    /// Where it ends: seconds.
    pub outpoint: Option<i64>,
    /// Seconds from in to out.
    pub length: Option<i64>,
    /// What was done, for example `HEARTBEAT` or `PLAY`: the member `type`.
    pub kind: Cow<'a, str>,
    /// What the player was at.
    pub playing: Playing,
    /// When it happened, by the server's clock.
    pub created: Timestamp,
    /// How far the server's local time was from UTC then; `None` when the time came without it.
    pub offset: Option<Offset>,
}

#[derive(Default, Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    actions: Option<Empty<Inner<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner<'a> {
    #[serde(borrow)]
    total: Scalar<'a>,
    offset: Scalar<'a>,
    limit: Scalar<'a>,
    action: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    mediapackage_id: Scalar<'a>,
    session_id: Session<'a>,
    // Up to 1.x the session's members stood beside the action's.
    user_id: Scalar<'a>,
    user_ip: Scalar<'a>,
    user_agent: Scalar<'a>,
    inpoint: Scalar<'a>,
    outpoint: Scalar<'a>,
    length: Scalar<'a>,
    #[serde(rename = "type")]
    kind: Scalar<'a>,
    is_playing: Scalar<'a>,
    created: Scalar<'a>,
}

/// The session: an object of this name, or its bare id.
#[derive(Default)]
struct Session<'a>(SessionFields<'a>);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SessionFields<'a> {
    #[serde(borrow)]
    session_id: Scalar<'a>,
    user_id: Scalar<'a>,
    user_ip: Scalar<'a>,
    user_agent: Scalar<'a>,
}

/// Reads the frame of a page.
///
/// # Errors
/// When the answer is no page of actions, or its frame's numbers are none.
pub fn page(body: &RawValue) -> Result<Page<'_>, Fault> {
    let frame: Frame<'_> = object(body).map_err(|_| Fault::Frame("actions"))?;
    let Empty(inner) = frame.actions.ok_or(Fault::Frame("actions"))?;
    let count = |scalar: Scalar<'_>, field| {
        let number = scalar.number(field)?;
        number
            .map(|number| u64::try_from(number).map_err(|_| Fault::Not { field, what: "count" }))
            .transpose()
    };
    Ok(Page {
        total: count(inner.total, "total")?,
        offset: count(inner.offset, "offset")?,
        limit: count(inner.limit, "limit")?,
        rows: rows(inner.action, "action")?,
    })
}

impl<'a> Action<'a> {
    /// Reads one row of a page.
    ///
    /// # Errors
    /// When the row is no action: names the first field that is wrong.
    pub fn read(row: &'a RawValue) -> Result<Self, Fault> {
        let wire: Wire<'a> = object(row)?;
        let Session(session) = wire.session_id;
        Ok(Self {
            id: wire.id.number("id")?.ok_or(Fault::Missing("id"))?,
            mpid: needed(wire.mediapackage_id, "mediapackageId")?,
            session_id: logged(session.session_id, Scalar::Absent, "sessionId")?,
            user_id: logged(session.user_id, wire.user_id, "userId")?,
            user_ip: logged(session.user_ip, wire.user_ip, "userIp")?,
            user_agent: logged(session.user_agent, wire.user_agent, "userAgent")?,
            inpoint: wire.inpoint.number("inpoint")?,
            outpoint: wire.outpoint.number("outpoint")?,
            length: wire.length.number("length")?,
            kind: needed(wire.kind, "type")?,
            playing: playing(&wire.is_playing)?,
            created: wire.created.instant("created")?.ok_or(Fault::Missing("created"))?,
            offset: wire.created.offset(),
        })
    }
}

fn needed<'a>(scalar: Scalar<'a>, field: &'static str) -> Result<Cow<'a, str>, Fault> {
    scalar.text(field)?.ok_or(Fault::Missing(field))
}

/// A member of the session, unless it is not logged.
fn logged<'a>(
    inner: Scalar<'a>,
    outer: Scalar<'a>,
    field: &'static str,
) -> Result<Option<Cow<'a, str>>, Fault> {
    let scalar = if inner == Scalar::Absent { outer } else { inner };
    Ok(scalar.text(field)?.filter(|text| text != OMITTED))
}

fn playing(scalar: &Scalar<'_>) -> Result<Playing, Fault> {
    let fault = Fault::Not { field: "isPlaying", what: "true, false, 0, 1, 2 or live" };
    if let Scalar::Text(text) = scalar
        && text.trim().eq_ignore_ascii_case("live")
    {
        return Ok(Playing::Live);
    }
    if let Ok(Some(2)) = scalar.number("isPlaying") {
        return Ok(Playing::Live);
    }
    match scalar.flag("isPlaying") {
        Ok(Some(true)) => Ok(Playing::Yes),
        Ok(Some(false) | None) => Ok(Playing::No),
        Err(_) => Err(fault),
    }
}

struct SessionVisitor;

impl<'de> Visitor<'de> for SessionVisitor {
    type Value = Session<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        SessionFields::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Session)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Session::of(if text.is_empty() { Scalar::Absent } else { Scalar::Text(Cow::Borrowed(text)) }))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Session::of(if text.is_empty() {
            Scalar::Absent
        } else {
            Scalar::Text(Cow::Owned(text.to_owned()))
        }))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Session::of(Scalar::Whole(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Session::of(Scalar::Text(Cow::Owned(number.to_string()))))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Session::default())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Session<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SessionVisitor)
    }
}

impl<'a> Session<'a> {
    fn of(session_id: Scalar<'a>) -> Self {
        Self(SessionFields { session_id, ..SessionFields::default() })
    }
}
