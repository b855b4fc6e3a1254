//! Raw form of one result, with the members of both generations.

use serde_json::value::RawValue;

use super::{Attachment, text};
use crate::Fault;
use crate::lenient::{Dropped, Scalar, each, inside, member, members, put};

type Value<'a> = Option<&'a RawValue>;

/// The decoded members of a result.
#[derive(Default)]
pub(super) struct Wire<'a> {
    pub(super) id: Value<'a>,
    pub(super) package: MediaPackage<'a>,
    pub(super) dc_title: Value<'a>,
    pub(super) dc_created: Value<'a>,
    pub(super) dc_is_part_of: Value<'a>,
    pub(super) dc_type: Value<'a>,
    pub(super) dc_description: Value<'a>,
    pub(super) dc_extent: Value<'a>,
    pub(super) dc: Catalogue<'a>,
    pub(super) dropped: Dropped,
}

/// The decoded members of the media package.
#[derive(Default)]
pub(super) struct MediaPackage<'a> {
    pub(super) id: Value<'a>,
    pub(super) title: Value<'a>,
    pub(super) start: Value<'a>,
    pub(super) duration: Value<'a>,
    pub(super) series: Value<'a>,
    pub(super) seriestitle: Value<'a>,
    pub(super) tracks: Vec<&'a RawValue>,
    pub(super) attachments: Vec<&'a RawValue>,
}

/// The first value of each member of the Dublin Core catalogue, in which every member is a list.
#[derive(Default)]
pub(super) struct Catalogue<'a> {
    pub(super) identifier: Value<'a>,
    pub(super) title: Value<'a>,
    pub(super) created: Value<'a>,
    pub(super) extent: Value<'a>,
    pub(super) is_part_of: Value<'a>,
    pub(super) kind: Value<'a>,
    pub(super) description: Value<'a>,
}

impl<'a> Wire<'a> {
    pub(super) fn read(result: &'a RawValue) -> Result<Self, Fault> {
        let mut wire = Self::default();
        members(result, |name, value| wire.take(name, value))?;
        Ok(wire)
    }

    fn take(&mut self, name: &str, value: &'a RawValue) {
        let (place, field) = match name {
            "id" => (&mut self.id, "id"),
            "mediapackage" => return self.package.read(value, &mut self.dropped),
            "dc" => return self.dc.read(value, &mut self.dropped),
            "dcTitle" => (&mut self.dc_title, "title"),
            "dcCreated" => (&mut self.dc_created, "start"),
            "dcIsPartOf" => (&mut self.dc_is_part_of, "series"),
            "dcType" => (&mut self.dc_type, "type"),
            "dcDescription" => (&mut self.dc_description, "description"),
            "dcExtent" => (&mut self.dc_extent, "duration"),
            _ => return,
        };
        put(place, value, field, &mut self.dropped);
    }
}

impl<'a> MediaPackage<'a> {
    /// Reads the members. A value that is not an object counts as dropped.
    fn read(&mut self, package: &'a RawValue, dropped: &mut Dropped) {
        dropped.unless_object(package, "mediapackage");
        let take = |name: &str, value| {
            let (place, field) = match name {
                "id" => (&mut self.id, "id"),
                "title" => (&mut self.title, "title"),
                "start" => (&mut self.start, "start"),
                "duration" => (&mut self.duration, "duration"),
                "series" => (&mut self.series, "series"),
                "seriestitle" => (&mut self.seriestitle, "seriestitle"),
                "media" => {
                    dropped.unless_object(value, "media");
                    return self.tracks.extend(inside(value, "track"));
                }
                "attachments" => {
                    dropped.unless_object(value, "attachments");
                    return self.attachments.extend(inside(value, "attachment"));
                }
                _ => return,
            };
            put(place, value, field, dropped);
        };
        members(package, take).ok();
    }
}

impl<'a> Catalogue<'a> {
    fn read(&mut self, catalogue: &'a RawValue, dropped: &mut Dropped) {
        dropped.unless_object(catalogue, "dc");
        let take = |name: &str, value| {
            let (place, field) = match name {
                "identifier" => (&mut self.identifier, "id"),
                "title" => (&mut self.title, "title"),
                "created" => (&mut self.created, "start"),
                "extent" => (&mut self.extent, "duration"),
                "isPartOf" => (&mut self.is_part_of, "series"),
                "type" => (&mut self.kind, "type"),
                "description" => (&mut self.description, "description"),
                _ => return,
            };
            if let Some(first) = each(&[value]).first() {
                put(place, first, field, dropped);
            }
        };
        members(catalogue, take).ok();
    }
}

/// Returns whether a track is a live stream.
pub(super) fn is_live(track: &RawValue, dropped: &mut Dropped) -> bool {
    dropped.unless_object(track, "media");
    dropped.flag(member(track, "live"), "live") == Some(true)
}

/// Decodes an attachment; `None` if it has no URL. No document has its tags, so unreadable ones are not noted.
pub(super) fn attachment(attachment: &RawValue, dropped: &mut Dropped) -> Option<Attachment> {
    const FIELD: &str = "attachments";
    dropped.unless_object(attachment, FIELD);
    let mut read = |name| dropped.first(FIELD, &[member(attachment, name)], text);
    let (url, kind, reference) = (read("url"), read("type"), read("ref"));
    if url.is_none() && kind.is_some() {
        dropped.note(FIELD);
    }
    let tags = member(attachment, "tags").map(|tags| inside(tags, "tag")).unwrap_or_default();
    let tag = |tag| text(Scalar::read(tag)).ok().flatten();
    Some(Attachment { url: url?, kind, reference, tags: tags.into_iter().filter_map(tag).collect() })
}
