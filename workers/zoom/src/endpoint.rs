//! The operations in use: path, rate class, scopes, and optional fields.

use crate::RateClass;

/// A GET operation of Zoom's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
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
}

const DASHBOARD: &str = "dashboard:read:admin";
const MEETINGS: &str = "dashboard_meetings:read:admin";
const WEBINARS: &str = "dashboard_webinars:read:admin";
const REPORT: &str = "report:read:admin";

impl Endpoint {
    /// Returns the operation's name in raw documents and causes: method and path, without host and query.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Users => "GET /users",
            Self::MetricsMeetings => "GET /metrics/meetings",
            Self::MetricsMeeting => "GET /metrics/meetings/{uuid}",
            Self::MetricsMeetingParticipants => "GET /metrics/meetings/{uuid}/participants",
            Self::MetricsWebinars => "GET /metrics/webinars",
            Self::MetricsWebinarParticipants => "GET /metrics/webinars/{uuid}/participants",
            Self::ReportUsers => "GET /report/users",
            Self::ReportUserMeetings => "GET /report/users/{id}/meetings",
            Self::ReportMeeting => "GET /report/meetings/{uuid}",
            Self::ReportMeetingParticipants => "GET /report/meetings/{uuid}/participants",
            Self::ReportWebinarParticipants => "GET /report/webinars/{uuid}/participants",
        }
    }

    /// Returns the path below the API's base URL; `segment` is an encoded id.
    pub(crate) fn path(self, segment: &str) -> String {
        let template = &self.name()["GET ".len()..];
        match (template.find('{'), template.find('}')) {
            (Some(from), Some(to)) => format!("{}{segment}{}", &template[..from], &template[to + 1..]),
            _ => template.to_owned(),
        }
    }

    pub(crate) fn class(self) -> RateClass {
        match self {
            Self::Users => RateClass::Medium,
            Self::MetricsMeetings | Self::MetricsWebinars => RateClass::ResourceIntensive,
            _ => RateClass::Heavy,
        }
    }

    /// Returns the scopes of which one suffices: the granular one first, then the classic ones.
    pub(crate) fn scopes(self) -> &'static [&'static str] {
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
        }
    }

    /// Returns the fields that the answer contains only on request.
    pub(crate) fn include_fields(self) -> Option<&'static str> {
        match self {
            Self::MetricsMeetings => Some("tracking_fields"),
            _ => self.lists_participants().then_some("registrant_id"),
        }
    }

    /// True if the rows of the answer are participants.
    pub(crate) fn lists_participants(self) -> bool {
        matches!(
            self,
            Self::MetricsMeetingParticipants
                | Self::MetricsWebinarParticipants
                | Self::ReportMeetingParticipants
                | Self::ReportWebinarParticipants
        )
    }

    /// True if the call only enriches other results: its errors do not count for the circuit breaker.
    pub(crate) fn is_optional(self) -> bool {
        self == Self::Users
    }

    /// True for `/metrics/...`, which requires a Business plan or higher.
    pub(crate) fn is_dashboard(self) -> bool {
        self.name().starts_with("GET /metrics/")
    }

    pub(crate) fn is_webinar(self) -> bool {
        matches!(
            self,
            Self::MetricsWebinars | Self::MetricsWebinarParticipants | Self::ReportWebinarParticipants
        )
    }

    /// True if the call is about one meeting, so that its error says nothing about others.
    pub(crate) fn is_about_one_meeting(self) -> bool {
        self.name().contains("{uuid}")
    }

    /// True if the answer is one object instead of a page of rows.
    pub(crate) fn is_object(self) -> bool {
        matches!(self, Self::MetricsMeeting | Self::ReportMeeting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_takes_its_segment() {
        assert_eq!(Endpoint::Users.path(""), "/users");
        assert_eq!(Endpoint::MetricsMeeting.path("a%3D"), "/metrics/meetings/a%3D");
        assert_eq!(Endpoint::ReportUserMeetings.path("u1"), "/report/users/u1/meetings");
        assert_eq!(Endpoint::MetricsWebinarParticipants.path("b"), "/metrics/webinars/b/participants");
    }
}
