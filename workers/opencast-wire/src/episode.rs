//! Episodes as `GET /search/episode.json` has them, of both generations. One result is read into one [`Episode`].

mod wire;

use jiff::{SignedDuration, Timestamp};
use messages::Mpid;
use messages::opencast::EpisodeFacts;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Fault;
use crate::loose::{Empty, Scalar, object, rows};
use wire::{Dc, Wire};

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

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow, rename = "search-results")]
    search_results: Option<Empty<Results<'a>>>,
    #[serde(default)]
    total: Scalar<'a>,
    result: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Results<'a> {
    #[serde(borrow)]
    total: Scalar<'a>,
    result: Option<&'a RawValue>,
}

/// Reads the frame of an answer.
///
/// # Errors
/// When the answer is of neither generation.
pub fn results(body: &RawValue) -> Result<Found<'_>, Fault> {
    let outer: Outer<'_> = object(body).map_err(|_| Fault::Frame("result"))?;
    let (shape, total, list) = match (outer.search_results, outer.result) {
        (Some(Empty(inner)), _) => (Shape::Wrapped, inner.total, inner.result),
        (None, Some(list)) => (Shape::Plain, outer.total, Some(list)),
        (None, None) => return Err(Fault::Frame("result")),
    };
    let total = total.number("total")?.and_then(|total| u64::try_from(total).ok());
    Ok(Found { shape, total, results: rows(list, "result")? })
}

impl Episode {
    /// Reads one result of either generation. Only the id has to be there; a date or a duration that is none is taken as
    /// missing, since an episode without them is still an episode.
    ///
    /// # Errors
    /// When the result is no object, or has no id that can be one.
    pub fn read(result: &RawValue) -> Result<Self, Fault> {
        let wire: Wire<'_> = object(result)?;
        let Wire { mediapackage: Empty(package), dc: Empty(dc), .. } = wire;
        let mpid = [package.id, wire.id, dc.first(Dc::Identifier)].into_iter().find_map(text);
        let mpid = mpid.ok_or(Fault::Missing("id"))?;
        let starts = [package.start, wire.dc_created, dc.first(Dc::Created)];
        let live =
            package.media.0.track.0.iter().any(|track| matches!(track.0.live.flag("live"), Ok(Some(true))));
        Ok(Self {
            mpid: mpid.parse().map_err(|_| Fault::Not { field: "id", what: "media package id" })?,
            duration: [package.duration, wire.dc_extent, dc.first(Dc::Extent)].iter().find_map(millis),
            start: starts.iter().find_map(|start| start.instant("start").ok().flatten()),
            // The catalogue's lists hold texts as they are; the media package's numbers have lost their zeros.
            title: [dc.first(Dc::Title), wire.dc_title, package.title].into_iter().find_map(text),
            course: text(package.seriestitle),
            series: [dc.first(Dc::IsPartOf), wire.dc_is_part_of, package.series].into_iter().find_map(text),
            kind: [dc.first(Dc::Type), wire.dc_type].into_iter().find_map(text),
            description: [dc.first(Dc::Description), wire.dc_description].into_iter().find_map(text),
            attachments: package
                .attachments
                .0
                .attachment
                .0
                .into_iter()
                .filter_map(|each| each.0.read())
                .collect(),
            live,
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

fn text(scalar: Scalar<'_>) -> Option<String> {
    let text = scalar.text("").ok().flatten()?;
    (!text.trim().is_empty()).then(|| text.into_owned())
}

/// Milliseconds, or a duration like `PT1H2M3.5S`; not negative.
fn millis(scalar: &Scalar<'_>) -> Option<i64> {
    let written = || {
        let Scalar::Text(text) = scalar else { return None };
        let duration: SignedDuration = text.trim().parse().ok()?;
        i64::try_from(duration.as_millis()).ok()
    };
    scalar.number("duration").ok().flatten().or_else(written).filter(|millis| *millis >= 0)
}
