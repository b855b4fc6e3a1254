//! `ua demo`: needs no server, harvests everything and reports it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

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
    let (one, _) = demo(&["--seed", "5", "--date", &crate::program::closed_date()]);
    let (again, _) = demo(&["--seed", "5", "--date", &crate::program::closed_date()]);
    let (other, _) = demo(&["--seed", "6", "--date", &crate::program::closed_date()]);
    assert_eq!(one["truth"], again["truth"]);
    assert_ne!(one["truth"], other["truth"]);
}

fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mut modes =
        vec![(folder.display().to_string(), folder.metadata().unwrap().permissions().mode() & 0o777)];
    for entry in std::fs::read_dir(folder).unwrap() {
        let (path, metadata) = entry.map(|entry| (entry.path(), entry.metadata().unwrap())).unwrap();
        match metadata.is_dir() {
            true => modes.extend(self::modes(&path)),
            false => modes.push((path.display().to_string(), metadata.permissions().mode() & 0o777)),
        }
    }
    modes
}

#[test]
fn a_demo_lies_in_the_data_folder_and_only_its_owner_reads_it() {
    let program = Program::new().with("UA_DATA_DIR", "elsewhere");
    let mut command = Command::new("sh");
    let script = r#"umask 000; exec "$0" demo --meetings-per-day 5 --speed 0 --json"#;
    command.args(["-c", script, env!("CARGO_BIN_EXE_ua")]);
    program.prepare(&mut command);
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let folder = program.path().join("elsewhere");
    assert!(folder.join("demo/ua.db").exists() && !program.path().join("ua-data").exists());
    for (path, mode) in modes(&folder) {
        assert!([0o600, 0o700].contains(&mode), "{path} has mode {mode:o}");
    }
    let mut command = Command::new("sh");
    let script = r#"umask 000; exec "$0" export sessions --output table.csv"#;
    command.args(["-c", script, env!("CARGO_BIN_EXE_ua")]);
    program.prepare(&mut command);
    assert!(command.env("UA_DATA_DIR", "elsewhere/demo").status().unwrap().success());
    let mode = program.path().join("table.csv").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
