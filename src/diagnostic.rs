//! A diagnostic: one line of `ua check`. Independent of what is checked.

use std::fmt;

use serde::Serialize;

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Well,
    /// Cannot be checked from here.
    Unknown,
    /// Works, but needs attention.
    Notable,
    Failing,
}

/// The subject of a check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnostic {
    pub(crate) what: &'static str,
    pub(crate) state: State,
    pub(crate) text: String,
    /// What the operator can do about it.
    pub(crate) remedy: Option<String>,
    /// True if the user can fix it in the configuration.
    #[serde(skip)]
    pub(crate) users: bool,
}

impl Diagnostic {
    pub(crate) fn well(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, state: State::Well, text: text.into(), remedy: None, users: false }
    }

    pub(crate) fn notable(what: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Notable, ..Self::well(what, text) }
    }

    pub(crate) fn unknown(what: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Unknown, ..Self::well(what, text) }
    }

    /// A failure that the user can fix in the configuration.
    pub(crate) fn users(what: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Failing, users: true, ..Self::well(what, text) }
    }

    /// A failure outside the configuration.
    pub(crate) fn worlds(what: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Failing, ..Self::well(what, text) }
    }

    /// A failure with an error. The remedy is `users` if the user can fix it in the configuration, else `worlds`.
    pub(crate) fn error(what: &'static str, error: &anyhow::Error, users: &str, worlds: &str) -> Self {
        let text = crate::exit::sentence(error);
        match crate::exit::is_users(error) || crate::exit::is_refusal(error) {
            true => Self::users(what, text).remedy(users),
            false => Self::worlds(what, text).remedy(worlds),
        }
    }

    /// A check that was skipped because it depends on `other`, which failed.
    pub(crate) fn depends(what: &'static str, other: &str) -> Self {
        Self::unknown(what, format!("not checked because of what is said of the {other}"))
    }

    /// Key of the cause: diagnostics with the same remedy, apart from numbers, have the same cause.
    pub(crate) fn cause(&self) -> (&'static str, String) {
        let text = self.remedy.as_ref().unwrap_or(&self.text);
        (self.what, text.chars().filter(|sign| !sign.is_ascii_digit() && *sign != ',').collect())
    }

    /// Adds the account's name; for installations with several accounts.
    pub(crate) fn of_account(self, label: &str) -> Self {
        Self { text: format!("account {label}: {}", self.text), ..self }
    }

    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Well => '✔',
            State::Unknown => '?',
            State::Notable => '!',
            State::Failing => '✘',
        };
        write!(f, "{mark} {:<14} {}", self.what, self.text)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  {:<14} → {remedy}", ""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_mark_and_the_remedy_below_it() {
        let diagnostic = Diagnostic::users("queues", "ua.dead is missing").remedy("run `ua setup`");
        assert_eq!(
            diagnostic.to_string(),
            "✘ queues         ua.dead is missing\n                 → run `ua setup`"
        );
        let json = serde_json::to_value(&diagnostic).unwrap();
        let wanted = serde_json::json!({
            "what": "queues", "state": "failing", "text": "ua.dead is missing", "remedy": "run `ua setup`"
        });
        assert_eq!(json, wanted);
        assert_eq!(Diagnostic::well("store", "fine").to_string(), "✔ store          fine");
        assert_eq!(Diagnostic::unknown("timeout", "untold").to_string(), "? timeout        untold");
    }
}
