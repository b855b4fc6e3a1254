//! Query parameters, parsed like the services do.

use axum::extract::Query;
use axum::http::Uri;

use super::answer::OpencastAnswer;

/// The parameters of one call. The first value of a repeated name counts.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(uri: &Uri) -> Result<Self, OpencastAnswer> {
        let parsed = Query::<Vec<(String, String)>>::try_from_uri(uri);
        parsed.map(|Query(pairs)| Self(pairs)).map_err(|_| OpencastAnswer::bad_request())
    }

    /// Value of a parameter; empty counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        pair.map(|(_, value)| value.as_str())
    }

    /// A non-negative integer; `None` when absent. A negative number is a bad request; other text is answered with
    /// 404, like JAX-RS does.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, OpencastAnswer> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse::<i32>() {
            Ok(number) => u32::try_from(number).map(Some).map_err(|_| OpencastAnswer::bad_request()),
            Err(_) => Err(OpencastAnswer::not_found()),
        }
    }
}
