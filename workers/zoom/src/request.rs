//! Builds requests: the parameters of each call.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::MeetingUuid;
use messages::zoom::Listing;

use crate::atlas::Call;
use crate::client::Request;
use crate::encode;
use crate::endpoint::Endpoint;

/// Rows per page, Zoom's maximum.
const PAGE_SIZE: &str = "300";
/// Parameter that requests optional fields.
const FIELDS: &str = "include_fields";

impl Request {
    /// Returns the same request without optional fields; `None` if it has none.
    pub(crate) fn plain(&self) -> Option<Self> {
        let mut plain = self.clone();
        plain.query.retain(|(name, _)| *name != FIELDS);
        (plain.query.len() < self.query.len()).then_some(plain)
    }
}

/// Requests a list of one UTC date. Dates are zero-padded: Zoom answers others with an empty list and no error.
pub(crate) fn dated(endpoint: Endpoint, kind: &str, date: Date) -> Request {
    let date = date.strftime("%Y-%m-%d").to_string();
    let mut query = vec![("type", kind.to_owned()), ("from", date.clone()), ("to", date)];
    query.extend(endpoint.include_fields().map(|fields| (FIELDS, fields.to_owned())));
    paged(endpoint, String::new(), query)
}

/// Requests a list of one host and one UTC date.
pub(crate) fn of_host(endpoint: Endpoint, host_id: &str, listing: Listing, date: Date) -> Request {
    Request { segment: encode::segment(host_id), ..dated(endpoint, listing.name(), date) }
}

/// Requests data of one meeting. The Dashboard needs the list's type, else it answers for live meetings.
pub(crate) fn of_meeting(
    endpoint: Endpoint,
    uuid: &MeetingUuid,
    listing: Listing,
    end: Option<Timestamp>,
) -> Request {
    let kind = endpoint.is_dashboard().then(|| ("type", listing.name().to_owned()));
    let fields = endpoint.include_fields().map(|fields| (FIELDS, fields.to_owned()));
    let query = kind.into_iter().chain(fields).collect();
    let segment = encode::uuid(uuid);
    let mut request =
        if endpoint.is_object() { bare(endpoint, segment, query) } else { paged(endpoint, segment, query) };
    request.call.meeting_end = end;
    request
}

/// Requests the account's users with one status.
pub(crate) fn users(status: &str, page_size: &str) -> Request {
    let query = vec![("status", status.to_owned()), ("page_size", page_size.to_owned())];
    bare(Endpoint::Users, String::new(), query)
}

fn paged(endpoint: Endpoint, segment: String, mut query: Vec<(&'static str, String)>) -> Request {
    query.push(("page_size", PAGE_SIZE.to_owned()));
    bare(endpoint, segment, query)
}

fn bare(endpoint: Endpoint, segment: String, query: Vec<(&'static str, String)>) -> Request {
    Request { call: Call { endpoint, meeting_end: None, paging: false }, segment, query }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_padded_and_types_are_sent() {
        let request = dated(Endpoint::MetricsMeetings, "pastOne", "2026-01-02".parse().unwrap());
        let query: Vec<_> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            query,
            [
                "type=pastOne",
                "from=2026-01-02",
                "to=2026-01-02",
                "include_fields=tracking_fields",
                "page_size=300"
            ]
        );
    }

    #[test]
    fn fields_are_asked_for_where_the_api_has_them() {
        let plain = |endpoint: Endpoint| {
            let request = dated(endpoint, "past", "2026-01-02".parse().unwrap());
            request.plain().map(|plain| plain.query.len())
        };
        assert_eq!(plain(Endpoint::MetricsMeetings), Some(4));
        assert_eq!((plain(Endpoint::MetricsWebinars), plain(Endpoint::ReportUserMeetings)), (None, None));
    }

    #[test]
    fn the_type_goes_to_the_dashboard_only() {
        let uuid = "4444AAAiAAAAAiAiAiiAiA==".parse().unwrap();
        let names = |endpoint| {
            let request = of_meeting(endpoint, &uuid, Listing::PastOne, None);
            request.query.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(Endpoint::MetricsMeeting), ["type"]);
        assert_eq!(names(Endpoint::MetricsMeetingParticipants), ["type", "include_fields", "page_size"]);
        assert_eq!(names(Endpoint::ReportMeeting), [""; 0]);
        assert_eq!(names(Endpoint::ReportMeetingParticipants), ["include_fields", "page_size"]);
    }
}
