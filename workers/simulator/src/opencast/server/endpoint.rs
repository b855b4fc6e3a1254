//! The services that are there: name and openness of each, and the way from a raw path to one of them.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::super::settings::Settings;

/// A path that is served.
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

    /// Whether everybody may ask.
    pub(super) fn is_open(self, settings: &Settings) -> bool {
        match self {
            Self::Actions | Self::DetailEnabled | Self::Episode => settings.anonymous_reads,
            Self::Version | Self::Components | Self::Me | Self::Health => settings.anonymous_reads,
            Self::Login => true,
            Self::Workflows | Self::WorkflowsOf | Self::Unknown => false,
        }
    }

    /// Whether a server of these settings has it: the workflows of a media package came with generation 12, and the
    /// list of all went.
    pub(super) fn is_served(self, settings: &Settings) -> bool {
        match self {
            Self::Actions | Self::DetailEnabled => settings.usertracking,
            Self::Workflows => settings.generation <= 11,
            Self::WorkflowsOf => settings.generation >= 12,
            Self::Unknown => false,
            _ => true,
        }
    }
}

/// The endpoint of a raw path, and the id in it, decoded.
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
