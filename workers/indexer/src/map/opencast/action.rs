//! Maps a player's action to a document of `useractions`.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use messages::Mpid;
use messages::opencast::{ActionsContext, EpisodeFacts};
use opencast_wire::{Action, Playing};
use serde::Serialize;
use serde_json::value::RawValue;

use super::addresses::Addresses;
use super::series::Parts;
use crate::enrich::{Agent, Place, View, agent_text, shared};

/// Maximum bytes of a host name.
const LONGEST_NAME: usize = 253;

/// A user action as indexed.
#[derive(Debug, Serialize)]
pub(in crate::map) struct UserAction<'a> {
    #[serde(rename = "@timestamp", skip_serializing_if = "Option::is_none")]
    pub(in crate::map) timestamp: Option<Timestamp>,
    pub(in crate::map) action_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mpid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    huid: Option<&'a str>,
    action: Event<'a>,
    is_live: bool,
    /// The viewer's address as received; names are not looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(flatten)]
    addresses: Addresses,
    #[serde(skip_serializing_if = "Option::is_none")]
    episode: Option<AboutEpisode<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shared")]
    geoip: Option<Arc<Place>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    useragent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shared")]
    ua: Option<Arc<Agent>>,
    harvest: &'a RawValue,
}

/// The player's action; points and length in seconds of the recording.
#[derive(Debug, Serialize)]
struct Event<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inpoint: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outpoint: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<i64>,
    is_playing: bool,
}

/// Known facts of the episode.
#[derive(Debug, Serialize)]
pub(super) struct AboutEpisode<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'a str>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) course: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) series: Option<&'a str>,
    #[serde(flatten)]
    pub(super) parts: Parts<'a>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
}

/// Returns the document of an action; without episode facts if they are unknown.
pub(super) fn document<'a>(
    action: &'a Action<'a>,
    context: &'a ActionsContext,
    harvest: &'a RawValue,
    view: &'a View<'_>,
) -> UserAction<'a> {
    let addresses = Addresses::of(action.user_ip.as_deref());
    let useragent = action.user_agent.as_deref().and_then(agent_text);
    UserAction {
        timestamp: action.created,
        action_id: action.id,
        mpid: action.mpid.as_deref(),
        session_id: action.session_id.as_deref(),
        huid: action.user_id.as_deref(),
        action: Event {
            kind: action.kind.as_deref(),
            inpoint: action.inpoint,
            outpoint: action.outpoint,
            length: action.length,
            is_playing: action.playing != Playing::No,
        },
        is_live: action.playing == Playing::Live,
        hostname: action.user_ip.as_deref().and_then(hostname),
        episode: action.mpid.as_deref().and_then(|mpid| known(mpid, context)).map(about),
        geoip: addresses.ip().and_then(|ip| view.place(ip)),
        ua: useragent.as_deref().and_then(|text| view.agent(text)),
        useragent,
        addresses,
        harvest,
    }
}

/// Returns the fields of an action that its document lacks: texts that are too long or have no printable character.
pub(super) fn left_out(action: &Action<'_>, document: &UserAction<'_>) -> impl Iterator<Item = &'static str> {
    let says = |text: &Option<Cow<'_, str>>| {
        text.as_deref().is_some_and(|text| text.contains(|c: char| c != ',' && !c.is_whitespace()))
    };
    let has_no_address = document.hostname.is_none() && document.addresses == Addresses::default();
    let fields = [
        ("userAgent", says(&action.user_agent) && document.useragent.is_none()),
        ("userIp", says(&action.user_ip) && has_no_address),
    ];
    fields.into_iter().filter_map(|(field, is_left_out)| is_left_out.then_some(field))
}

/// Returns the first address of a list, in any format, if it has the length of a host name.
fn hostname(list: &str) -> Option<&str> {
    let first = list.split(',').next().map(str::trim).filter(|first| !first.is_empty())?;
    (first.len() <= LONGEST_NAME && !first.contains(char::is_control)).then_some(first)
}

fn known<'a>(mpid: &str, context: &'a ActionsContext) -> Option<&'a EpisodeFacts> {
    let mpid: Mpid = mpid.parse().ok()?;
    context.episodes.get(&mpid)
}

fn about(facts: &EpisodeFacts) -> AboutEpisode<'_> {
    let series = filled(&facts.series);
    AboutEpisode {
        title: filled(&facts.title),
        duration: facts.duration,
        start: facts.start,
        course: filled(&facts.course),
        series,
        parts: Parts::of(series),
        kind: filled(&facts.kind),
        description: filled(&facts.description),
    }
}

pub(super) fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}
