//! Tests of the local file: SQL, several processes, and unusable files.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;
use serde_json::json;
use store::{DocumentKind, Local, Query, Store, StoreError, TemplateState, local};

use crate::documents::{Doc, doc, fill, meeting};
use crate::target::variable_of;

fn open(folder: &Path) -> Result<Store, StoreError> {
    let settings = local::LocalStoreSettings { folder: folder.to_owned(), prefix: String::new() };
    Local::open(settings).map(Store::Local)
}

fn sql(folder: &Path) -> Connection {
    Connection::open(folder.join("ua.db")).unwrap()
}

#[tokio::test]
async fn plain_sql_reads_the_views() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let host = json!({"topic": "Algebra", "host": {"email": "h@example.edu"}, "has_video": true, "tracking_fields": [{"field": "f"}]});
    let session = |n: i32| {
        let body = json!({"meeting_uuid": "a", "user_id": n, "leave_reason": {"kind": "left"}, "harvest": {"job_id": "j"},
            "geoip": {"location": {"lat": 52.5, "lon": 13.5}}});
        doc(DocumentKind::Sessions, "2026-01-15", &format!("a/{n}"), 7, body)
    };
    fill(&store, &[meeting("a", 1, host), meeting("b", 1, json!({})), session(1), session(2)]).await;
    let rows = |query: &str| -> Vec<String> {
        let connection = sql(folder.path());
        let mut statement = connection.prepare(query).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let shown =
                |column| row.get::<_, rusqlite::types::Value>(column).map(|value| format!("{value:?}"));
            Ok((0..columns).map(shown).collect::<Result<Vec<_>, _>>()?.join("|"))
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    let joined = "select m.topic, count(*) from meetings m join sessions s using (meeting_uuid) group by 1";
    assert_eq!(rows(joined), ["Text(\"Algebra\")|Integer(2)"]);
    let nested = "select host_email, has_video, tracking_fields from meetings where meeting_uuid = 'a'";
    assert_eq!(rows(nested), [r#"Text("h@example.edu")|Integer(1)|Text("[{\"field\":\"f\"}]")"#]);
    let session = "select _index, _id, _version, leave_reason_kind, harvest_job_id, geoip_location_lat from sessions limit 1";
    assert_eq!(
        rows(session),
        [r#"Text("sessions-2026.01")|Text("a/1")|Integer(7)|Text("left")|Text("j")|Real(52.5)"#]
    );
    for kind in DocumentKind::ALL {
        assert_eq!(rows(&format!("select count(*) from {}", kind.name())).len(), 1);
    }
}

#[tokio::test]
async fn a_join_of_views_is_not_a_comparison_of_all_with_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let many = |kind: DocumentKind, n: i32| {
        doc(kind, "2026-01-15", &n.to_string(), 1, json!({"meeting_uuid": n.to_string()}))
    };
    let docs: Vec<Doc> =
        (0..3_000).flat_map(|n| [many(DocumentKind::Meetings, n), many(DocumentKind::Sessions, n)]).collect();
    fill(&store, &docs).await;
    let connection = sql(folder.path());
    let join = "select count(*) from meetings m join sessions s using (meeting_uuid)";
    let mut statement = connection.prepare(&format!("explain query plan {join}")).unwrap();
    let plan: Vec<String> = statement.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
    assert!(
        plan.iter().any(|step| step.contains("AUTOMATIC") && step.contains("meeting_uuid=?")),
        "{plan:#?}"
    );
    assert_eq!(connection.query_row(join, [], |row| row.get::<_, i64>(0)).unwrap(), 3_000);
}

#[tokio::test]
async fn a_changed_view_is_seen_and_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    sql(folder.path())
        .execute_batch("drop view meetings; create view meetings as select 1; drop view raw")
        .unwrap();
    let state = |name: &str, health: &store::Health| {
        health.templates.iter().find(|(found, _)| found == name).unwrap().1
    };
    let health = store.check().await.unwrap();
    assert_eq!(state("meetings", &health), TemplateState::Changed);
    assert_eq!(state("raw", &health), TemplateState::Missing);
    assert_eq!(state("sessions", &health), TemplateState::Current);
    assert!(!store.setup().await.unwrap().is_unchanged());
    assert!(store.check().await.unwrap().is_current());
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path()).unwrap(), &[meeting("a", 1, json!({}))]).await;
    sql(folder.path()).execute("update ua_schema set version = 99 where part = 'documents'", []).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(
        matches!(&error, StoreError::Misconfigured(text) if text.contains("newer ua") && text.contains("99")),
        "{error}"
    );
    let kept: i64 =
        sql(folder.path()).query_row("select version from ua_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 99);
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    // Not writable, even for root.
    for folder in ["/sys/kernel", "/sys/kernel/ua-data"] {
        let error = open(Path::new(folder)).unwrap_err();
        assert!(
            matches!(&error, StoreError::Misconfigured(text) if text.contains(folder) && text.contains("UA_DATA_DIR")),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ua.db");
    std::fs::write(&path, "not a database, but long enough to be taken for a header of one".repeat(100))
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(&error, StoreError::Misconfigured(text) if text.contains("damaged")), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn queues_and_documents_share_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let connection = sql(folder.path());
    connection
        .execute_batch(
            "pragma journal_mode = wal;
             create table ua_schema (part text primary key, version integer not null) strict;
             insert into ua_schema values ('queues', 1);",
        )
        .unwrap();
    let store = open(folder.path()).unwrap();
    fill(&store, &[meeting("a", 1, json!({}))]).await;
    let parts: i64 = connection.query_row("select count(*) from ua_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(parts, 2);
}

/// Times in every form that the template allows, with fractions that SQLite versions round differently.
fn odd_times() -> Vec<serde_json::Value> {
    let times = [
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04+05:30",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:59.9996Z",
        "2026-01-02T03:04:05.123456789Z",
        "2026-01-02T03:04:05.5+01:00",
        "2026-01-02T03:04:05.9999-03:30",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
    ];
    times.into_iter().map(|time| json!(time)).chain([json!(1_767_322_445_678_i64), json!(null)]).collect()
}

/// The `sqlite3` of Debian 12 has version 3.40; an index with a function unknown to it looks corrupt to it.
#[tokio::test]
async fn an_older_sqlite_finds_the_file_sound() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let docs: Vec<Doc> = odd_times()
        .into_iter()
        .enumerate()
        .flat_map(|(n, time)| {
            let letter = json!({"id": n.to_string(), "state": "dead", "cause": {"class": "gone"}, "died_at": time,
                "source": "zoom", "origin": "ua.documents", "meeting_uuid": "\u{0}a\u{1b}\u{ffff}\u{1f600}"});
            let action = json!({"@timestamp": time, "mpid": format!("m\u{0}{n}"), "huid": "\u{7f}\u{2028}",
                "action": {"type": "HEARTBEAT", "is_playing": true, "inpoint": i64::MAX}, "is_live": false});
            [
                doc(DocumentKind::Deadletters, "2026-01-15", &n.to_string(), 1, letter),
                doc(DocumentKind::Useractions, "2026-01-15", &n.to_string(), 1, action),
            ]
        })
        .collect();
    fill(&store, &docs).await;
    let ask = |question: &str| {
        let asked = Command::new("sqlite3").arg(folder.path().join("ua.db")).arg(question).output();
        asked.map(|said| String::from_utf8(said.stdout).unwrap().trim().to_owned())
    };
    match ask("pragma integrity_check") {
        Ok(said) => assert_eq!(said, "ok", "{}", ask("select sqlite_version()").unwrap()),
        // Not `eprintln!`, whose output the test harness captures.
        Err(_) => std::io::stderr().write_all(b"left out: there is no sqlite3 on this machine\n").unwrap(),
    }
    let sound: String = sql(folder.path()).query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let found = |from: &str, to: &str| {
        let (store, query) =
            (store.clone(), Query::all(DocumentKind::Deadletters).between("died_at", from, to));
        async move { store.count(&query).await.unwrap() }
    };
    assert_eq!(found("2026-01-02T03:04:59.999Z", "2026-01-02T03:04:59.999Z").await, 1);
    assert_eq!(found("2026-01-02T03:04:05.123Z", "2026-01-02T03:04:05.123Z").await, 1);
    assert_eq!(found("2026-01-02T06:34:05.999Z", "2026-01-02T06:34:05.999Z").await, 1, "an offset");
    assert_eq!(found("2026-01-02T02:04:05.5Z", "2026-01-02T02:04:05.5Z").await, 1, "an offset");
}

#[tokio::test]
async fn what_has_expired_leaves_no_bytes_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let device = |n: i32| format!("device-7c1f-{n}");
    let answer = |n: i32| {
        let body = json!({"id": device(n), "body": {"participants": [{"hardware": device(n), "x": "y".repeat(900)}]}});
        doc(DocumentKind::Raw, "2025-06-01", &n.to_string(), 1, body)
    };
    fill(&store, &(0..2_000).map(answer).collect::<Vec<_>>()).await;
    fill(&store, &[meeting("kept", 1, json!({}))]).await;
    let is_found = || {
        let files = ["ua.db", "ua.db-wal", "ua.db-shm"].map(|name| std::fs::read(folder.path().join(name)));
        let device = b"device-7c1f";
        let has = |bytes: Vec<u8>| bytes.windows(device.len()).any(|some| some == device);
        files.into_iter().any(|file| has(file.unwrap()))
    };
    assert!(is_found());
    assert_eq!(store.expire(DocumentKind::Raw, "2026-01-01".parse().unwrap()).await.unwrap(), 2_000);
    assert!(!is_found());
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_row_of_an_older_version_that_nests_deeply_hides_no_other_from_its_view() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let file = sql(folder.path());
    let deep = format!(r#"{{"id":"deep","body":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    file.execute_batch("alter table documents drop column answer; update ua_schema set version = 1")
        .unwrap_or_else(|_| {
            file.execute_batch(
                "drop view raw; alter table documents drop column answer; update ua_schema set version = 1",
            )
            .unwrap();
        });
    let insert = "insert into documents (index_name, id, version, body) values ('raw-2026.01', ?1, 1, ?2)";
    file.execute(insert, ["deep", &deep]).unwrap();
    file.execute(insert, ["old", r#"{"id":"old","body":{"a":1}}"#]).unwrap();
    let store = open(folder.path()).unwrap();
    fill(&store, &[doc(DocumentKind::Raw, "2026-01-15", "new", 1, json!({"id": "new"}))]).await;
    let list =
        "select group_concat(_id || ':' || coalesce(id, '-'), ' ') from (select * from raw order by _id)";
    let listed: String = file.query_row(list, [], |row| row.get(0)).unwrap();
    assert_eq!(listed, "deep:- new:new old:old");
}

#[tokio::test]
async fn a_file_that_is_deleted_during_work_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    fill(&store, &[meeting("a", 1, json!({}))]).await;
    assert!(store.healthy().await);
    std::fs::remove_file(folder.path().join("ua.db")).unwrap();
    let batch = crate::documents::batch(&store, &[meeting("b", 1, json!({}))]);
    let error = store.bulk(&batch).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Misconfigured(why) if why.contains("deleted or replaced")),
        "{error}"
    );
    assert!(!store.healthy().await);
}

#[tokio::test]
async fn two_processes_writing_at_once_lose_nothing() {
    if let Some(task) = variable_of("UA_TEST_CHILD") {
        return write(&task).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<Child> = ["a", "b"]
        .map(|name| child("two_processes_writing_at_once_lose_nothing", folder.path(), name, 100))
        .into();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let store = open(folder.path()).unwrap();
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 2 * 100 * 20);
}

#[tokio::test]
async fn a_killed_writer_loses_nothing_that_it_was_told_is_written() {
    if let Some(task) = variable_of("UA_TEST_CHILD") {
        return write(&task).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child =
        child("a_killed_writer_loses_nothing_that_it_was_told_is_written", folder.path(), "a", 1_000_000);
    let mut written = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .filter_map(|line| line.unwrap().strip_prefix("written ")?.parse::<u64>().ok());
    let thirtieth = written.find(|number| *number >= 30).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let last = written.last().unwrap_or(thirtieth);
    let store = open(folder.path()).unwrap();
    let found = store.count(&Query::all(DocumentKind::Meetings)).await.unwrap();
    assert!(
        found >= (last + 1) * 20 && found.is_multiple_of(20),
        "{found} found, {last} batches were confirmed"
    );
    let sound: String = sql(folder.path()).query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

/// Runs this test in another process, where it acts as the child.
fn child(test: &str, folder: &Path, name: &str, batches: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("file::{test}"), "--nocapture"])
        .env("UA_TEST_CHILD", format!("{name} {batches} {}", folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

async fn write(task: &str) {
    let [name, batches, folder] = task.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let store = open(Path::new(folder)).unwrap();
    for number in 0..batches.parse::<u32>().unwrap() {
        let docs: Vec<Doc> = (0..20).map(|n| meeting(&format!("{name}{number}/{n}"), 1, json!({}))).collect();
        fill(&store, &docs).await;
        std::io::stdout().write_all(format!("written {number}\n").as_bytes()).unwrap();
    }
}
