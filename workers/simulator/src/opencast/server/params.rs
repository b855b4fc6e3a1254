//! Query parameters, read as the services read them.

use axum::extract::Query;
use axum::http::Uri;

use super::answer::Answer;

/// The parameters of one call; of a name that comes twice the first counts.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(uri: &Uri) -> Result<Self, Answer> {
        let parsed = Query::<Vec<(String, String)>>::try_from_uri(uri);
        parsed.map(|Query(pairs)| Self(pairs)).map_err(|_| Answer::bad_request())
    }

    /// A parameter; empty counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        pair.map(|(_, value)| value.as_str())
    }

    /// A whole number that is not negative; `None` when absent. Negative ones are a bad request; what is no number
    /// makes the path one that does not exist, as JAX-RS has it.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, Answer> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse::<i32>() {
            Ok(number) => u32::try_from(number).map(Some).map_err(|_| Answer::bad_request()),
            Err(_) => Err(Answer::not_found()),
        }
    }
}
