//! `ua demo`: needs nothing, harvests everything, says so.

use crate::program::Program;

fn demo(words: &[&str]) -> (serde_json::Value, Program) {
    let program = Program::new();
    let words = [&["demo", "--json", "--meetings-per-day", "40", "--speed", "200"], words].concat();
    let ended = program.call(&words);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    (serde_json::from_str(ended.out.lines().last().unwrap()).unwrap(), program)
}

#[test]
fn harvested_equals_truth_and_sqlite_reads_it() {
    let (report, program) = demo(&[]);
    assert_eq!(report["complete"], true, "{report}");
    assert_eq!(report["truth"], report["harvested"]);
    assert_eq!(report["over_quota"], 0);
    assert!(report["truth"]["meetings"].as_u64().unwrap() >= 40, "{report}");
    let lectures = &report["opencast"];
    assert_eq!(lectures["truth"], lectures["harvested"]);
    assert_eq!(lectures["truth"]["actions"], 5_000, "{report}");
    assert!(lectures["truth"]["episodes"].as_u64().unwrap() > 10, "{report}");
    let file = rusqlite::Connection::open(program.path().join("ua-data/demo/ua.db")).unwrap();
    let sessions: i64 = file
        .query_row("select count(*) from sessions join meetings using (meeting_uuid)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(report["harvested"]["sessions"], sessions);
    let promised: (i64, i64) = file
        .query_row("select sum(expected), sum(got) from harvests where kind = 'participants'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(promised, (sessions, sessions));
}

#[test]
fn a_bad_account_is_harvested_all_the_same() {
    let (report, _) =
        demo(&["--fault", "429=0.03", "--fault", "500=0.03", "--fault", "reset=0.02", "--webinars"]);
    assert_eq!(report["complete"], true, "{report}");
    assert_eq!(report["dead"], 0);
}

#[test]
fn another_seed_is_another_world_and_the_same_seed_the_same() {
    let (one, _) = demo(&["--seed", "5", "--date", &crate::bad_input::yesterday()]);
    let (again, _) = demo(&["--seed", "5", "--date", &crate::bad_input::yesterday()]);
    let (other, _) = demo(&["--seed", "6", "--date", &crate::bad_input::yesterday()]);
    assert_eq!(one["truth"], again["truth"]);
    assert_ne!(one["truth"], other["truth"]);
}
