//! What is wrong with a command line, in one line: clap's own words fill several.

use clap::error::ErrorKind;

/// The error as a line that ends with where to look; `None` when it is no error but a wish for help or the version.
pub(super) fn line(error: &clap::Error) -> Option<String> {
    let wish = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    (!wish).then(|| folded(&error.render().to_string()))
}

fn folded(text: &str) -> String {
    let mut line = String::new();
    let mut command = "ua".to_owned();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if let Some(usage) = part.strip_prefix("Usage: ") {
            command =
                usage.split_whitespace().take_while(|word| is_a_name(word)).collect::<Vec<_>>().join(" ");
        } else if !part.starts_with("For more information") {
            let between = if line.is_empty() || line.ends_with(':') { " " } else { "; " };
            line.push_str(between);
            line.push_str(part.strip_prefix("error: ").unwrap_or(part));
        }
    }
    format!("{}; see `{command} --help`", line.trim_start())
}

fn is_a_name(word: &str) -> bool {
    word.chars().all(|letter| letter.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn said(words: &[&str]) -> Option<String> {
        line(&Cli::try_parse_from(std::iter::once(&"ua").chain(words)).unwrap_err())
    }

    #[test]
    fn misuse_is_one_line_with_its_remedy() {
        let flag = said(&["run", "--dat", "2026-01-02"]).unwrap();
        assert!(flag.contains("'--dat'") && flag.contains("'--date'"), "{flag}");
        assert!(flag.ends_with("; see `ua run --help`"), "{flag}");
        let missing = said(&["work"]).unwrap();
        assert!(missing.contains("not provided: <ROLES>..."), "{missing}");
        let value = said(&["plan", "--lane", "fast"]).unwrap();
        assert!(value.contains("'fast'"), "{value}");
        for line in [flag, missing, value] {
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
