//! `ua man` and `ua completions`: generated from the definition of the command line, so that they always match it.

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::{Cli, Completions, Man};
use crate::exit::{Outcome, usage};
use crate::output;

pub(super) fn man(words: &Man) -> anyhow::Result<Outcome> {
    let command = Cli::command();
    let Some(folder) = &words.to else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        output::say(String::from_utf8_lossy(&page).trim_end());
        return Ok(Outcome::Complete);
    };
    if !folder.is_dir() {
        return Err(usage(format!("{} is no folder: make it first", folder.display())));
    }
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("cannot write the pages into {}", folder.display()))?;
    Ok(Outcome::Complete)
}

pub(super) fn completions(words: &Completions) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(words.shell, &mut Cli::command(), "ua", &mut script);
    output::say(String::from_utf8_lossy(&script).trim_end());
    Ok(Outcome::Complete)
}
