//! Documents: every `ua` command in them parses, and every file that they name exists.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use ua::cli::Cli;

const DOCUMENTS: [&str; 5] =
    ["README.md", "docker/README.md", "docker/FIGURES.md", "workers/README.md", "workers/zoom/README.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap()
}

/// Returns the arguments of each `ua ...` line in the shell blocks of a document, without comment and leading
/// variables.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut is_shell = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_shell = line == "```sh";
            continue;
        }
        let line = line.split(" #").next().unwrap_or_default().trim();
        let line = line.strip_prefix("docker compose run --rm ").unwrap_or(line);
        let words = words(line).into_iter().skip_while(|word| word.starts_with("UA_") && word.contains('='));
        let words: Vec<String> = words.collect();
        if is_shell && words.first().is_some_and(|word| word == "ua" || word.ends_with("/ua")) {
            found.push(words);
        }
    }
    found
}

/// Returns the words of a shell line; double quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (part, text) in line.split('"').enumerate() {
        match part % 2 {
            0 => words.extend(text.split_whitespace().map(str::to_owned)),
            _ => words.push(text.to_owned()),
        }
    }
    words
}

#[test]
fn every_command_in_the_documents_parses() {
    let mut checked = 0;
    for document in DOCUMENTS {
        for words in commands(&read(document)) {
            let parsed = Cli::try_parse_from(&words);
            assert!(parsed.is_ok(), "{document}: {}: {}", words.join(" "), parsed.unwrap_err());
            checked += 1;
        }
    }
    assert!(checked >= 40, "only {checked} commands were found");
}

#[test]
fn every_file_in_the_documents_exists() {
    let mut checked = 0;
    for document in DOCUMENTS {
        let text = read(document);
        let folder = root().join(document).parent().unwrap().to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let links = links.filter(|link| !link.starts_with('#')).map(|link| folder.join(link));
        let named = text.split('`').skip(1).step_by(2);
        let named = named.filter(|name| name.starts_with("workers/") || name.starts_with("src/"));
        for path in links.chain(named.map(|name| root().join(name))) {
            assert!(path.exists(), "{document} names {}", shown(&path));
            checked += 1;
        }
    }
    assert!(checked >= 30, "only {checked} names were found");
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).map(PathBuf::from).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
