//! Confirmation of commands that are expensive or cannot be undone.

use std::io::IsTerminal as _;

use crate::exit::usage;
use crate::output;

/// Asks the operator to confirm.
///
/// # Errors
/// With `otherwise` if the answer is no. Without a terminal on stdin: then the command needs `--yes`.
pub(crate) fn or_fail(what: &str, question: &str, otherwise: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(usage(format!("{what}; stdin is not a terminal, so pass --yes to continue")));
    }
    output::remark(what);
    match &*output::asked(&format!("{question} [y/N]"))? {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(usage(otherwise)),
    }
}
