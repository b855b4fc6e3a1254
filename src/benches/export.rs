//! Attendance of a term from the local file: 500 lectures with 200 students each.

use std::path::Path;
use std::time::Instant;

use serde_json::value::RawValue;
use store::{Batch, DocumentKind, Local, Store, Verdict};

use crate::process::Process;

const LECTURES: u64 = 500;
const STUDENTS: u64 = 200;
/// Lectures watched at the same time.
const AT_ONCE: u64 = 20;
/// Seconds between two heartbeats of a player.
const BEAT: u64 = 30;
/// Actions per batch.
const BATCH: u64 = 2_000;

/// Writes about `heartbeats` heartbeats, exports the attendance, and prints its rate and memory.
pub(crate) async fn attendance(heartbeats: u64) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let beats = heartbeats.div_ceil(LECTURES * STUDENTS).max(1);
    let written = fill(&folder.path().join("ua-data"), beats).await;
    let environment = [("UA_LOG", "warn".to_owned())];
    let began = Instant::now();
    let words = ["export", "attendance", "--term", "202601", "--output", "attendance.csv"];
    let (used, complete) = Process::start(folder.path(), &environment, &words).watch().await;
    let seconds = began.elapsed().as_secs_f64();
    assert!(complete, "the export failed; what it says is in {}", folder.path().display());
    let text = std::fs::read_to_string(folder.path().join("attendance.csv")).expect("the file is there");
    let rows = text.lines().skip(1).filter(|row| row.ends_with(",100")).count() as u64;
    assert_eq!(rows, LECTURES * STUDENTS, "everybody watched everything");
    println!(
        "export, attendance: {rows} rows from {written} heartbeats in {seconds:.1} s = {:.0} rows/s; {:.1} cpu-seconds, {} MiB peak",
        rows as f64 / seconds,
        used.cpu_seconds,
        used.peak_mib,
    );
}

/// Writes lectures that every student watches completely, with `beats` heartbeats each; returns the number of actions.
async fn fill(folder: &Path, beats: u64) -> u64 {
    let settings = store::local::LocalStoreSettings { folder: folder.to_owned(), prefix: String::new() };
    let store = Store::Local(Local::open(settings).expect("a store can be made"));
    let mut batch = Batch::new();
    for lecture in 0..LECTURES {
        let (id, body) = (mpid(lecture), episode(lecture, beats));
        batch.push("", DocumentKind::Episodes, "episodes".to_owned(), id, 1, &body).expect("an episode fits");
    }
    write(&store, &batch).await;
    let (began, mut number) = (Instant::now(), 0);
    let mut batch = Batch::new();
    // As in production: many concurrent players, each with its next heartbeat.
    for first in (0..LECTURES).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
        for beat in 0..beats {
            for viewer in 0..AT_ONCE * STUDENTS {
                let (lecture, student) = (first + viewer % AT_ONCE, viewer / AT_ONCE);
                let body = action(number, lecture, student, beat * BEAT);
                let index = "useractions-2026.02".to_owned();
                batch
                    .push("", DocumentKind::Useractions, index, number.to_string(), 1, &body)
                    .expect("an action fits");
                number += 1;
                if number.is_multiple_of(BATCH) {
                    write(&store, &batch).await;
                    batch = Batch::new();
                }
            }
        }
    }
    write(&store, &batch).await;
    let seconds = began.elapsed().as_secs_f64();
    let size = std::fs::metadata(folder.join("ua.db")).map_or(0, |file| file.len());
    println!(
        "export: {number} actions written in {seconds:.1} s = {:.0} actions/s, a file of {:.1} GiB",
        number as f64 / seconds,
        size as f64 / f64::from(1 << 30)
    );
    number
}

async fn write(store: &Store, batch: &Batch) {
    let verdicts = store.bulk(batch).await.expect("the file can be written");
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Indexed));
}

fn mpid(lecture: u64) -> String {
    // Ids are random.
    let random = lecture.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{:08x}-0b1c-4d2e-8f3a-{:012x}", random >> 32, random & 0xffff_ffff)
}

fn episode(lecture: u64, beats: u64) -> Box<RawValue> {
    let text = format!(
        r#"{{"mpid":"{}","title":"Lecture {lecture}","duration":{},"series":"202601{:05}"}}"#,
        mpid(lecture),
        beats * BEAT * 1_000,
        10_000 + lecture / 20,
    );
    RawValue::from_string(text).expect("this is JSON")
}

fn action(number: u64, lecture: u64, student: u64, inpoint: u64) -> Box<RawValue> {
    let (mpid, session) = (mpid(lecture), format!("node0{:x}", student.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let text = format!(
        r#"{{"action_id":{number},"mpid":"{mpid}","session_id":"{session}","huid":"{}","action":{{"type":"HEARTBEAT","inpoint":{inpoint},"outpoint":{inpoint},"length":0,"is_playing":true}},"is_live":false,"ip":"192.0.2.{}","episode":{{"title":"Lecture {lecture}","course":"Seminar {}","series":"202601{:05}","type":"L{}"}},"ua":{{"name":"Firefox","os":"Windows","device":"Other"}},"harvest":{{"job_id":"opencast:actions:2026-02-01","fetched_at":"2026-02-02T05:00:00Z","endpoint":"GET /usertracking/actions.json","ua_version":"0.1.0"}}}}"#,
        81_000_000 + student,
        student % 256,
        lecture / 20,
        10_000 + lecture / 20,
        lecture % 20,
    );
    RawValue::from_string(text).expect("this is JSON")
}
