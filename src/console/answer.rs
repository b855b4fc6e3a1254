//! Responses: a page or JSON, for results and for errors with their next step.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::layout::Layout;
use super::request::Form;
use crate::exit;

/// An error and its next step.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) form: Form,
    pub(super) status: StatusCode,
    pub(super) what: String,
    pub(super) next_step: &'static str,
}

#[derive(Template)]
#[template(path = "trouble.html", config = "src/console/askama.toml")]
struct TroublePage<'a> {
    frame: Layout,
    trouble: &'a Trouble,
}

#[derive(Serialize)]
struct TroubleLine<'a> {
    error: &'a str,
    next_step: &'a str,
}

impl Trouble {
    /// Builds the error for a store that cannot be read.
    pub(super) fn of_the_store(form: Form, error: &anyhow::Error) -> Self {
        Self {
            form,
            status: StatusCode::SERVICE_UNAVAILABLE,
            what: format!("what the store knows is not known: {}", exit::sentence(error)),
            next_step: "nothing is lost: what is to be written waits in the queues; see that the store runs, then `ua check` says what it refuses",
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let Self { form, status, ref what, next_step } = self;
        match form {
            Form::Json => json(status, &TroubleLine { error: what, next_step }),
            Form::Page => {
                let title = status.canonical_reason().unwrap_or("Trouble");
                page(status, &TroublePage { frame: Layout::new(title), trouble: &self })
            }
        }
    }
}

/// Renders a page.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Renders a value as `--json` prints it.
pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    written(status, "application/json", std::slice::from_ref(value))
}

/// Renders one line per value, as `--json` prints them.
pub(super) fn json_lines<T: Serialize>(values: &[T]) -> Response {
    written(StatusCode::OK, "application/x-ndjson", values)
}

fn written<T: Serialize>(status: StatusCode, kind: &'static str, values: &[T]) -> Response {
    let mut text = String::new();
    for value in values {
        let Ok(line) = serde_json::to_string(value) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        text.push_str(&messages::printable_json(&line));
        text.push('\n');
    }
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}
