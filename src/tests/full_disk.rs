//! A disk that fills up during a harvest and has room again later: the program reports it and loses nothing.

use std::io::Write as _;
use std::process::Command;

use simulator::{Simulator, Source, ZoomSettings};

use crate::program::{Program, closed_date};

/// Mounts a separate disk for the data folder in its own namespace: small, then larger.
const SCRIPT: &str = r#"
mkdir -p ua-data && mount -t tmpfs -o size=2m none ua-data || exit 77
"$@" >first.out 2>first.err; echo $? >first.code
mount -o remount,size=200m ua-data || exit 77
"$@" >second.out 2>second.err; echo $? >second.code
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_harvest_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let settings =
        ZoomSettings { meetings_per_day: 120, participants: 20.0, speed: 0.0, ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let truth = simulator.truth_figures(closed_date().parse().unwrap(), Source::Dashboard);
    let program = Program::new().with_account(&simulator, 0.0);
    let read = |name: &str| std::fs::read_to_string(program.path().join(name)).unwrap_or_default();
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        SCRIPT,
        "sh",
        env!("CARGO_BIN_EXE_ua"),
    ]);
    command.args(["run", "--date", &closed_date(), "--json", "--wait", "5s"]);
    program.prepare(&mut command);
    let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    if !ended.is_ok_and(|output| output.status.success()) {
        // Write directly: the test harness hides the output of macros when a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "left out: a full disk, since this user may not mount one in a namespace"
        );
        return;
    }
    let first = read("first.err");
    assert_eq!(read("first.code").trim(), "3", "{first}");
    assert!(first.contains("ua.db is full; free some space (UA_DATA_DIR)"), "{first}");
    assert!(first.lines().last().is_some_and(|line| line.starts_with("waiting: ")), "{first}");
    let (out, err) = (read("second.out"), read("second.err"));
    assert_eq!(read("second.code").trim(), "0", "{out}{err}");
    let receipt: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(receipt["complete"], true);
    assert_eq!(
        (&receipt["sessions"], &receipt["meetings"]),
        (&truth.sessions.into(), &truth.meetings.into())
    );
    simulator.stop().await;
}
