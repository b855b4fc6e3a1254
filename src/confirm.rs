//! Asks the operator before something that costs much or cannot be undone.

use std::io::IsTerminal as _;

use crate::exit::usage;
use crate::output;

/// Returns when the answer is yes. Without a terminal nobody can answer: then `--yes` has to say so.
///
/// # Errors
/// When the answer is no (with `otherwise`), or there is nobody to ask.
pub(crate) fn or_fail(what: &str, question: &str, otherwise: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(usage(format!("{what}; nobody can be asked here: say --yes to go on")));
    }
    output::remark(what);
    match &*output::asked(&format!("{question} [y/N]"))? {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(usage(otherwise)),
    }
}
