//! Tables for analysts: from documents in the store to CSV, with the real binary.

mod rollcall;
mod world;

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use store::DocumentKind;

use crate::program::{Ended, Program};
use crate::servers::{server, unique};
use world::{Doc, beat, episode, local, press};

fn succeed(program: &Program, words: &[&str]) -> String {
    let Ended { code, out, err } = program.call(words);
    assert_eq!(code, Some(0), "{words:?}: {out}{err}");
    out
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// A term with two lectures: both were live, and one was watched afterwards.
fn term() -> Vec<Doc> {
    let mut docs = vec![
        // A recording of 40 minutes, of a stream of 20 minutes.
        episode(
            "m1",
            json!({"series": "20160112345", "duration": 2_400_000, "live_stream": true, "live_duration": 1_200_000}),
        ),
        episode("m2", json!({"series": "20160154321", "duration": 600_000})),
        // The first has no known length; the second is known only by its id.
        episode("m3", json!({"series": "20160112345"})),
        episode("m4", json!({})),
        episode("other", json!({"series": "20160212345", "duration": 600_000})),
    ];
    for inpoint in [0, 30, 299, 300, 2_399, 2_400, 9_000] {
        docs.push(beat("m1", Some("81234567"), inpoint, true, false));
    }
    for number in 0..4 {
        docs.push(beat("m1", Some("81234567"), number * 300, true, true));
        docs.push(beat("m1", Some("b"), 0, true, true));
    }
    // Only paused, only anonymous, only of another term.
    docs.push(beat("m1", Some("paused"), 0, false, false));
    docs.push(beat("m2", Some("anonymous"), 0, true, false));
    docs.push(beat("m2", Some("public_user"), 0, true, false));
    docs.push(beat("m2", None, 0, true, false));
    docs.push(beat("m2", Some("=cmd"), 0, true, false));
    docs.push(beat("m3", Some("a"), 0, true, false));
    docs.push(beat("other", Some("a"), 0, true, false));
    docs.push(press("m2", "a", "SEEK"));
    docs
}

#[tokio::test(flavor = "multi_thread")]
async fn attendance_is_of_the_recording_or_of_the_live_stream() {
    let program = Program::new();
    world::fill(&local(&program), &term()).await;
    let ended = program.call(&["export", "attendance", "--term", "201601"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    // Five of eight pieces: 0, 1, 7, and those watched after the end, 8 and 30.
    assert_eq!(lines(&ended.out), ["mpid,huid,vod_attendance", "m1,81234567,62", "m2,'=cmd,50"]);
    assert!(
        ended.err.contains("1 lecture without rows: the length of the recording is not known"),
        "{}",
        ended.err
    );

    // The original program never found a live stream's length, and would have used the recording's.
    let ended = program.call(&["export", "attendance", "--term", "201601", "--live", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let rows: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let row = |huid: &str, percent: i64| json!({"mpid": "m1", "huid": huid, "live_attendance": percent});
    assert_eq!(rows, [row("81234567", 100), row("b", 25)]);
    assert!(ended.err.contains("2 lectures without rows: the length of the live stream"), "{}", ended.err);

    let one = succeed(&program, &["export", "attendance", "--series", "20160154321"]);
    assert_eq!(lines(&one), ["mpid,huid,vod_attendance", "m2,'=cmd,50"]);
    let all = succeed(&program, &["export", "attendance"]);
    assert_eq!(lines(&all).last().unwrap(), &"other,a,50");
    let none = program.call(&["export", "attendance", "--term", "209901"]);
    assert_eq!((none.code, lines(&none.out)), (Some(0), vec!["mpid,huid,vod_attendance"]));
    assert!(none.err.contains("no episode is what was asked for"), "{}", none.err);
}

/// The original program read only 100 students of a lecture, without a warning.
#[tokio::test(flavor = "multi_thread")]
async fn viewing_options_are_of_every_student_and_not_of_a_hundred() {
    const SPEED: &str = "paella:button:action;es.upv.paella.playbackRatePlugin";
    const MODE: &str = "paella:button:action;edu.harvard.dce.paella.viewModeTogglePlugin";
    let program = Program::new();
    let mut docs = vec![episode("m1", json!({"series": "20160112345", "duration": 600_000}))];
    for number in 0..250 {
        docs.push(press("m1", &format!("s{number:03}"), "PLAY"));
    }
    for what in [
        SPEED,
        SPEED,
        MODE,
        "paella:caption:enabled",
        "paella:caption:enabled;{\"lang\":\"en\"}",
        "paella:caption:disabled",
    ] {
        docs.push(press("m1", "s007", what));
        docs.push(press("m1", "anonymous", what));
    }
    world::fill(&local(&program), &docs).await;
    let out = succeed(&program, &["export", "viewing-options", "--term", "2016"]);
    let lines = lines(&out);
    assert_eq!(lines[0], "mpid,huid,captions,playback_speed,view_mode");
    assert_eq!(lines.len(), 251);
    assert_eq!(lines[8], "m1,s007,2,2,1");
    assert_eq!(lines[250], "m1,s249,0,0,0");
}

/// The original program left out episodes without attachments, and stopped at the first one without a start.
#[tokio::test(flavor = "multi_thread")]
async fn every_episode_is_exported_however_little_is_known_of_it() {
    let program = Program::new();
    let whole = json!({"title": "A, \"B\"", "series": "20160112345", "course": "+C", "start": "2016-01-26T15:00:00Z",
        "duration": 600_000, "crn": "12345", "live_stream": false, "slides": [{"img": "x", "time": 1}]});
    let docs = [
        episode("m1", whole),
        episode("m2", json!({})),
        episode("m3", json!({"start": "2016-02-01T00:00:00Z"})),
    ];
    world::fill(&local(&program), &docs).await;
    let out = succeed(&program, &["export", "episodes"]);
    let header = "mpid,title,course,series,year,term,crn,type,start,duration,live_stream,live_start,live_end,live_duration,available";
    assert_eq!(
        lines(&out),
        [
            header,
            "m1,\"A, \"\"B\"\"\",'+C,20160112345,,,12345,,2016-01-26T15:00:00Z,600000,false,,,,",
            "m2,,,,,,,,,,,,,,",
            "m3,,,,,,,,2016-02-01T00:00:00Z,,,,,,",
        ]
    );
    let january =
        succeed(&program, &["export", "episodes", "--from", "2016-01-26", "--to", "2016-01-31", "--json"]);
    let row: Value = serde_json::from_str(&january).unwrap();
    assert_eq!(
        (&row["mpid"], &row["course"], &row["live_duration"]),
        (&"m1".into(), &"+C".into(), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_meetings_are_exported_by_date_and_number() {
    let program = Program::new();
    world::fill(&local(&program), &world::zoom()).await;
    let sessions = succeed(&program, &["export", "sessions", "--from", "2026-01-02", "--to", "2026-01-02"]);
    let lines = lines(&sessions);
    assert_eq!(lines.len(), 2, "{sessions}");
    assert!(lines[0].starts_with("meeting_uuid,series_id,topic,user_id,"), "{sessions}");
    assert_eq!(
        lines[1],
        "a==,91234567890,Algebra,16778240,,'@ada,a@example.edu,,2026-01-02T08:00:00Z,2026-01-02T09:00:00Z,3600,left,windows,,,,,,,,dashboard"
    );
    let all = succeed(&program, &["export", "sessions", "--series", "91234567890"]);
    assert_eq!(all.lines().count(), 3);
    let meetings = succeed(&program, &["export", "meetings", "--json"]);
    let rows: Vec<Value> = meetings.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let uuids: BTreeSet<&str> = rows.iter().map(|row| row["meeting_uuid"].as_str().unwrap()).collect();
    assert_eq!(uuids, BTreeSet::from(["a==", "b=="]));
    assert_eq!(rows[0]["host_email"], "h@example.edu");
    let none = succeed(&program, &["export", "meetings", "--series", "5"]);
    assert_eq!(none.lines().count(), 1);
}

/// A row without a known time is exported or counted.
#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_left_out_for_want_of_a_time() {
    let program = Program::new();
    let session = |id: &str, body: Value| world::other(DocumentKind::Sessions, "2026-01-02", id, body);
    let of = |uuid: &str, user: &str, leave: Value| json!({"meeting_uuid": uuid, "user_id": user, "leave_time": leave});
    let mut docs = world::zoom();
    docs.extend([
        session("a==/1", of("a==", "1", json!("2026-01-02T23:59:59.999Z"))),
        session("a==/2", of("a==", "2", Value::Null)),
        session("a==/3", of("a==", "3", json!("2026-01-03T00:00:00Z"))),
        session("c==/4", of("c==", "4", Value::Null)),
        world::other(
            DocumentKind::Meetings,
            "2026-01-02",
            "+d==",
            json!({"meeting_uuid": "+d==", "end_time": "2026-01-02T01:00:00Z"}),
        ),
        world::other(
            DocumentKind::Meetings,
            "2026-01-02",
            "e==",
            json!({"meeting_uuid": "e==", "topic": "x;=1"}),
        ),
        episode("m1", json!({"series": "20260112345"})),
        episode("m2", json!({"live_start": "2026-01-02T08:00:00Z"})),
    ]);
    world::fill(&local(&program), &docs).await;
    let day = ["--from", "2026-01-02", "--to", "2026-01-02"];
    let table = |words: &[&str]| {
        let ended = program.call(&[&["export"], words].concat());
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.err);
        let rows: BTreeSet<String> = ended
            .out
            .lines()
            .skip(1)
            .map(|line| line.split(',').take(4).collect::<Vec<_>>().join(","))
            .collect();
        (rows, ended.err)
    };
    let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<BTreeSet<_>>();
    let (found, said) = table(&[&["sessions"], &day[..]].concat());
    assert_eq!(found, rows(&["a==,91234567890,Algebra,16778240", "a==,,,1", "a==,,,2"]));
    assert!(said.contains("1 row without a date left out"), "{said}");
    assert_eq!(table(&["sessions"]).0.len(), 6, "without dates all are there");
    let (found, said) = table(&[&["meetings"], &day[..]].concat());
    assert_eq!(found, rows(&["a==,91234567890,,Algebra", "+d==,,,"]), "and the identifier is as it is");
    assert!(said.contains("1 row without a date left out"), "{said}");
    assert!(table(&["meetings"]).0.contains("e==,,,x;'=1"));
    let (found, said) = table(&[&["episodes"], &day[..]].concat());
    assert_eq!((found, said.contains("1 row without a date left out")), (rows(&["m2,,,"]), true), "{said}");
    let (_, said) = table(&[&["attendance"], &day[..]].concat());
    assert!(said.contains("2 episodes without a start left out"), "{said}");
}

/// `--help` names exactly the columns of a table.
#[test]
fn the_help_of_a_table_names_its_columns() {
    let program = Program::new().with("COLUMNS", "120");
    for table in ["attendance", "viewing-options", "sessions", "meetings", "episodes"] {
        let header = succeed(&program, &["export", table]);
        let help = succeed(&program, &["export", table, "--help"]);
        let said = help
            .split_once("Columns: ")
            .unwrap()
            .1
            .split_once("\n\n")
            .map_or_else(|| help.as_str(), |(columns, _)| columns);
        let said: String = said.replace("(ms)", "").replace("(s)", "").split_whitespace().collect();
        assert!(
            said.starts_with(header.trim()) || said.ends_with(header.trim()),
            "{table}: {said} is not {header}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_written_whole_and_stdout_stays_empty() {
    let program = Program::new();
    world::fill(&local(&program), &term()).await;
    let ended = program.call(&["export", "attendance", "--term", "201601", "--output", "a.csv"]);
    assert_eq!((ended.code, &*ended.out), (Some(0), ""), "{}", ended.err);
    assert!(ended.err.contains("2 rows in a.csv"), "{}", ended.err);
    let text = std::fs::read_to_string(program.path().join("a.csv")).unwrap();
    assert_eq!(text, succeed(&program, &["export", "attendance", "--term", "201601"]));
    let left: Vec<_> =
        std::fs::read_dir(program.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn what_cannot_be_meant_is_said_in_one_line() {
    let program = Program::new();
    for (words, said) in [
        (
            vec!["attendance", "--from", "2026-01-02", "--to", "2026-01-01"],
            "--from 2026-01-02 is later than --to 2026-01-01",
        ),
        (vec!["attendance", "--output", "nowhere/a.csv"], "nowhere/a.csv"),
        (vec!["episodes", "--output", "."], "cannot write ."),
        (vec!["attendance", "--term", ""], "--term"),
        (vec!["sessions", "--series", "x"], "--series"),
        (vec!["sessions", "--term", "201601"], "--term"),
        (vec!["rollcall", "--term", "201601"], "BANNER_ENDPOINT_BASE"),
    ] {
        let ended = program.call(&[&["export"], &*words].concat());
        assert_eq!((ended.code, &*ended.out), (Some(2), ""), "{words:?}: {}", ended.err);
        assert!(ended.err.lines().count() == 1 && ended.err.contains(said), "{words:?}: {}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_error() {
    let program = Program::new();
    let docs: Vec<Doc> =
        (0..20_000).map(|n| episode(&format!("m{n:05}"), json!({"title": "x".repeat(20)}))).collect();
    world::fill(&local(&program), &docs).await;
    let mut command = Command::new("sh");
    let script = "{ \"$0\" export episodes; echo code $? >&2; } | head -n 1";
    program.prepare(command.args(["-c", script, env!("CARGO_BIN_EXE_ua")]).env("PATH", "/usr/bin:/bin"));
    let output = command.env("PATH", "/usr/bin:/bin").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert_eq!(err, "code 0\n");
}

/// The same documents give the same rows in every store.
async fn as_from_the_local_file(variable: &str) {
    let Some(search) = server(variable) else { return };
    let here = Program::new();
    let there = Program::new().with("ES_HOST", &search).with("UA_INDEX_PREFIX", format!("{}-", unique("t")));
    let store = world::search_engine(&search, there.value("UA_INDEX_PREFIX"));
    store.setup().await.unwrap();
    let docs: Vec<Doc> = term().into_iter().chain(world::zoom()).collect();
    world::fill(&local(&here), &docs).await;
    world::fill(&store, &docs).await;
    for words in [
        &["attendance", "--term", "201601"][..],
        &["attendance", "--live"],
        &["viewing-options"],
        &["episodes", "--series", "20160112345"],
        &["sessions", "--from", "2026-01-02"],
        &["meetings"],
    ] {
        let words = [&["export"], words].concat();
        let (one, other) = (succeed(&here, &words), succeed(&there, &words));
        let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        assert!(one.lines().count() > 1, "{words:?}");
        assert_eq!(sorted(&one), sorted(&other), "{words:?}");
    }
    store.wipe_prefix().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_7_gives_the_same_tables() {
    as_from_the_local_file("UA_TEST_ES_7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_9_gives_the_same_tables() {
    as_from_the_local_file("UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opensearch_3_gives_the_same_tables() {
    as_from_the_local_file("UA_TEST_OS_3").await;
}
