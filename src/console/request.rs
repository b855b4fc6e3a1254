//! A request to the console: page or JSON, and the bounded parameters of its query. A command's flags are its page's
//! parameters, parsed by the command's own definition.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use clap::{Args, Command};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::Trouble;

/// Characters of a URL component that need no percent-encoding.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The form of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Page,
    Json,
}

/// A request.
#[derive(Debug)]
pub(super) struct PageRequest {
    pub(super) form: Form,
    path: String,
    /// The parameters that have a value; `Err` when the query cannot be parsed.
    parameters: Result<Vec<(String, String)>, String>,
}

impl Form {
    /// Returns the form of the response: JSON if the query has `json`, or if `Accept` names JSON and not HTML; else a
    /// page.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let says_json =
            |query: &str| query.split('&').any(|part| part == "json" || part.starts_with("json="));
        let accepts = |kind: &str| {
            let accepted =
                headers.get_all(header::ACCEPT).iter().filter_map(|accepted| accepted.to_str().ok());
            accepted.flat_map(|accepted| accepted.split(',')).any(|accepted| {
                accepted.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(kind))
            })
        };
        match uri.query().is_some_and(says_json) || accepts("application/json") && !accepts("text/html") {
            true => Self::Json,
            false => Self::Page,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for PageRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let form = Form::of(&parts.uri, &parts.headers);
        let parameters = match Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
            Ok(Query(mut parameters)) => {
                // A form also sends its empty fields.
                parameters.retain(|(name, value)| name != "json" && !value.is_empty());
                Ok(parameters)
            }
            Err(error) => Err(error.to_string()),
        };
        Ok(Self { form, path: parts.uri.path().to_owned(), parameters })
    }
}

impl PageRequest {
    /// Parses the parameters as the flags of a command. Refuses parameters that `takes` does not name.
    pub(super) fn words<A: Args>(&self, takes: &[&str]) -> Result<A, Trouble> {
        let words = self.flags(takes).and_then(|flags| {
            let command = A::augment_args(Command::new("ua").no_binary_name(true));
            let matches = command.try_get_matches_from(flags).map_err(|error| sentence(&error))?;
            A::from_arg_matches(&matches).map_err(|error| sentence(&error))
        });
        words.map_err(|why| self.refused(why))
    }

    /// Refuses any parameter.
    pub(super) fn no_words(&self) -> Result<(), Trouble> {
        self.flags(&[]).map(|_| ()).map_err(|why| self.refused(why))
    }

    fn flags(&self, takes: &[&str]) -> Result<Vec<String>, String> {
        let mut flags = Vec::new();
        for (name, value) in self.parameters.as_ref().map_err(Clone::clone)? {
            if !takes.contains(&name.as_str()) {
                return Err(match takes {
                    [] => "there are no parameters here but json".to_owned(),
                    _ => format!("there is no parameter {name:?}; there are {} and json", takes.join(", ")),
                });
            }
            flags.push(format!("--{name}={value}"));
        }
        Ok(flags)
    }

    /// Builds the response to an invalid query.
    pub(super) fn refused(&self, why: String) -> Trouble {
        let next_step = "correct the address, or begin from one of the pages named above";
        Trouble { form: self.form, status: StatusCode::BAD_REQUEST, what: why, next_step }
    }

    /// Returns the value of a parameter; empty when it is unset.
    pub(super) fn value(&self, name: &str) -> &str {
        let parameters = self.parameters.as_deref().unwrap_or_default();
        parameters.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Returns the address of the page's JSON.
    pub(super) fn as_json(&self) -> String {
        let mut address = format!("{}?json", self.path);
        for (name, value) in self.parameters.as_deref().unwrap_or_default() {
            address.push_str(&format!("&{}={}", encoded(name), encoded(value)));
        }
        address
    }
}

/// Percent-encodes a URL component.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Returns the first paragraph of clap's error.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{DlqList, Runs};

    async fn asked(uri: &str, accept: Option<&'static str>) -> PageRequest {
        let mut request = axum::http::Request::builder().uri(uri);
        if let Some(accept) = accept {
            request = request.header(header::ACCEPT, accept);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        PageRequest::from_request_parts(&mut parts, &()).await.unwrap()
    }

    #[tokio::test]
    async fn json_is_for_whom_asks_for_it() {
        for (uri, accept, form) in [
            ("/", None, Form::Page),
            ("/?json", None, Form::Json),
            ("/?json=1", Some("text/html"), Form::Json),
            ("/", Some("application/json"), Form::Json),
            ("/", Some("text/plain, Application/JSON;q=0.9"), Form::Json),
            ("/", Some("text/html,application/json"), Form::Page),
            ("/", Some("*/*"), Form::Page),
        ] {
            assert_eq!(asked(uri, accept).await.form, form, "{uri} {accept:?}");
        }
    }

    #[tokio::test]
    async fn parameters_are_the_flags_of_the_command() {
        let takes = ["class", "limit", "uuid"];
        let words: DlqList = asked("/dead?class=gone&limit=3&uuid=&json", None).await.words(&takes).unwrap();
        assert_eq!((words.filter.class, words.limit), (Some(messages::CauseClass::Gone), 3));
        assert_eq!((words.filter.uuid, words.state.0), (None, Some(messages::DeadState::Dead)));
        for (uri, why) in [
            ("/dead?class=no", "gone, forbidden"),
            ("/dead?limit=99999999", "limit"),
            ("/dead?class=gone&class=gone", "class"),
            ("/dead?help=yes", "there is no parameter"),
            ("/dead?state=dead", "there is no parameter"),
        ] {
            let flags = asked(uri, None).await;
            assert!(flags.words::<DlqList>(&takes).is_err(), "{uri}");
            let said = flags.flags(&takes).err().unwrap_or_else(|| {
                let command = DlqList::augment_args(Command::new("ua").no_binary_name(true));
                sentence(&command.try_get_matches_from(flags.flags(&takes).unwrap()).unwrap_err())
            });
            assert!(said.contains(why) && !said.contains('\n') && !said.starts_with("error"), "{said}");
        }
        assert!(asked("/?x=1", None).await.no_words().is_err());
        assert!(asked("/runs?limit=5", None).await.words::<Runs>(&["limit"]).unwrap().limit == 5);
    }

    #[tokio::test]
    async fn the_address_of_the_json_says_the_same() {
        let there = asked("/dead?uuid=a%2Fb%26c%3D%3D&date=2026-01-02", None).await;
        assert_eq!(there.as_json(), "/dead?json&uuid=a%2Fb%26c%3D%3D&date=2026-01-02");
        assert_eq!(asked("/dead?D%3D=3", None).await.as_json(), "/dead?json&D%3D=3");
        assert_eq!((there.value("uuid"), there.value("queue")), ("a/b&c==", ""));
    }
}
