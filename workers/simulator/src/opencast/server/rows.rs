//! Serialisation of actions: attributes by generation, rows by dialect.

use jiff::Timestamp;
use serde::Serialize;

use super::super::jettison::{Attribute, Text};
use super::super::settings::{Dialect, OpencastSettings};
use super::super::world::{Action, Playing};
use super::answer::OpencastAnswer;
use super::shared::Shared;

const OMITTED: &str = "-omitted-";

/// A page of rows. Rows are serialised as they are added.
pub(super) struct Page {
    body: Vec<u8>,
    /// Offset of the first row.
    first: usize,
    rows: usize,
}

#[derive(Serialize)]
struct Head {
    total: Attribute,
    offset: Attribute,
    limit: Attribute,
}

impl Page {
    pub(super) fn new(is_text: bool, total: u64, offset: u32, limit: u32) -> Self {
        let attribute = |value| Attribute { value, is_text };
        let (offset, limit) = (attribute(offset.into()), attribute(limit.into()));
        let mut body = b"{\"actions\":".to_vec();
        write(&mut body, &Head { total: attribute(total), offset, limit });
        // Reopen the object for the rows.
        body.pop();
        Self { first: body.len(), body, rows: 0 }
    }

    pub(super) fn push(&mut self, row: &ActionRow) {
        let before: &[u8] = if self.rows == 0 { ACTION } else { b"," };
        self.body.extend_from_slice(before);
        self.rows += 1;
        write(&mut self.body, row);
    }

    /// Without rows there is no member; one row is an object, several are an array.
    pub(super) fn finish(mut self) -> OpencastAnswer {
        match self.rows {
            0 => {}
            1 => drop(self.body.remove(self.first + ACTION.len() - 1)),
            _ => self.body.push(b']'),
        }
        self.body.extend_from_slice(b"}}");
        OpencastAnswer::json_text(self.body)
    }
}

/// Text before the first row.
const ACTION: &[u8] = b",\"action\":[";

fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    if let Err(error) = serde_json::to_writer(out, value) {
        tracing::error!(%error, "a value of the simulated world could not be serialised");
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionRow {
    id: i64,
    #[serde(serialize_with = "element")]
    mediapackage_id: String,
    session_id: SessionRow,
    inpoint: u32,
    outpoint: u32,
    length: u32,
    #[serde(rename = "type", serialize_with = "element")]
    kind: &'static str,
    is_playing: PlayingRow,
    created: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionRow {
    #[serde(serialize_with = "element")]
    session_id: String,
    #[serde(serialize_with = "element")]
    user_id: String,
    #[serde(serialize_with = "element")]
    user_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Text<'static>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PlayingRow {
    Number(u8),
    Bool(bool),
}

fn element<S: serde::Serializer>(text: impl AsRef<str>, out: S) -> Result<S::Ok, S::Error> {
    Text(text.as_ref()).serialize(out)
}

/// Converts actions to rows of this server.
pub(super) struct Writer<'a> {
    shared: &'a Shared,
    /// Footprints have their final length.
    settled: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(shared: &'a Shared, settled: bool) -> Self {
        Self { shared, settled }
    }

    pub(super) fn row(&self, action: &Action) -> ActionRow {
        let Shared { settings, world, .. } = self.shared;
        let session = &action.session;
        let kept = |text: String| if settings.omitted { OMITTED.to_owned() } else { text };
        // On the first reading a footprint has half its length, like one that still grows.
        let length = action.outpoint - action.inpoint;
        let length = if self.settled { length } else { length / 2 };
        ActionRow {
            id: action.id,
            mediapackage_id: session.mpid(world).into_owned(),
            session_id: SessionRow {
                session_id: kept(session.id()),
                user_id: kept(session.huid()),
                user_ip: kept(session.address(&self.shared.world)),
                user_agent: session.agent().map(Text),
            },
            inpoint: action.inpoint,
            outpoint: action.inpoint + length,
            length,
            kind: action.kind,
            is_playing: playing(action.playing, settings),
            created: self.created(action.created_ms),
        }
    }

    /// A time with the zone's offset: whole seconds in the fork and up to generation 14, milliseconds after that.
    fn created(&self, ms: i64) -> String {
        let OpencastSettings { dialect, generation, .. } = self.shared.settings;
        let fractions = dialect == Dialect::Upstream && generation >= 15 && ms % 1_000 != 0;
        let format = if fractions { "%Y-%m-%dT%H:%M:%S.%3f%:z" } else { "%Y-%m-%dT%H:%M:%S%:z" };
        let instant = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        instant.to_zoned_datetime(self.shared.world.zone.clone()).strftime(format).to_string()
    }
}

fn playing(playing: Playing, settings: &OpencastSettings) -> PlayingRow {
    match (settings.dialect, playing) {
        (Dialect::Dce, Playing::No) => PlayingRow::Number(0),
        (Dialect::Dce, Playing::Yes) => PlayingRow::Number(1),
        (Dialect::Dce, Playing::Live) => PlayingRow::Number(2),
        (Dialect::Upstream, playing) => PlayingRow::Bool(playing == Playing::Yes),
    }
}
