//! `ua man` and `ua completions`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// `ua man`
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub struct Man {
    /// Write one page per command to this existing folder, instead of the first page to stdout
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
}

const MAN_EXAMPLES: &str = "Examples:
  ua man | man -l -                      read the page
  ua man --to /usr/local/share/man/man1  install all pages for `man ua-plan`";

/// `ua completions`
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// Shell
    #[arg(value_enum)]
    pub shell: Shell,
}

const COMPLETIONS_EXAMPLES: &str = "Examples:
  ua completions bash > ~/.local/share/bash-completion/completions/ua
  ua completions zsh > ~/.zfunc/_ua
  ua completions fish > ~/.config/fish/completions/ua.fish";
