//! Finds what a dead letter is about. Parses leniently, because the message may be dead for being unreadable.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use crate::{MeetingUuid, Queue, Source};

/// Source, date and meeting of a message, by which dead letters are searched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// Where the data comes from.
    pub source: Option<Source>,
    /// The UTC date the data belongs to.
    pub date: Option<Date>,
    /// The meeting the data is about.
    pub meeting_uuid: Option<MeetingUuid>,
}

impl Subject {
    /// Reads the subject from the body, else from the id (`source:kind:key`), else from the queue name.
    pub fn of(queue: &Queue, id: &str, body: &[u8]) -> Self {
        let inside = serde_json::from_slice(body).map(Outer::subject).unwrap_or_default();
        let named = by_id(id);
        let source = by_queue(queue);
        Self {
            source: inside.source.or(named.source).or(source),
            date: inside.date.or(named.date),
            meeting_uuid: inside.meeting_uuid.or(named.meeting_uuid),
        }
    }
}

/// A job, or a document. Unknown fields are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Outer {
    task: Option<Inner>,
    raw: Option<Inner>,
    receipts: Vec<Inner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner {
    source: Value,
    kind: Value,
    date: Value,
    meeting_uuid: Value,
    meeting: Option<Meeting>,
    context: Option<Meeting>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meeting {
    meeting_uuid: Value,
}

impl Outer {
    fn subject(self) -> Subject {
        let first = self.task.or(self.raw).or_else(|| self.receipts.into_iter().next());
        first.map(Inner::subject).unwrap_or_default()
    }
}

impl Inner {
    fn subject(self) -> Subject {
        // The kind of a raw document begins with its source: `zoom.metrics.meetings`.
        let kind = self.kind.as_str().and_then(|kind| kind.split_once('.')).map(|(source, _)| source);
        let meeting = self.meeting.or(self.context).unwrap_or_default().meeting_uuid;
        Subject {
            source: self.source.as_str().or(kind).and_then(|source| source.parse().ok()),
            date: self.date.as_str().and_then(|date| date.parse().ok()),
            meeting_uuid: [&self.meeting_uuid, &meeting]
                .into_iter()
                .find_map(|uuid| uuid.as_str()?.parse().ok()),
        }
    }
}

fn by_id(id: &str) -> Subject {
    let mut parts = id.strip_prefix("receipt:").unwrap_or(id).splitn(3, ':');
    let (source, _, key) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    // A page (`#past.1`) or a host may follow the key.
    let key = key.split('#').next().unwrap_or_default();
    Subject {
        source: source.and_then(|source| source.parse().ok()),
        date: key.split(':').next().and_then(|date| date.parse().ok()),
        meeting_uuid: key.parse().ok(),
    }
}

fn by_queue(queue: &Queue) -> Option<Source> {
    let family = queue.as_str().strip_prefix("ua.jobs.")?;
    family.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoom::{Event, MeetingContext, Task};
    use crate::{Document, Family, Job, Lane, RawDocument, RawKind, encode};

    const UUID: &str = "4444AAAiAAAAAiAiAiiAiA==";

    fn subject(date: Option<&str>, uuid: Option<&str>) -> Subject {
        Subject {
            source: Some(Source::Zoom),
            date: date.map(|date| date.parse().unwrap()),
            meeting_uuid: uuid.map(|uuid| uuid.parse().unwrap()),
        }
    }

    fn context() -> MeetingContext {
        let meeting_uuid = UUID.parse().unwrap();
        let (series_id, topic, start_time, end_time, host_id) = (None, None, None, None, None);
        MeetingContext { meeting_uuid, series_id, topic, start_time, end_time, host_id }
    }

    fn job(task: Task) -> Job<Task> {
        task.into_job("r".into(), Lane::Daily, jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_job_says_its_date_and_meeting() {
        let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
        let list = encode(&job(Task::Meetings { date: "2026-01-02".parse().unwrap() })).unwrap();
        assert_eq!(Subject::of(&queue, "x", &list), subject(Some("2026-01-02"), None));
        let detail = job(Task::Participants {
            meeting: context(),
            event: Event::Meeting,
            listing: None,
            api: None,
            date: Some("2026-01-03".parse().unwrap()),
            header: false,
        });
        let detail = encode(&detail).unwrap();
        assert_eq!(Subject::of(&queue, "x", &detail), subject(Some("2026-01-03"), Some(UUID)));
        // A message of another version, with unknown fields, still has a subject.
        let newer = String::from_utf8(detail).unwrap().replace("\"version\":1", "\"version\":9,\"new\":{}");
        assert_eq!(Subject::of(&queue, "x", newer.as_bytes()), subject(Some("2026-01-03"), Some(UUID)));
    }

    #[test]
    fn a_document_says_what_it_is_of() {
        let context = serde_json::value::to_raw_value(&context()).unwrap();
        let body = serde_json::value::to_raw_value(&serde_json::json!({"date": "1999-01-01"})).unwrap();
        let raw = RawDocument::new(
            "x#1",
            "x".into(),
            "r".into(),
            RawKind::ZoomMetricsParticipants,
            "GET",
            jiff::Timestamp::UNIX_EPOCH,
            Some("2026-01-02".parse().unwrap()),
            &context,
            &body,
        );
        let bytes = encode(&Document::Raw(raw)).unwrap();
        assert_eq!(Subject::of(&Queue::documents(), "", &bytes), subject(Some("2026-01-02"), Some(UUID)));
        let receipt = format!(r#"{{"receipts":[{{"source":"zoom","date":null,"meeting_uuid":"{UUID}"}}]}}"#);
        assert_eq!(Subject::of(&Queue::documents(), "", receipt.as_bytes()), subject(None, Some(UUID)));
    }

    #[test]
    fn a_message_that_cannot_be_read_is_known_by_its_id_and_queue() {
        let documents = Queue::documents();
        for (id, date, uuid) in [
            ("zoom:meetings:2026-01-02", Some("2026-01-02"), None),
            ("zoom:host_meetings:2026-01-02:abc", Some("2026-01-02"), None),
            ("zoom:meetings:2026-01-02#past.1", Some("2026-01-02"), None),
            ("receipt:zoom:participants:4444AAAiAAAAAiAiAiiAiA==", None, Some(UUID)),
            ("zoom:participants:4444AAAiAAAAAiAiAiiAiA==#1:16778240", None, Some(UUID)),
        ] {
            assert_eq!(Subject::of(&documents, id, b"\x00rubbish"), subject(date, uuid), "{id}");
        }
        let jobs = Queue::jobs(Family::ZOOM_LIST, Lane::Backfill);
        assert_eq!(Subject::of(&jobs, "unnamed-1", b"{\"task\":7}"), subject(None, None));
        assert_eq!(Subject::of(&documents, "unnamed-1", b"[1]"), Subject::default());
    }
}
