//! Messages and rows: written values read back equal, and errors are short.

use std::fmt::Debug;

use jiff::Timestamp;
use messages::zoom::{Api, Event, Listing, MeetingContext};
use messages::{
    Cause, CauseClass, DeadLetter, DeadState, Document, Job, JobHead, Lane, Queue, RawDocument, RawKind,
    Receipt, ReceiptState, Source, Subject, decode, encode,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{bounded, said_well, target};
use crate::driver::Target;
use crate::mutate::Form;

pub(super) fn targets() -> Vec<Target> {
    let rows = [
        target("row-receipt", Form::Json, receipts(), || Box::new(|bytes| row::<Receipt>(bytes).is_some())),
        target("row-dead-letter", Form::Json, dead_letters(), || Box::new(dead_letter)),
        target("row-run", Form::Json, runs(), || {
            Box::new(|bytes| row::<planner::RunRecord>(bytes).is_some())
        }),
        target("row-archive", Form::Json, archived(), || Box::new(archive)),
        target("message-document", Form::Json, documents(), || Box::new(document)),
    ];
    let jobs = [
        target("message-job-zoom", Form::Json, zoom_jobs(), || {
            Box::new(job::<messages::zoom::Task>(Source::Zoom))
        }),
        target("message-job-opencast", Form::Json, opencast_jobs(), || {
            Box::new(job::<messages::opencast::Task>(Source::Opencast))
        }),
    ];
    jobs.into_iter().chain(rows).collect()
}

pub(super) fn time() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

pub(super) fn meeting() -> MeetingContext {
    MeetingContext {
        meeting_uuid: "4444AAAiAAAAAiAiAiiAiA==".parse().unwrap(),
        series_id: Some(messages::SeriesId(81_000_000_001)),
        topic: Some("Topic".to_owned()),
        start_time: Some(time()),
        end_time: Some(time()),
        host_id: Some("host".to_owned()),
    }
}

fn zoom_jobs() -> Vec<Vec<u8>> {
    use messages::zoom::Task;
    let date = "2026-01-02".parse().unwrap();
    let (event, listing, api) = (Event::Webinar, Some(Listing::PastOne), Some(Api::Report));
    let tasks = [
        Task::Meetings { date },
        Task::Webinars { date },
        Task::HostMeetings { date, host_id: "host".to_owned() },
        Task::Participants { meeting: meeting(), event, listing, api, date: Some(date), header: true },
    ];
    tasks.map(|task| encode(&task.into_job("run".into(), Lane::Backfill, time())).unwrap()).into()
}

fn opencast_jobs() -> Vec<Vec<u8>> {
    use messages::opencast::Task;
    let date = "2026-01-02".parse().unwrap();
    let tasks = [
        Task::Actions { date, since: Some(time()), or_catalogue: true },
        Task::Episode { mpid: "a-1".parse().unwrap() },
        Task::Catalogue { date },
    ];
    tasks.map(|task| encode(&task.into_job("run".into(), Lane::Daily, time())).unwrap()).into()
}

fn planned() -> Receipt {
    Source::Zoom.planned(&zoom_jobs()[3]).unwrap()
}

fn receipts() -> Vec<Vec<u8>> {
    let cause = Some(Cause::new(CauseClass::Gone, "404"));
    let failed = Receipt { state: ReceiptState::Failed, cause, got: Some(1), expected: Some(2), ..planned() };
    [planned(), failed].map(|receipt| encode(&receipt).unwrap()).into()
}

fn documents() -> Vec<Vec<u8>> {
    let context: &RawValue =
        serde_json::from_str(r#"{"host_ids":{},"host_id":null,"listing":null}"#).unwrap();
    let body: &RawValue =
        serde_json::from_str(r#"{"meetings":[{"uuid":"4444AAAiAAAAAiAiAiiAiA=="}]}"#).unwrap();
    let (kind, date) = (RawKind::ZoomMetricsMeetings, "2026-01-02".parse().ok());
    let endpoint = "GET /metrics/meetings";
    let raw = RawDocument::new("j#1", "j".into(), "r".into(), kind, endpoint, time(), date, context, body);
    [Document::Raw(raw), Document::Receipts(vec![planned(), planned()])]
        .map(|document| encode(&document).unwrap())
        .into()
}

fn dead_letters() -> Vec<Vec<u8>> {
    let queue = "ua.jobs.zoom.detail.daily";
    vec![
        serde_json::json!({
            "id": "a", "state": "dead", "cause": {"class": "gone", "text": "404"}, "origin": queue, "attempts": 3,
            "replays": 1, "first_seen": time(), "died_at": time(), "changed_at": time(), "source": "zoom",
            "date": "2026-01-02", "meeting_uuid": "4444AAAiAAAAAiAiAiiAiA==", "bytes": 2,
            "history": [{"at": time(), "state": "replayed", "queue": queue}], "body": "AAE=",
        })
        .to_string()
        .into_bytes(),
    ]
}

fn runs() -> Vec<Vec<u8>> {
    let run = serde_json::json!({
        "run": "r", "state": "published", "origin": "schedule", "slot": time(), "lane": "daily", "from": "2026-01-02",
        "to": "2026-01-03", "dates": 2, "meetings": 0, "episodes": 0, "jobs": 4, "planned_at": time(),
        "changed_at": time(), "price": {
            "resource_intensive": 1, "heavy": 2, "details": 2, "other": 0, "per_day": 48_000, "left_today": null,
            "quota_days": 1, "seconds": 3, "finish_at": time(), "known": 1, "estimated": 0, "guessed": 0, "basis": [],
        },
    });
    vec![run.to_string().into_bytes()]
}

/// A row of today with a short answer in zstd, and one of before answers were compressed.
fn archived() -> Vec<Vec<u8>> {
    let packed = "KLUv/QRYEQAAe33RlPJ6";
    let rows = [
        serde_json::json!({"id": "j#1", "bytes": 2, "answer": packed}),
        serde_json::json!({"id": "j#1", "context": {}, "body": {"a": 1}}),
    ];
    rows.map(|row| row.to_string().into_bytes()).into()
}

fn archive(bytes: &[u8]) -> bool {
    let Ok(row) = serde_json::from_slice::<&RawValue>(bytes) else { return false };
    match indexer::archive::answer(row) {
        Ok(_) => true,
        Err(error) => {
            said_well(&error.to_string());
            false
        }
    }
}

fn job<T>(source: Source) -> impl FnMut(&[u8]) -> bool
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let queue = Queue::named("ua.jobs.zoom.list.daily");
    move |bytes| {
        let planned = source.planned(bytes);
        // A dead letter may be any message: its subject must be readable without a panic.
        let _ = Subject::of(&queue, "id", bytes);
        let job = match decode::<Job<T>>(bytes) {
            Ok(job) => job,
            Err(error) => {
                said_well(&error.to_string());
                assert!(planned.is_none(), "there is a receipt of what is no job");
                return false;
            }
        };
        let written = encode(&job).unwrap();
        bounded(written.len(), bytes);
        assert_eq!(decode::<Job<T>>(&written).unwrap(), job);
        assert_eq!(planned.map(|receipt| receipt.job_id), Some(job.id.clone()), "every job has a receipt");
        assert_eq!(decode::<JobHead>(bytes).unwrap(), JobHead { id: job.id, run: job.run });
        true
    }
}

/// Reads a row and checks that it reads back equal after writing.
pub(super) fn row<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let row: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&row).unwrap();
    bounded(written.len(), bytes);
    let again: T = serde_json::from_slice(&written).unwrap();
    assert_eq!(serde_json::to_vec(&again).unwrap(), written);
    Some(row)
}

fn dead_letter(bytes: &[u8]) -> bool {
    let Some(mut letter) = row::<DeadLetter>(bytes) else { return false };
    // A body that is not base64 is an error, not a panic.
    let _ = letter.body_bytes();
    letter.enter(DeadState::Replayed, time(), None, None);
    assert_eq!((letter.state, letter.changed_at), (DeadState::Replayed, time()));
    assert!(letter.history.len() <= 50 || letter.history.len() < bytes.len());
    true
}

fn document(bytes: &[u8]) -> bool {
    let document = match decode::<Document<'_>>(bytes) {
        Ok(document) => document,
        Err(error) => {
            said_well(&error.to_string());
            return false;
        }
    };
    let written = encode(&document).unwrap();
    bounded(written.len(), bytes);
    let again: Document<'_> = decode(&written).unwrap();
    assert_eq!(encode(&again).unwrap(), written);
    if let (Document::Raw(raw), Document::Raw(again)) = (&document, &again) {
        assert_eq!(raw.body.get(), again.body.get(), "an answer stays as it came");
    }
    true
}
