//! Maps an episode to a document of `episodes`.

use jiff::Timestamp;
use messages::opencast::EpisodeContext;
use opencast_wire::{Attachment, Episode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::action::{AboutEpisode, filled};
use super::series::Parts;

/// Flavors of an episode's images.
const PRESENTER_STILL: &str = "presenter/player+preview";
const PRESENTATION_STILL: &str = "presentation/player+preview";
const SLIDE: &str = "presentation/segment+preview";

/// An episode as indexed.
#[derive(Debug, Serialize)]
pub(in crate::map) struct EpisodeDocument<'a> {
    pub(in crate::map) mpid: &'a str,
    #[serde(flatten)]
    about: AboutEpisode<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presenter_still: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presentation_still: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slides: Vec<Slide<'a>>,
    /// True if it is or was streamed live.
    live_stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    live_start: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live_end: Option<Timestamp>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    live_duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Timestamp>,
    harvest: &'a RawValue,
}

/// A slide and its time in the recording, as `01:16:00`.
#[derive(Debug, Serialize)]
struct Slide<'a> {
    img: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
}

/// Returns the document of an episode, which requires nothing but the id.
pub(super) fn document<'a>(
    episode: &'a Episode,
    context: &EpisodeContext,
    harvest: &'a RawValue,
) -> EpisodeDocument<'a> {
    let series = filled(&episode.series);
    let of_flavor = |flavor: &'static str| {
        episode.attachments.iter().filter(move |each| each.kind.as_deref() == Some(flavor))
    };
    let still = |flavor| of_flavor(flavor).map(|each| each.url.as_str()).next();
    EpisodeDocument {
        mpid: episode.mpid.as_str(),
        about: AboutEpisode {
            title: filled(&episode.title),
            duration: episode.duration,
            start: episode.start,
            course: filled(&episode.course),
            series,
            parts: Parts::of(series),
            kind: filled(&episode.kind),
            description: filled(&episode.description),
        },
        presenter_still: still(PRESENTER_STILL),
        presentation_still: still(PRESENTATION_STILL),
        slides: of_flavor(SLIDE).map(slide).collect(),
        live_stream: episode.live || context.live_start.is_some(),
        live_start: context.live_start,
        live_end: context.live_end,
        live_duration: live_duration(context),
        available: context.available,
        harvest,
    }
}

fn slide(attachment: &Attachment) -> Slide<'_> {
    // For example `track:7;time=T01:16:00:0F1000`: after the seconds follow fractions, here 0 of 1,000.
    let said = attachment.reference.as_deref().and_then(|reference| reference.split_once(";time=T"));
    let time = said.and_then(|(_, time)| time.get(..8)).filter(|time| is_clock(time));
    Slide { img: &attachment.url, time }
}

/// True for a text like `01:16:00`.
fn is_clock(text: &str) -> bool {
    text.bytes().enumerate().all(|(place, byte)| match place {
        2 | 5 => byte == b':',
        _ => byte.is_ascii_digit(),
    })
}

/// Returns milliseconds; `None` if the end precedes the start.
fn live_duration(context: &EpisodeContext) -> Option<i64> {
    let (start, end) = (context.live_start?, context.live_end?);
    Some(end.as_millisecond() - start.as_millisecond()).filter(|duration| *duration >= 0)
}
