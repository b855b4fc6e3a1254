//! One result as it comes, both generations in one: what is absent is absent.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Attachment, text};
use crate::loose::{Empty, Many, Scalar};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Wire<'a> {
    #[serde(borrow)]
    pub(super) id: Scalar<'a>,
    pub(super) mediapackage: Empty<MediaPackage<'a>>,
    pub(super) dc_title: Scalar<'a>,
    pub(super) dc_created: Scalar<'a>,
    pub(super) dc_is_part_of: Scalar<'a>,
    pub(super) dc_type: Scalar<'a>,
    pub(super) dc_description: Scalar<'a>,
    pub(super) dc_extent: Scalar<'a>,
    pub(super) dc: Empty<Catalogue<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MediaPackage<'a> {
    #[serde(borrow)]
    pub(super) id: Scalar<'a>,
    pub(super) title: Scalar<'a>,
    pub(super) start: Scalar<'a>,
    pub(super) duration: Scalar<'a>,
    pub(super) series: Scalar<'a>,
    pub(super) seriestitle: Scalar<'a>,
    pub(super) media: Empty<Media<'a>>,
    pub(super) attachments: Empty<Attachments<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Media<'a> {
    #[serde(borrow)]
    pub(super) track: Many<Empty<Track<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Track<'a> {
    #[serde(borrow)]
    pub(super) live: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Attachments<'a> {
    #[serde(borrow)]
    pub(super) attachment: Many<Empty<WireAttachment<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireAttachment<'a> {
    #[serde(borrow, rename = "type")]
    kind: Scalar<'a>,
    url: Scalar<'a>,
    #[serde(rename = "ref")]
    reference: Scalar<'a>,
    tags: Empty<Tags<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tags<'a> {
    #[serde(borrow)]
    tag: Many<Scalar<'a>>,
}

impl WireAttachment<'_> {
    pub(super) fn read(self) -> Option<Attachment> {
        Some(Attachment {
            url: text(self.url)?,
            kind: text(self.kind),
            reference: text(self.reference),
            tags: self.tags.0.tag.0.into_iter().filter_map(text).collect(),
        })
    }
}

/// The members of the catalogue that are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dc {
    Identifier,
    Title,
    Created,
    Extent,
    IsPartOf,
    Type,
    Description,
}

/// The Dublin Core catalogue: every member a list.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Catalogue<'a>(#[serde(borrow)] BTreeMap<String, Many<Scalar<'a>>>);

impl<'a> Catalogue<'a> {
    pub(super) fn first(&self, member: Dc) -> Scalar<'a> {
        let name = match member {
            Dc::Identifier => "identifier",
            Dc::Title => "title",
            Dc::Created => "created",
            Dc::Extent => "extent",
            Dc::IsPartOf => "isPartOf",
            Dc::Type => "type",
            Dc::Description => "description",
        };
        self.0.get(name).and_then(|list| list.0.first()).cloned().unwrap_or_default()
    }
}
