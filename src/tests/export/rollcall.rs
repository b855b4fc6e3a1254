//! The roll call against a simulated course list.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use serde_json::json;

use super::world::{self, episode, local};
use crate::program::{Ended, Program, eventually};

#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
struct Asked {
    fmt: String,
    term: String,
    crn: String,
}

/// The requests, with their times.
#[derive(Clone, Default)]
struct Courses(Arc<Mutex<Vec<(Instant, Asked)>>>);

impl Courses {
    fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().iter().map(|(_, asked)| asked.clone()).collect()
    }

    fn gaps(&self) -> Vec<Duration> {
        self.0.lock().unwrap().windows(2).map(|two| two[1].0 - two[0].0).collect()
    }
}

/// Returns a course by its number, with the quirks and errors of the real list.
async fn people(State(courses): State<Courses>, Query(asked): Query<Asked>) -> Response {
    let number = asked.crn.clone();
    courses.0.lock().unwrap().push((Instant::now(), asked));
    let one = json!({"huid": 81_234_567, "status": "Registered", "first_name": "Ada", "mi": {}, "last_name": "=Lovelace", "reg_level": "U"});
    let two = json!([{"huid": "00000002", "mi": "B.", "last_name": "C, D"}, {"huid": "3"}]);
    match &*number {
        "11111" => axum::Json(json!({"people": {"student": one}})).into_response(),
        "22222" => axum::Json(json!({"people": {"student": two, "ta": one}})).into_response(),
        "33333" => (StatusCode::INTERNAL_SERVER_ERROR, "canary").into_response(),
        "44444" => Redirect::to("/login").into_response(),
        "55555" => "<html>canary</html>".into_response(),
        "66666" => vec![b' '; 9 << 20].into_response(),
        "77777" => std::future::pending().await,
        _ => axum::Json(json!({"other": 1})).into_response(),
    }
}

async fn serve() -> (String, Courses) {
    let courses = Courses::default();
    let router =
        Router::new().route("/lists/__get_course_people.php", get(people)).with_state(courses.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/lists/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, courses)
}

/// A program whose store has one episode per course of the first term of 2016, and one of another term.
async fn program(base: &str, courses: &[&str]) -> Program {
    let program = Program::new().with("BANNER_ENDPOINT_BASE", base);
    let mut docs = vec![episode("other", json!({"series": "20160299999"})), episode("none", json!({}))];
    for course in courses {
        for part in ["a", "b"] {
            docs.push(episode(&format!("{course}{part}"), json!({"series": format!("201601{course}")})));
        }
    }
    world::fill(&local(&program), &docs).await;
    program
}

async fn call(program: Program) -> Ended {
    let call = move || program.call(&["export", "rollcall", "--term", "201601"]);
    tokio::task::spawn_blocking(call).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_call_asks_for_each_course_once_and_reads_every_shape() {
    let (base, courses) = serve().await;
    let ended = call(program(&base, &["22222", "11111", "00000"]).await).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let wanted = "series,huid,status,first_name,mi,last_name,reg_level
20160111111,81234567,Registered,Ada,,'=Lovelace,U
20160122222,00000002,,,B.,\"C, D\",
20160122222,3,,,,,
20160122222,81234567,Registered,Ada,,'=Lovelace,U
";
    assert_eq!(ended.out, wanted);
    let asked = |number: &str| Asked { fmt: "json".into(), term: "201601".into(), crn: number.into() };
    assert_eq!(courses.asked(), [asked("00000"), asked("11111"), asked("22222")]);
    assert!(courses.gaps().iter().all(|gap| *gap >= Duration::from_secs(1)), "{:?}", courses.gaps());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_course_that_fails_is_named_and_the_others_go_on() {
    let (base, courses) = serve().await;
    let ended = call(program(&base, &["33333", "44444", "55555", "66666", "", "88888", "11111"]).await).await;
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert_eq!(ended.out.lines().count(), 2, "{}", ended.out);
    for (course, why) in [
        ("33333", "the course list answers 500"),
        ("44444", "the course list answers 303"),
        ("55555", "something that is not its JSON"),
        ("66666", "larger than 8 MiB"),
        ("", "no number of a course"),
    ] {
        let named = |line: &&str| line.starts_with(&format!("series 201601{course}: ")) && line.contains(why);
        assert!(ended.err.lines().any(|line| named(&line)), "{course}: {}", ended.err);
    }
    assert!(ended.err.contains("5 of 7 courses could not be read"), "{}", ended.err);
    assert!(!ended.err.contains("canary") && !ended.err.contains("127.0.0.1"), "{}", ended.err);
    assert_eq!(courses.asked().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_away_is_said_without_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://user:canary@{}/", listener.local_addr().unwrap());
    drop(listener);
    let ended = call(program(&base, &["11111"]).await).await;
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("series 20160111111: the course list cannot be asked"), "{}", ended.err);
    assert!(!ended.err.contains("canary") && !ended.err.contains("127.0.0.1"), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_stopped_leaves_the_file_as_it_was() {
    let (base, courses) = serve().await;
    let program = program(&base, &["77777"]).await;
    let path = program.path().join("roll.csv");
    std::fs::write(&path, "before").unwrap();
    let running = program.start(&["export", "rollcall", "--term", "201601", "--output", "roll.csv"], "log");
    eventually("the course list is asked", 30, async || !courses.asked().is_empty()).await;
    assert_eq!(running.terminate(), Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
    let log = std::fs::read_to_string(program.path().join("log")).unwrap();
    assert!(log.contains("stopped by SIGTERM; the file was left as it was"), "{log}");
    let parts = std::fs::read_dir(program.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!parts.into_iter().any(|name| name.to_string_lossy().ends_with(".part")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_call_of_everything_there_ever_was_is_refused() {
    let program = program("http://127.0.0.1:9/", &["11111"]).await;
    let ended = program.call(&["export", "rollcall"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("--term or --series"), "{}", ended.err);
}
