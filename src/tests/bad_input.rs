//! Mistakes of users and broken surroundings: one line says what failed, where and what to do; no work is lost.

use crate::program::{Program, closed_date};

pub(crate) fn account() -> Program {
    Program::new()
        .with("ZOOM_ACCOUNT_ID", "a")
        .with("ZOOM_CLIENT_ID", "b")
        .with("ZOOM_CLIENT_SECRET", "c")
        // No server listens there: a call would fail with another error.
        .with("ZOOM_OAUTH_URL", "http://127.0.0.1:9/oauth/token")
        .with("ZOOM_API_URL", "http://127.0.0.1:9/v2")
}

pub(crate) fn refused(program: &Program, words: &[&str], says: &[&str]) {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
    for part in says {
        assert!(ended.err.contains(part), "{words:?} does not say {part:?}: {}", ended.err);
    }
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

#[test]
fn wrong_words_are_named_before_anything_is_done() {
    let program = account();
    refused(&program, &["run", "--dat", "2026-01-02"], &["--dat", "--date"]);
    refused(&program, &["run", "--date", "2026-13-02"], &["2026-13-02"]);
    refused(&program, &["run", "--date", "02.01.2026"], &["02.01.2026"]);
    refused(&program, &["run", "--date", "2999-01-01"], &["2999-01-01", "future"]);
    refused(&program, &["run", "--date", "2019-01-01"], &["2019-01-01", "six months"]);
    refused(&program, &["plan", "--from", "2026-02-02", "--to", "2026-02-01"], &["2026-02-02", "after"]);
    refused(&program, &["plan", "--from", "2026-02-02"], &["--to"]);
    refused(&program, &["run", "--meeting-uuid", "12345"], &["12345", "24 characters"]);
    refused(&program, &["run", "--source", "teams"], &["teams"]);
    refused(&program, &["run", "--source", "opencast", "--date", &closed_date()], &["OPENCAST_ENGAGE_URL"]);
    let both = ["run", "--meeting-uuid", "4444AAAiAAAAAiAiAiiAiA==", "--source", "opencast"];
    refused(&program, &both, &["--meeting-uuid", "--source leaves out"]);
    refused(&program, &["plan", "--episode", "a b"], &["128 characters"]);
    refused(&program, &["work"], &["ROLES"]);
    assert!(!program.path().join("ua-data").exists(), "wrong words must leave nothing behind");
}

#[test]
fn without_credentials_it_says_which_and_that_the_demo_needs_none() {
    let program = Program::new();
    for words in [&["run"][..], &["plan", "--date", &closed_date()], &["work", "all"]] {
        refused(&program, words, &["ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET", "ua demo"]);
    }
}

#[test]
fn a_file_of_places_that_is_none_is_named_before_anything_is_done() {
    let program = account();
    let path = program.path().join("places.mmdb");
    let program = program.with("GEOLITE_PATH", path.display());
    for words in [&["run"][..], &["work", "index"]] {
        refused(&program, words, &["GEOLITE_PATH must name a file of places", "cannot be read"]);
    }
    std::fs::write(&path, "<html>").unwrap();
    for words in [&["run"][..], &["work", "index"]] {
        refused(&program, words, &["GEOLITE_PATH", "places.mmdb", "no usable MaxMind database"]);
    }
    let checked = program.call(&["check"]);
    assert_eq!(checked.code, Some(2), "{}", checked.out);
    assert!(checked.out.contains("✘ places") && checked.out.contains("GEOLITE_PATH"), "{}", checked.out);
    assert!(!program.path().join("ua-data").exists(), "nothing is left behind");
}

#[test]
fn wrong_values_name_their_variable() {
    refused(&account().with("ZOOM_QUOTA_SHARE", "1.5"), &["run"], &["ZOOM_QUOTA_SHARE", "1.5"]);
    refused(&account().with("ZOOM_PLAN", "gold"), &["run"], &["ZOOM_PLAN", "gold"]);
    refused(&account().with("ZOOM_SOURCE", "both"), &["run"], &["ZOOM_SOURCE", "both"]);
    refused(&account().with("ZOOM_API_URL", "not a url"), &["run"], &["ZOOM_API_URL"]);
    refused(&account().with("UA_INDEX_SPLIT", "week"), &["status"], &["UA_INDEX_SPLIT", "week"]);
    refused(&account().with("AMQP_URL", "http://x"), &["status"], &["AMQP_URL"]);
    refused(&account().with("ES_HOST", "http://["), &["status"], &["ES_HOST"]);
}

#[test]
fn an_unreadable_dotenv_is_refused() {
    let program = account();
    std::fs::create_dir(program.path().join(".env")).unwrap();
    refused(&program, &["run"], &[".env"]);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_refused() {
    let program = account().with("UA_DATA_DIR", "file/below");
    std::fs::write(program.path().join("file"), "a file, not a folder").unwrap();
    refused(&program, &["status"], &["file/below", "UA_DATA_DIR"]);
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_as_it_was() {
    let program = account();
    assert_eq!(program.call(&["setup"]).code, Some(0));
    let sql = "update ua_schema set version = 99";
    let path = program.path().join("ua-data/ua.db");
    rusqlite::Connection::open(&path).unwrap().execute(sql, []).unwrap();
    refused(&program, &["status"], &["newer", "upgrade"]);
    let query = "select min(version) from ua_schema";
    let version: i64 =
        rusqlite::Connection::open(&path).unwrap().query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn servers_that_are_away_are_named() {
    let broker = account().with("AMQP_URL", "amqp://guest:canary@127.0.0.1:9/%2f").call(&["status"]);
    assert_eq!(broker.code, Some(1), "{}", broker.err);
    assert!(broker.err.contains("AMQP_URL") && !broker.err.contains("canary"), "{}", broker.err);
    let store = account().with("ES_HOST", "127.0.0.1:9").with("ES_PASSWORD", "canary").call(&["status"]);
    assert_eq!(store.code, Some(1), "{}", store.err);
    assert!(store.err.contains("127.0.0.1:9") && !store.err.contains("canary"), "{}", store.err);
    let zoom = account().call(&["run", "--date", &closed_date()]);
    assert_eq!(zoom.code, Some(1), "{}", zoom.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_missing_scopes_are_the_users() {
    let world = simulator::ZoomSettings { meetings_per_day: 2, ..simulator::ZoomSettings::default() };
    let simulator = simulator::Simulator::start(world.clone()).await.unwrap();
    let wrong = Program::new().with_account(&simulator, 1.0).with("ZOOM_CLIENT_SECRET", "wrong-canary");
    let ended = wrong.call(&["run", "--date", &closed_date()]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("ZOOM_CLIENT_SECRET") && !ended.err.contains("canary"), "{}", ended.err);
    simulator.stop().await;

    let scopes = Some(vec!["user:read:list_users:admin".to_owned()]);
    let simulator = simulator::Simulator::start(simulator::ZoomSettings { scopes, ..world }).await.unwrap();
    let ended = Program::new().with_account(&simulator, 1.0).call(&["run", "--date", &closed_date()]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("dashboard:read:list_meetings:admin"), "{}", ended.err);
    simulator.stop().await;
}
