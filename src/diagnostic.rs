//! A diagnostic: one line of `ua check`. Independent of what is checked.

use std::fmt;

use serde::Serialize;

/// How it is with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Well,
    /// Cannot be found out from here.
    Unknown,
    /// Works, and is worth knowing.
    Notable,
    /// Does not work.
    Failing,
}

/// What was looked at and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnostic {
    pub(crate) what: &'static str,
    pub(crate) state: State,
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
    /// True when it is the user's to mend, not the world's.
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

    /// Fails, and the user has to mend it.
    pub(crate) fn users(what: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Failing, users: true, ..Self::well(what, text) }
    }

    /// Fails, and nothing in the configuration would mend it.
    pub(crate) fn worlds(what: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Failing, ..Self::well(what, text) }
    }

    /// Fails with an error: what to do where that is the user's to mend, and where it is the world's.
    pub(crate) fn error(what: &'static str, error: &anyhow::Error, users: &str, worlds: &str) -> Self {
        let text = crate::exit::sentence(error);
        match crate::exit::is_users(error) || crate::exit::is_refusal(error) {
            true => Self::users(what, text).remedy(users),
            false => Self::worlds(what, text).remedy(worlds),
        }
    }

    /// Was not looked at, because `other` fails, on which it depends.
    pub(crate) fn depends(what: &'static str, other: &str) -> Self {
        Self::unknown(what, format!("not checked because of what is said of the {other}"))
    }

    /// What its cause is known by: findings of one cause have the same remedy, but for its figures.
    pub(crate) fn cause(&self) -> (&'static str, String) {
        let text = self.remedy.as_ref().unwrap_or(&self.text);
        (self.what, text.chars().filter(|sign| !sign.is_ascii_digit() && *sign != ',').collect())
    }

    /// With the name of the account it is about, where there are several.
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
