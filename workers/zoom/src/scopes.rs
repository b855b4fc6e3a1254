//! Compares a token's scopes with those a harvest needs.

use crate::Choice;
use crate::endpoint::Endpoint;

/// Scopes of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Granted {
    /// The granted scopes; empty if the answer names none.
    pub scopes: Vec<String>,
    /// Required scopes that are missing, one text per operation.
    pub missing: Vec<String>,
    /// True if `host.id` stays empty because the token may not list users.
    pub without_host_ids: bool,
}

/// Returns the missing scopes: for each operation the granular one and, in brackets, the classic ones.
///
/// `auto` needs either the Dashboard or the Reports, because Zoom does not offer Dashboard scopes below Business.
pub fn missing_scopes(granted: &[String], choice: Choice, webinars: bool) -> Vec<String> {
    let report = lacking(granted, &report(webinars));
    match choice {
        Choice::Report => report,
        Choice::Auto if report.is_empty() && !reads_dashboard(granted) => Vec::new(),
        Choice::Auto | Choice::Dashboard => lacking(granted, &dashboard(webinars)),
    }
}

/// Returns whether a token may read the Dashboard's meetings; true if its scopes are unknown.
pub(crate) fn reads_dashboard(granted: &[String]) -> bool {
    lacking(granted, &dashboard(false)).is_empty()
}

/// Returns whether a token may list users; true if its scopes are unknown.
pub(crate) fn lists_users(granted: &[String]) -> bool {
    lacking(granted, &[Endpoint::Users]).is_empty()
}

fn dashboard(webinars: bool) -> Vec<Endpoint> {
    let mut needed =
        vec![Endpoint::MetricsMeetings, Endpoint::MetricsMeeting, Endpoint::MetricsMeetingParticipants];
    if webinars {
        needed.extend([Endpoint::MetricsWebinars, Endpoint::MetricsWebinarParticipants]);
    }
    needed
}

fn report(webinars: bool) -> Vec<Endpoint> {
    let mut needed = vec![
        Endpoint::ReportUsers,
        Endpoint::ReportUserMeetings,
        Endpoint::ReportMeeting,
        Endpoint::ReportMeetingParticipants,
    ];
    if webinars {
        needed.push(Endpoint::ReportWebinarParticipants);
    }
    needed
}

fn lacking(granted: &[String], needed: &[Endpoint]) -> Vec<String> {
    if granted.is_empty() {
        return Vec::new();
    }
    let has = |scope: &str| granted.iter().any(|granted| granted == scope);
    let lacks = needed.iter().filter(|endpoint| !endpoint.scopes().iter().any(|scope| has(scope)));
    lacks.map(|endpoint| described(endpoint.scopes())).collect()
}

fn described(scopes: &[&str]) -> String {
    match scopes {
        [granular, classic @ ..] if !classic.is_empty() => {
            format!("{granular} (or {})", classic.join(" or "))
        }
        _ => scopes.join(" or "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn classic_scopes_do_as_well_as_granular_ones() {
        let classic = granted(&["dashboard_meetings:read:admin", "report:read:admin"]);
        assert!(missing_scopes(&classic, Choice::Dashboard, false).is_empty());
        assert!(missing_scopes(&classic, Choice::Report, true).is_empty());
        let missing = missing_scopes(&classic, Choice::Dashboard, true);
        assert_eq!(missing.len(), 2);
        assert!(
            missing[0].starts_with("dashboard:read:list_webinars:admin (or dashboard_webinars:read:admin"),
            "{missing:?}"
        );
    }

    #[test]
    fn auto_is_content_with_the_reports() {
        let pro = granted(&["report:read:admin", "user:read:admin"]);
        assert!(missing_scopes(&pro, Choice::Auto, false).is_empty());
        let half = granted(&["dashboard:read:list_meetings:admin"]);
        assert_eq!(missing_scopes(&half, Choice::Auto, false).len(), 2);
        assert!(!lists_users(&half) && lists_users(&pro));
        let no_webinars = granted(&["dashboard_meetings:read:admin", "report:read:admin"]);
        assert!(missing_scopes(&no_webinars, Choice::Auto, false).is_empty());
        assert_eq!(
            missing_scopes(&no_webinars, Choice::Auto, true).len(),
            2,
            "the Dashboard is read, but for webinars"
        );
    }

    #[test]
    fn a_token_that_does_not_say_lacks_nothing() {
        assert!(missing_scopes(&[], Choice::Dashboard, true).is_empty());
    }
}
