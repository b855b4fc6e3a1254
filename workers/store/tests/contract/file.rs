//! What only the local file can show: SQL, several processes, and a file that cannot be used.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;
use serde_json::json;
use store::{Kind, Local, Query, Store, StoreError, TemplateState, local};

use crate::documents::{Doc, doc, fill, meeting};
use crate::target::variable_of;

fn open(folder: &Path) -> Result<Store, StoreError> {
    let settings = local::Settings { folder: folder.to_owned(), prefix: String::new() };
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
        doc(Kind::Sessions, "2026-01-15", &format!("a/{n}"), 7, body)
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
    for kind in Kind::ALL {
        assert_eq!(rows(&format!("select count(*) from {}", kind.name())).len(), 1);
    }
}

#[tokio::test]
async fn a_join_of_views_is_not_a_comparison_of_all_with_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let many = |kind: Kind, n: i32| {
        doc(kind, "2026-01-15", &n.to_string(), 1, json!({"meeting_uuid": n.to_string()}))
    };
    let docs: Vec<Doc> =
        (0..3_000).flat_map(|n| [many(Kind::Meetings, n), many(Kind::Sessions, n)]).collect();
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
        matches!(&error, StoreError::Refused(text) if text.contains("newer ua") && text.contains("99")),
        "{error}"
    );
    let kept: i64 =
        sql(folder.path()).query_row("select version from ua_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 99);
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    // Not even root writes there.
    for folder in ["/sys/kernel", "/sys/kernel/ua-data"] {
        let error = open(Path::new(folder)).unwrap_err();
        assert!(
            matches!(&error, StoreError::Refused(text) if text.contains(folder) && text.contains("UA_DATA_DIR")),
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
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("damaged")), "{error}");
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
    assert_eq!(store.count(&Query::all(Kind::Meetings)).await.unwrap(), 2 * 100 * 20);
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
    let found = store.count(&Query::all(Kind::Meetings)).await.unwrap();
    assert!(
        found >= (last + 1) * 20 && found.is_multiple_of(20),
        "{found} found, {last} batches were confirmed"
    );
    let sound: String = sql(folder.path()).query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

/// Another process: this test once more, which does its task in place of what it would prove.
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
