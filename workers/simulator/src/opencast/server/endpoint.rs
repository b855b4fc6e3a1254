//! The served paths with their access rules, and the routing of raw paths.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::super::settings::OpencastSettings;

/// A served path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Actions,
    DetailEnabled,
    Episode,
    Workflows,
    WorkflowsOf,
    Version,
    Components,
    Me,
    Health,
    Login,
    Unknown,
}

impl Endpoint {
    /// The path, with placeholders for ids.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Actions => "/usertracking/actions.json",
            Self::DetailEnabled => "/usertracking/detailenabled",
            Self::Episode => "/search/episode.json",
            Self::Workflows => "/workflow/instances.json",
            Self::WorkflowsOf => "/workflow/mediaPackage/{id}/instances.json",
            Self::Version => "/sysinfo/bundles/version",
            Self::Components => "/info/components.json",
            Self::Me => "/info/me.json",
            Self::Health => "/info/health",
            Self::Login => "/login.html",
            Self::Unknown => "unknown",
        }
    }

    /// Returns true if the path answers without credentials.
    pub(super) fn is_open(self, settings: &OpencastSettings) -> bool {
        match self {
            Self::Actions | Self::DetailEnabled | Self::Episode => settings.anonymous_reads,
            Self::Version | Self::Components | Self::Me | Self::Health => settings.anonymous_reads,
            Self::Login => true,
            Self::Workflows | Self::WorkflowsOf | Self::Unknown => false,
        }
    }

    /// Returns true if a server with these settings has the path. Generation 12 replaced the list of all workflows by
    /// the workflows of a media package.
    pub(super) fn is_served(self, settings: &OpencastSettings) -> bool {
        match self {
            Self::Actions | Self::DetailEnabled => settings.usertracking,
            Self::Workflows => settings.generation <= 11,
            Self::WorkflowsOf => settings.generation >= 12,
            Self::Unknown => false,
            _ => true,
        }
    }
}

/// Returns the endpoint of a raw path, and its decoded id.
pub(super) fn route(path: &str) -> (Endpoint, Cow<'_, str>) {
    const PLAIN: [Endpoint; 9] = [
        Endpoint::Actions,
        Endpoint::DetailEnabled,
        Endpoint::Episode,
        Endpoint::Workflows,
        Endpoint::Version,
        Endpoint::Components,
        Endpoint::Me,
        Endpoint::Health,
        Endpoint::Login,
    ];
    if let Some(endpoint) = PLAIN.into_iter().find(|endpoint| endpoint.name() == path) {
        return (endpoint, "".into());
    }
    let id =
        path.strip_prefix("/workflow/mediaPackage/").and_then(|rest| rest.strip_suffix("/instances.json"));
    match id.filter(|id| !id.is_empty() && !id.contains('/')) {
        Some(id) => (Endpoint::WorkflowsOf, percent_decode_str(id).decode_utf8_lossy()),
        None => (Endpoint::Unknown, "".into()),
    }
}
