//! Usage errors in one line. Clap prints several.

use std::ffi::OsString;

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::Cli;

/// Returns the error as one line that ends with the command's `--help`; `None` when clap prints help or the version.
pub(super) fn line(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let wish = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    (!wish).then(|| format!("{}; see `{} --help`", folded(&error.render().to_string()), meant(words)))
}

fn folded(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if !part.starts_with("Usage: ") && !part.starts_with("For more information") {
            let between = if line.is_empty() || line.ends_with(':') { " " } else { "; " };
            line.push_str(between);
            line.push_str(part.strip_prefix("error: ").unwrap_or(part));
        }
    }
    line.trim_start().to_owned()
}

/// Returns the command at the start of the words. Clap names it for some errors only.
fn meant(words: &[OsString]) -> String {
    let mut command = &Cli::command();
    let mut name = command.get_name().to_owned();
    for word in words.iter().skip(1) {
        let Some(next) = word.to_str().and_then(|word| command.find_subcommand(word)) else { break };
        name = format!("{name} {}", next.get_name());
        command = next;
    }
    name
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn said(words: &[&str]) -> Option<String> {
        let words: Vec<OsString> = std::iter::once(&"ua").chain(words).map(OsString::from).collect();
        line(&Cli::try_parse_from(&words).unwrap_err(), &words)
    }

    #[test]
    fn misuse_is_one_line_with_its_remedy() {
        let flag = said(&["run", "--dat", "2026-01-02"]).unwrap();
        assert!(flag.contains("'--dat'") && flag.contains("'--date'"), "{flag}");
        assert!(flag.ends_with("; see `ua run --help`"), "{flag}");
        let missing = said(&["work"]).unwrap();
        assert!(missing.contains("not provided: <ROLES>..."), "{missing}");
        let value = said(&["plan", "--lane", "fast"]).unwrap();
        assert!(value.contains("'fast'") && value.ends_with("; see `ua plan --help`"), "{value}");
        let limit = said(&["quota", "set", "nope=5%"]).unwrap();
        assert!(
            limit.contains(": all, reserve, ") && limit.ends_with("; see `ua quota set --help`"),
            "{limit}"
        );
        for line in [flag, missing, value, limit] {
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    }

    #[test]
    fn a_wish_for_help_is_no_misuse() {
        for words in [&["--help"][..], &["run", "--help"], &["--version"], &[]] {
            assert_eq!(said(words), None, "{words:?}");
        }
    }
}
