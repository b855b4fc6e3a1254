//! Episodes as `GET /search/episode.json` has them, of both generations. One result is read into one [`Episode`].

mod wire;

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use messages::Mpid;
use messages::opencast::EpisodeFacts;
use serde_json::value::RawValue;

use crate::Fault;
use crate::loose::{Dropped, Scalar, all, members};
use wire::Wire;

/// Which generation an answer is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Opencast 15 and before: `{"search-results": {"result": ...}}`, members `dcTitle` and the like.
    Wrapped,
    /// Opencast 16 and after: `{"result": [...]}`, a map `dc` of lists, every number a double.
    Plain,
}

/// The frame of an answer.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// Its generation.
    pub shape: Shape,
    /// How many episodes there are on all pages; `None` when the answer does not say.
    pub total: Option<u64>,
    /// The results as the text they are, for [`Episode::read`].
    pub results: Vec<&'a RawValue>,
}

/// One episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// The media package id.
    pub mpid: Mpid,
    /// The title.
    pub title: Option<String>,
    /// Milliseconds; `None` where it is not known, which some servers write as -1.
    pub duration: Option<i64>,
    /// When the recording began: the media package's start, else when the catalogue says it was made.
    pub start: Option<Timestamp>,
    /// The series' title.
    pub course: Option<String>,
    /// The series' id.
    pub series: Option<String>,
    /// The catalogue's type, for example `L10`.
    pub kind: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The media package's attachments, those without an address left out.
    pub attachments: Vec<Attachment>,
    /// True when a track is a live stream.
    pub live: bool,
    /// The fields that were there and could not be used.
    pub dropped: Dropped,
}

/// A file that belongs to an episode: a still, a slide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The flavor, for example `presentation/segment+preview`: the member `type`.
    pub kind: Option<String>,
    /// Where the file is.
    pub url: String,
    /// What it was made of; for a slide with its time: `track:<id>;time=T01:16:00:0F1000`. The member `ref`.
    pub reference: Option<String>,
    /// The tags.
    pub tags: Vec<String>,
}

/// Reads the frame of an answer. A total that is no count is as good as none.
///
/// # Errors
/// When the answer is of neither generation.
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
    /// Reads one result of either generation. Only the id has to be there: a field that cannot be read is empty, and is
    /// noted in [`Episode::dropped`].
    ///
    /// # Errors
    /// When the result is no object, or has no id that can be one.
    pub fn read(result: &RawValue) -> Result<Self, Fault> {
        let wire = Wire::read(result)?;
        let Wire { package, dc, .. } = &wire;
        let ids = [package.id, wire.id, dc.identifier].into_iter();
        let mpid = ids.flatten().find_map(|id| text(Scalar::read(id)).ok().flatten());
        let mpid = mpid.ok_or(Fault::Missing("id"))?;
        let mut dropped = wire.dropped.clone();
        let mut words = |field, places: &[Option<&RawValue>]| dropped.first(field, places, text);
        Ok(Self {
            mpid: mpid.parse().map_err(|_| Fault::Not { field: "id", what: "media package id" })?,
            // The catalogue's lists hold texts as they are; the media package's numbers have lost their zeros.
            title: words("title", &[dc.title, wire.dc_title, package.title]),
            course: words("seriestitle", &[package.seriestitle]),
            series: words("series", &[dc.is_part_of, wire.dc_is_part_of, package.series]),
            kind: words("type", &[dc.kind, wire.dc_type]),
            description: words("description", &[dc.description, wire.dc_description]),
            duration: dropped.first("duration", &[package.duration, wire.dc_extent, dc.extent], millis),
            start: dropped.first("start", &[package.start, wire.dc_created, dc.created], |start| {
                start.instant("start")
            }),
            attachments: package.attachments.iter().filter_map(|each| wire::attachment(each)).collect(),
            live: package.tracks.iter().any(|track| wire::is_live(track)),
            dropped,
        })
    }

    /// What stands of it beside an action.
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

/// A text; a blank one is none.
fn text(scalar: Scalar<'_>) -> Result<Option<String>, Fault> {
    Ok(scalar.text("text")?.filter(|text| !text.trim().is_empty()).map(Cow::into_owned))
}

/// Milliseconds, or a duration like `PT1H2M3.5S`; a negative one is none.
fn millis(scalar: Scalar<'_>) -> Result<Option<i64>, Fault> {
    let millis = scalar.number("duration").or_else(|fault| {
        let Scalar::Text(text) = &scalar else { return Err(fault) };
        let duration: SignedDuration = text.trim().parse().map_err(|_| fault)?;
        i64::try_from(duration.as_millis()).map(Some).map_err(|_| fault)
    });
    Ok(millis?.filter(|millis| *millis >= 0))
}
