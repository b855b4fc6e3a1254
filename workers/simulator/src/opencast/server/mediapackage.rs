//! Media packages in the format of search and workflows: attributes, creators, tracks, pictures.

use super::super::jettison::Element;
use super::super::world::{Attachment, Episode};

/// The media package of an episode.
pub(super) fn mediapackage(episode: &Episode) -> Element {
    let creators = episode.creators.iter().map(|creator| Element::text("creator", creator));
    let package = Element::new("mediapackage")
        .attribute_of("start", episode.start)
        .attribute("id", &episode.mpid)
        .attribute_of("duration", (episode.duration_ms > 0).then_some(episode.duration_ms))
        .text_of("title", Some(&episode.title))
        .text_of("series", episode.series.as_ref())
        .text_of("seriestitle", episode.course.as_ref());
    let package = match episode.creators.len() {
        0 => package,
        _ => package.child(Element::new("creators").children(creators)),
    };
    package
        .child(Element::new("media").children(tracks(episode)))
        .child(Element::new("metadata").child(catalog(episode)))
        .child(Element::new("attachments").children(
            episode.attachments.iter().zip(1..).map(|(attachment, n)| picture(episode, attachment, n)),
        ))
        .child(Element::new("publications"))
}

/// One or two tracks, with 0 to 2 tags each.
fn tracks(episode: &Episode) -> impl Iterator<Item = Element> {
    let flavors = ["presenter/delivery", "presentation/delivery"];
    let streams = episode.live.is_some_and(|live| live.available.is_none());
    let count = 1 + (episode.bits >> 36) as usize % 2;
    flavors.into_iter().take(count).map(move |flavor| {
        let tags = (0..(episode.bits >> 52) as usize % 3)
            .map(|n| Element::text("tag", ["engage-download", "1080"][n]));
        Element::new("track")
            .attribute("type", flavor)
            .attribute("id", format!("track-{flavor}"))
            .text_of("mimetype", Some("video/mp4"))
            .child(Element::new("tags").children(tags))
            .text_of("url", Some(format!("http://media.example.org/{flavor}.mp4")))
            .child(Element::text("checksum", "00aa11bb22cc33dd44ee55ff66008899").attribute("type", "md5"))
            .text_of("duration", (episode.duration_ms > 0).then_some(episode.duration_ms))
            .child(
                Element::new("video")
                    .attribute("id", "video-1")
                    .text_of("resolution", Some("1280x720"))
                    .child(Element::new("encoder")),
            )
            .text_of("live", Some(streams))
    })
}

fn catalog(episode: &Episode) -> Element {
    Element::new("catalog")
        .attribute("type", "dublincore/episode")
        .attribute("id", "catalog-1")
        .text_of("mimetype", Some("text/xml"))
        .child(Element::new("tags"))
        .text_of("url", Some(format!("http://media.example.org/{:x}/dublincore.xml", episode.bits)))
}

/// A still, or a slide with its time.
fn picture(episode: &Episode, attachment: &Attachment, n: u32) -> Element {
    let shown = attachment.minute.map(|minute| {
        format!("track:track-presentation/delivery;time=T{:02}:{:02}:00:0F1000", minute / 60, minute % 60)
    });
    Element::new("attachment")
        .attribute("type", attachment.flavor)
        .attribute("id", format!("attachment-{n}"))
        .attribute_of("ref", shown)
        .text_of("mimetype", Some("image/jpeg"))
        .child(Element::new("tags"))
        .text_of("url", Some(format!("http://media.example.org/{:x}/{n}.jpg", episode.bits)))
        .text_of("size", Some(10_000 + n))
}
