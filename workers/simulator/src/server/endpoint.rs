//! The served operations with their names, rate classes and scopes, and the routing of raw paths.

use percent_encoding::percent_decode_str;

use crate::quota::RateClass;
use crate::world::needs_double_encoding;

/// An operation of the API, or the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token,
    Users,
    MetricsMeetings,
    MetricsMeeting,
    MetricsMeetingParticipants,
    MetricsWebinars,
    MetricsWebinarParticipants,
    ReportUsers,
    ReportUserMeetings,
    ReportMeeting,
    ReportMeetingParticipants,
    ReportWebinarParticipants,
    PastMeeting,
    Unknown,
}

impl Endpoint {
    /// All served operations below `/v2`.
    pub(crate) const SERVED: [Self; 12] = [
        Self::Users,
        Self::MetricsMeetings,
        Self::MetricsMeeting,
        Self::MetricsMeetingParticipants,
        Self::MetricsWebinars,
        Self::MetricsWebinarParticipants,
        Self::ReportUsers,
        Self::ReportUserMeetings,
        Self::ReportMeeting,
        Self::ReportMeetingParticipants,
        Self::ReportWebinarParticipants,
        Self::PastMeeting,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Token => "/oauth/token",
            Self::Users => "/users",
            Self::MetricsMeetings => "/metrics/meetings",
            Self::MetricsMeeting => "/metrics/meetings/{meetingId}",
            Self::MetricsMeetingParticipants => "/metrics/meetings/{meetingId}/participants",
            Self::MetricsWebinars => "/metrics/webinars",
            Self::MetricsWebinarParticipants => "/metrics/webinars/{webinarId}/participants",
            Self::ReportUsers => "/report/users",
            Self::ReportUserMeetings => "/report/users/{userId}/meetings",
            Self::ReportMeeting => "/report/meetings/{meetingId}",
            Self::ReportMeetingParticipants => "/report/meetings/{meetingId}/participants",
            Self::ReportWebinarParticipants => "/report/webinars/{webinarId}/participants",
            Self::PastMeeting => "/past_meetings/{meetingId}",
            Self::Unknown => "unknown",
        }
    }

    /// Rate class; `None` for the token endpoint.
    pub(crate) fn class(self) -> Option<RateClass> {
        match self {
            Self::Token => None,
            Self::PastMeeting | Self::Unknown => Some(RateClass::Light),
            Self::Users => Some(RateClass::Medium),
            Self::MetricsMeetings | Self::MetricsWebinars => Some(RateClass::ResourceIntensive),
            _ => Some(RateClass::Heavy),
        }
    }

    /// Scopes, one of which suffices: the granular scope first, then the classic ones.
    pub(crate) fn scopes(self) -> &'static [&'static str] {
        const MEETINGS: &str = "dashboard_meetings:read:admin";
        const WEBINARS: &str = "dashboard_webinars:read:admin";
        const DASHBOARD: &str = "dashboard:read:admin";
        const REPORT: &str = "report:read:admin";
        match self {
            Self::Users => &["user:read:list_users:admin", "user:read:admin", "user:write:admin"],
            Self::MetricsMeetings => &["dashboard:read:list_meetings:admin", MEETINGS, DASHBOARD],
            Self::MetricsMeeting => &["dashboard:read:meeting:admin", MEETINGS, DASHBOARD],
            Self::MetricsMeetingParticipants => {
                &["dashboard:read:list_meeting_participants:admin", MEETINGS, DASHBOARD]
            }
            Self::MetricsWebinars => &["dashboard:read:list_webinars:admin", WEBINARS, DASHBOARD],
            Self::MetricsWebinarParticipants => {
                &["dashboard:read:list_webinar_participants:admin", WEBINARS, DASHBOARD]
            }
            Self::ReportUsers => &["report:read:list_users:admin", REPORT],
            Self::ReportUserMeetings => &["report:read:user:admin", REPORT],
            Self::ReportMeeting => &["report:read:meeting:admin", REPORT],
            Self::ReportMeetingParticipants => &["report:read:list_meeting_participants:admin", REPORT],
            Self::ReportWebinarParticipants => &["report:read:list_webinar_participants:admin", REPORT],
            Self::PastMeeting => &["meeting:read:past_meeting:admin", "meeting:read:admin"],
            Self::Token | Self::Unknown => &[],
        }
    }

    pub(crate) fn is_dashboard(self) -> bool {
        self.name().starts_with("/metrics/")
    }

    pub(crate) fn is_webinar(self) -> bool {
        matches!(
            self,
            Self::MetricsWebinars | Self::MetricsWebinarParticipants | Self::ReportWebinarParticipants
        )
    }
}

/// Returns the operation of a raw path, and the raw segment of its id.
pub(super) fn route(raw_path: &str) -> (Endpoint, &str) {
    let Some(path) = raw_path.strip_prefix("/v2/") else { return (Endpoint::Unknown, "") };
    let exact = match path {
        "users" => Some(Endpoint::Users),
        "metrics/meetings" => Some(Endpoint::MetricsMeetings),
        "metrics/webinars" => Some(Endpoint::MetricsWebinars),
        "report/users" => Some(Endpoint::ReportUsers),
        _ => None,
    };
    if let Some(endpoint) = exact {
        return (endpoint, "");
    }
    // Longer suffixes first, so that `.../participants` is not taken for a uuid.
    let patterns = [
        ("metrics/meetings/", "/participants", Endpoint::MetricsMeetingParticipants),
        ("metrics/meetings/", "", Endpoint::MetricsMeeting),
        ("metrics/webinars/", "/participants", Endpoint::MetricsWebinarParticipants),
        ("report/users/", "/meetings", Endpoint::ReportUserMeetings),
        ("report/meetings/", "/participants", Endpoint::ReportMeetingParticipants),
        ("report/meetings/", "", Endpoint::ReportMeeting),
        ("report/webinars/", "/participants", Endpoint::ReportWebinarParticipants),
        ("past_meetings/", "", Endpoint::PastMeeting),
    ];
    let matching = patterns.into_iter().find_map(|(prefix, suffix, endpoint)| {
        let id = path.strip_prefix(prefix)?.strip_suffix(suffix)?;
        (!id.is_empty() && !id.contains('/')).then_some((endpoint, id))
    });
    matching.unwrap_or((Endpoint::Unknown, ""))
}

/// Decodes a uuid segment like Zoom: its gateway decodes once and removes leading and double slashes, then the
/// service decodes again. The error is the mangled text.
pub(super) fn uuid_text(raw_segment: &str) -> Result<String, String> {
    let once = decode(raw_segment);
    if needs_double_encoding(&once) {
        return Err(swallow_slashes(&once));
    }
    Ok(if once.contains('%') { decode(&once) } else { once })
}

/// Decodes percent-encoding once.
pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn swallow_slashes(text: &str) -> String {
    let mut kept = text.trim_start_matches('/').to_owned();
    while kept.contains("//") {
        kept = kept.replace("//", "/");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_their_operation_and_keep_the_raw_id() {
        let (endpoint, id) = route("/v2/metrics/meetings/a%252Fb%3D%3D/participants");
        assert_eq!((endpoint, id), (Endpoint::MetricsMeetingParticipants, "a%252Fb%3D%3D"));
        assert_eq!(route("/v2/metrics/meetings/a%2Fb").0, Endpoint::MetricsMeeting);
        assert_eq!(route("/v2/metrics/meetings/a/b").0, Endpoint::Unknown);
        assert_eq!(route("/v2/metrics/meetings//participants").0, Endpoint::Unknown);
        assert_eq!(route("/v2/report/users/x/meetings"), (Endpoint::ReportUserMeetings, "x"));
        assert_eq!(route("/metrics/meetings").0, Endpoint::Unknown);
        for endpoint in Endpoint::SERVED {
            let path = format!("/v2{}", endpoint.name());
            assert_eq!(route(&path).0, endpoint, "{path}");
        }
    }

    #[test]
    fn only_a_slash_at_the_begin_or_a_double_one_needs_two_encodings() {
        assert_eq!(uuid_text("a%2Fb%3D%3D"), Ok("a/b==".to_owned()));
        assert_eq!(uuid_text("a%252Fb%253D%253D"), Ok("a/b==".to_owned()));
        assert_eq!(uuid_text("a+b"), Ok("a+b".to_owned()));
        assert_eq!(uuid_text("%2Fab%3D%3D"), Err("ab==".to_owned()));
        assert_eq!(uuid_text("a%2F%2Fb%3D%3D"), Err("a/b==".to_owned()));
        assert_eq!(uuid_text("%252Fab%253D%253D"), Ok("/ab==".to_owned()));
        assert_eq!(uuid_text("a%252F%252Fb"), Ok("a//b".to_owned()));
    }
}
