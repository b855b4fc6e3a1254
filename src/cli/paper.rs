//! `ua man` and `ua completions`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// `ua man`
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub struct Man {
    /// Writes a page per command into this folder, which must be there, in place of the first page to stdout
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
}

const MAN_EXAMPLES: &str = "Examples:
  ua man | man -l -                      reads the page
  ua man --to /usr/local/share/man/man1  puts all of them where `man ua-plan` finds them";

/// `ua completions`
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

const COMPLETIONS_EXAMPLES: &str = "Examples:
  ua completions bash > ~/.local/share/bash-completion/completions/ua
  ua completions zsh > ~/.zfunc/_ua
  ua completions fish > ~/.config/fish/completions/ua.fish";
