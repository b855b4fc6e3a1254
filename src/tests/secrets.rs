//! Secrets and personal data never reach a log or an error.

use simulator::{Simulator, ZoomSettings};

use crate::program::{Program, closed_date};
use crate::servers::{server, unique};

#[tokio::test(flavor = "multi_thread")]
async fn logs_at_full_detail_hold_no_secret_and_no_person() {
    let faults =
        ["429=0.05", "500=0.05", "truncated-json=0.05", "502-html=0.05"].map(|fault| fault.parse().unwrap());
    let settings =
        ZoomSettings { meetings_per_day: 20, speed: 100.0, faults: faults.into(), ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let program = Program::new()
        .with_account(&simulator, 100.0)
        .with("UA_LOG", "trace")
        .with("ES_PASSWORD", "canary-password")
        .with("ES_API_KEY", "canary-key");
    let secret = simulator.credentials().client_secret;
    let calls = [&["check"][..], &["run", "--date", &closed_date()], &["status"], &["dlq", "list"]];
    let said: Vec<String> = calls
        .iter()
        .map(|words| {
            let ended = program.call(words);
            assert!(ended.err.len() + ended.out.len() > 10, "{words:?} said nothing");
            ended.err + &ended.out
        })
        .collect();
    assert!(said[1].lines().count() > 20, "a trace log of a harvest is long");
    for text in &said {
        for canary in [secret.as_str(), "canary", "example.edu", "Bearer "] {
            assert!(!text.contains(canary), "{canary:?} is shown");
        }
    }
    let names = people_in(&program);
    assert!(names.len() > 20, "the harvest holds no people to look for");
    let shown: Vec<&String> =
        names.iter().filter(|name| said.iter().any(|text| text.contains(name.as_str()))).collect();
    assert!(shown.is_empty(), "people are named: {shown:?}");
    simulator.stop().await;
}

/// The passwords in server addresses are never shown, whether or not the servers are available.
#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_servers_are_never_shown() {
    let away = |program: Program| {
        program
            .with("AMQP_URL", "amqp://canary-user:canary-password@127.0.0.1:9/%2f")
            .with("ES_HOST", "http://canary-user:canary-password@127.0.0.1:9")
            .with("UA_LOG", "trace")
    };
    let by_key = |program: Program| {
        program
            .with("AMQP_URL", "amqps://canary-user:canary-password@127.0.0.1:9/%2f")
            .with("ES_HOST", "https://127.0.0.1:9")
            .with("ES_USER", "canary-user")
            .with("ES_PASSWORD", "canary-password")
            .with("ES_API_KEY", "")
            .with("UA_LOG", "trace")
    };
    for program in [away(Program::new()), by_key(Program::new())] {
        for words in [&["check"][..], &["setup"], &["status"], &["dlq", "list"]] {
            let ended = program.call(words);
            assert_ne!(ended.code, Some(0), "{words:?} found a server at a port nobody listens on");
            let said = ended.err + &ended.out;
            assert!(said.contains("127.0.0.1:9"), "{words:?} does not say which server is away: {said}");
            assert!(!said.contains("canary-password"), "{words:?} shows a password");
        }
    }
    let Some((amqp, search)) = server("UA_TEST_AMQP_URL").zip(server("UA_TEST_ES_9")) else { return };
    let here = Program::new()
        .with("AMQP_URL", amqp.replace("guest:guest@", "guest:canary-password@"))
        .with("ES_HOST", search.replace("http://", "http://canary-user:canary-password@"))
        .with("UA_QUEUE_PREFIX", unique("t"))
        .with("UA_INDEX_PREFIX", format!("{}-", unique("t")))
        .with("UA_LOG", "trace");
    for words in [&["check"][..], &["setup"], &["status"]] {
        let ended = here.call(words);
        let said = ended.err + &ended.out;
        assert!(
            said.len() > 10 && !said.contains("canary-password"),
            "{words:?} shows a password, or nothing"
        );
    }
}

/// Returns names and email addresses of people in the index.
fn people_in(program: &Program) -> Vec<String> {
    let file = rusqlite::Connection::open(program.path().join("ua-data/ua.db")).unwrap();
    let sql = "select distinct user_name from sessions where length(user_name) > 6
               union select distinct email from sessions where email is not null
               union select distinct host_name from meetings where length(host_name) > 6";
    let mut rows = file.prepare(sql).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
