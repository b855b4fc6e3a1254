//! Decodes answers of `GET /search/episode.json` of both generations into [`Episode`]s.

mod wire;

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use messages::Mpid;
use messages::opencast::EpisodeFacts;
use serde_json::value::RawValue;

use crate::Fault;
use crate::lenient::{Dropped, Scalar, all, members};
use wire::Wire;

/// Generation of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Opencast 15 and earlier: `{"search-results": {"result": ...}}`, members `dcTitle` and similar.
    Wrapped,
    /// Opencast 16 and later: `{"result": [...]}`, a map `dc` of lists, every number a double.
    Plain,
}

/// The frame of an answer.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// Generation of the answer.
    pub shape: Shape,
    /// Number of episodes on all pages; `None` if the answer does not contain it.
    pub total: Option<u64>,
    /// The results as raw text, for [`Episode::read`].
    pub results: Vec<&'a RawValue>,
}

/// One episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// The media package id.
    pub mpid: Mpid,
    /// The title.
    pub title: Option<String>,
    /// Duration in milliseconds; `None` if unknown, which some servers write as -1.
    pub duration: Option<i64>,
    /// Start of the recording: the media package's start, else the catalogue's creation time.
    pub start: Option<Timestamp>,
    /// Title of the series.
    pub course: Option<String>,
    /// Id of the series.
    pub series: Option<String>,
    /// Type in the catalogue, for example `L10`.
    pub kind: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// Attachments of the media package that have a URL.
    pub attachments: Vec<Attachment>,
    /// True if a track is a live stream.
    pub live: bool,
    /// Fields that were present but could not be used.
    pub dropped: Dropped,
}

/// A file of an episode, for example a still or a slide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The flavor, for example `presentation/segment+preview`: the member `type`.
    pub kind: Option<String>,
    /// URL of the file.
    pub url: String,
    /// The member `ref`: the origin of the file. For a slide with its time: `track:<id>;time=T01:16:00:0F1000`.
    pub reference: Option<String>,
    /// The tags.
    pub tags: Vec<String>,
}

/// Decodes the frame of an answer. An invalid total counts as missing.
///
/// # Errors
/// Returns an error if the answer has the form of neither generation.
pub fn results(body: &RawValue) -> Result<Found<'_>, Fault> {
    let frame = Fault::Frame("result");
    let (mut wrapped, mut total, mut lists) = (None, None, Vec::new());
    let mut take = |name: &str, value| match name {
        "total" => total = Some(value),
        "result" => lists.push(value),
        "search-results" => wrapped = Some(value),
        _ => {}
    };
    members(body, &mut take).map_err(|_| frame)?;
    let shape = match wrapped.filter(|inner| inner.get() != "null") {
        Some(inner) => {
            (total, lists) = (None, Vec::new());
            let take = |name: &str, value| match name {
                "total" => total = Some(value),
                "result" => lists.push(value),
                _ => {}
            };
            match members(inner, take) {
                Err(_) if inner.get().trim_matches('"').trim().is_empty() => {}
                Err(_) => return Err(frame),
                Ok(()) => {}
            }
            Shape::Wrapped
        }
        None if lists.is_empty() => return Err(frame),
        None => Shape::Plain,
    };
    let total = Scalar::of(total).number("total").ok().flatten();
    let total = total.and_then(|total| u64::try_from(total).ok());
    Ok(Found { shape, total, results: all(&lists, "result")? })
}

impl Episode {
    /// Decodes one result of either generation. Only the id is required: any other unreadable field is empty, and
    /// [`Episode::dropped`] names it.
    ///
    /// # Errors
    /// Returns an error if the result is not an object or has no valid id.
    pub fn read(result: &RawValue) -> Result<Self, Fault> {
        let wire = Wire::read(result)?;
        let Wire { package, dc, .. } = &wire;
        let ids = [package.id, wire.id, dc.identifier].into_iter();
        let mpid = ids.flatten().find_map(|id| text(Scalar::read(id)).ok().flatten());
        let mpid = mpid.ok_or(Fault::Missing("id"))?;
        let mut dropped = wire.dropped.clone();
        let attached = package.attachments.iter().filter_map(|each| wire::attachment(each, &mut dropped));
        let attachments = attached.collect();
        // Reads every track, because each may have fields to drop.
        let live = package.tracks.iter().filter(|track| wire::is_live(track, &mut dropped)).count() > 0;
        let mut words = |field, places: &[Option<&RawValue>]| dropped.first(field, places, text);
        Ok(Self {
            mpid: mpid.parse().map_err(|_| Fault::Not { field: "id", what: "media package id" })?,
            // The catalogue first: its texts are unchanged. The media package's numeric texts have lost zeros.
            title: words("title", &[dc.title, wire.dc_title, package.title]),
            course: words("seriestitle", &[package.seriestitle]),
            series: words("series", &[dc.is_part_of, wire.dc_is_part_of, package.series]),
            kind: words("type", &[dc.kind, wire.dc_type]),
            description: words("description", &[dc.description, wire.dc_description]),
            duration: dropped.first("duration", &[package.duration, wire.dc_extent, dc.extent], millis),
            start: dropped.first("start", &[package.start, wire.dc_created, dc.created], |start| {
                start.instant("start")
            }),
            attachments,
            live,
            dropped,
        })
    }

    /// Returns the facts that are stored with each action.
    pub fn facts(&self) -> EpisodeFacts {
        EpisodeFacts {
            title: self.title.clone(),
            duration: self.duration,
            start: self.start,
            course: self.course.clone(),
            series: self.series.clone(),
            kind: self.kind.clone(),
            description: self.description.clone(),
        }
    }
}

/// Reads a text; `None` if it is blank.
fn text(scalar: Scalar<'_>) -> Result<Option<String>, Fault> {
    Ok(scalar.text("text")?.filter(|text| !text.trim().is_empty()).map(Cow::into_owned))
}

/// Reads milliseconds or a duration such as `PT1H2M3.5S`; `None` if it is negative.
fn millis(scalar: Scalar<'_>) -> Result<Option<i64>, Fault> {
    let millis = scalar.number("duration").or_else(|fault| {
        let Scalar::Text(text) = &scalar else { return Err(fault) };
        let duration: SignedDuration = text.trim().parse().map_err(|_| fault)?;
        i64::try_from(duration.as_millis()).map(Some).map_err(|_| fault)
    });
    Ok(millis?.filter(|millis| *millis >= 0))
}
