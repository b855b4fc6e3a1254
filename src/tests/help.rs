//! Help texts as users read them.

use crate::program::Program;

#[test]
fn every_command_explains_itself() {
    let program = Program::new().with("COLUMNS", "120");
    let commands = [
        "plan",
        "run",
        "work",
        "status",
        "runs",
        "cancel",
        "dlq",
        "console",
        "export",
        "quota",
        "pause",
        "resume",
        "setup",
        "check",
        "health",
        "demo",
        "simulate",
        "dev",
        "man",
        "completions",
    ];
    let calls =
        std::iter::once(vec!["--help"]).chain(commands.iter().map(|command| vec![*command, "--help"]));
    let tables = ["attendance", "viewing-options", "rollcall", "sessions", "meetings", "episodes"];
    let calls = calls.chain(tables.iter().map(|table| vec!["export", *table, "--help"]));
    let texts: Vec<String> = calls
        .map(|words| {
            let ended = program.call(&words);
            assert_eq!(ended.code, Some(0), "{}", ended.err);
            format!("$ ua {}\n{}", words.join(" "), ended.out)
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
}
