//! The calls in use: node, name in messages, and path with encoded ids.

use messages::Mpid;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A node of the server. Both nodes may be the same machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    /// The engage node, for players.
    Engage,
    /// The admin node.
    Admin,
}

/// A GET endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// User actions.
    Actions,
    /// Whether detailed user tracking is enabled.
    Detail,
    /// Episodes.
    Search,
    /// Workflows of one episode, since Opencast 12.
    EpisodeWorkflows,
    /// Workflows, up to Opencast 11.
    Workflows,
    /// Version.
    Version,
    /// List of endpoints.
    Components,
    /// The current user.
    Me,
}

impl Endpoint {
    pub(crate) fn node(self) -> Node {
        match self {
            Self::EpisodeWorkflows | Self::Workflows => Node::Admin,
            _ => Node::Engage,
        }
    }

    /// Returns the name in messages, without ids and query.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Actions => "GET /usertracking/actions.json",
            Self::Detail => "GET /usertracking/detailenabled",
            Self::Search => "GET /search/episode.json",
            Self::EpisodeWorkflows => "GET /workflow/mediaPackage/{id}/instances.json",
            Self::Workflows => "GET /workflow/instances.json",
            Self::Version => "GET /sysinfo/bundles/version",
            Self::Components => "GET /info/components.json",
            Self::Me => "GET /info/me.json",
        }
    }

    fn path(self, segment: &str) -> String {
        match self {
            Self::EpisodeWorkflows => format!("/workflow/mediaPackage/{segment}/instances.json"),
            other => other.name().trim_start_matches("GET ").to_owned(),
        }
    }
}

/// A request: the endpoint, the id in its path, and its query.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) endpoint: Endpoint,
    /// The encoded id in the path; empty without one.
    segment: String,
    pub(crate) query: Vec<(&'static str, String)>,
}

impl Request {
    pub(crate) fn of(endpoint: Endpoint) -> Self {
        Self { endpoint, segment: String::new(), query: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Requests one episode by id, including a deleted one if `deleted` and supported by the server.
    pub(crate) fn episode(mpid: &Mpid, deleted: bool) -> Self {
        let request = Self::of(Endpoint::Search).with("id", mpid).with("limit", 2);
        if deleted { request.with("includeDeleted", true) } else { request }
    }

    /// Requests a page of all episodes.
    pub(crate) fn catalogue(offset: u64, limit: u32) -> Self {
        Self::of(Endpoint::Search).with("limit", limit).with("offset", offset)
    }

    /// Requests actions from `start` to `end`. A server that does not support windows returns a day without actions.
    pub(crate) fn window_or_nothing(start: impl ToString, end: impl ToString) -> Self {
        Self::of(Endpoint::Actions).with("day", "19700101").with("start", start).with("end", end)
    }

    /// Requests an episode's workflows, with the path of either generation.
    pub(crate) fn workflows(mpid: &Mpid, endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::EpisodeWorkflows => {
                let segment = utf8_percent_encode(mpid.as_str(), SEGMENT).to_string();
                Self { segment, ..Self::of(endpoint) }
            }
            _ => Self::of(endpoint).with("mp", mpid).with("count", 100),
        }
    }

    /// Returns the path below the node's URL.
    pub(crate) fn path(&self) -> String {
        self.endpoint.path(&self.segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_encoded_in_a_path() {
        let mpid = "a/b ü?#%".replace(' ', "").parse().unwrap();
        let request = Request::workflows(&mpid, Endpoint::EpisodeWorkflows);
        assert_eq!(request.path(), "/workflow/mediaPackage/a%2Fb%C3%BC%3F%23%25/instances.json");
        let request = Request::episode(&mpid, false);
        assert_eq!(request.path(), "/search/episode.json");
        assert_eq!(request.query[0], ("id", "a/bü?#%".to_owned()));
    }
}
