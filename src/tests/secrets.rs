//! Secrets and people never reach a log or an error, whatever happens.

use simulator::{Settings, Simulator};

use crate::bad_input::yesterday;
use crate::program::Program;

#[tokio::test(flavor = "multi_thread")]
async fn logs_at_full_detail_hold_no_secret_and_no_person() {
    let faults =
        ["429=0.05", "500=0.05", "truncated-json=0.05", "502-html=0.05"].map(|fault| fault.parse().unwrap());
    let settings =
        Settings { meetings_per_day: 20, speed: 100.0, faults: faults.into(), ..Settings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let program = Program::new()
        .with_account(&simulator, 100.0)
        .with("UA_LOG", "trace")
        .with("ES_PASSWORD", "canary-password")
        .with("ES_API_KEY", "canary-key");
    let secret = simulator.credentials().client_secret;
    let calls = [&["check"][..], &["run", "--date", &yesterday()], &["status"], &["dlq", "list"]];
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

/// Names of people and their addresses, as the index holds them.
fn people_in(program: &Program) -> Vec<String> {
    let file = rusqlite::Connection::open(program.path().join("ua-data/ua.db")).unwrap();
    let sql = "select distinct user_name from sessions where length(user_name) > 6
               union select distinct email from sessions where email is not null
               union select distinct host_name from meetings where length(host_name) > 6";
    let mut rows = file.prepare(sql).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
