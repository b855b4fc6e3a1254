//! All environment variables and their defaults. A test keeps `example.env` equal to this list.

/// An environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The variable's name.
    pub name: &'static str,
    /// The value when the variable is unset; `None`: no value.
    pub default: Option<&'static str>,
}

const fn variable(name: &'static str, default: Option<&'static str>) -> Variable {
    Variable { name, default }
}

/// All variables, in the order of `example.env`.
pub const VARIABLES: &[Variable] = &[
    variable("ZOOM_ACCOUNT_ID", None),
    variable("ZOOM_CLIENT_ID", None),
    variable("ZOOM_CLIENT_SECRET", None),
    variable("ZOOM_ACCOUNTS_FILE", None),
    variable("ZOOM_API_URL", Some("https://api.zoom.us/v2")),
    variable("ZOOM_OAUTH_URL", Some("https://zoom.us/oauth/token")),
    variable("ZOOM_PLAN", Some("business")),
    variable("ZOOM_QUOTA_SHARE", Some("0.8")),
    variable("ZOOM_DAILY_RESERVE", Some("0")),
    variable("ZOOM_QUOTA_SPEED", Some("1")),
    variable("ZOOM_SOURCE", Some("auto")),
    variable("ZOOM_WEBINARS", Some("false")),
    variable("ZOOM_LIST_PERMITS", Some("2")),
    variable("ZOOM_DETAIL_PERMITS", Some("16")),
    variable("OPENCAST_ENGAGE_URL", None),
    variable("OPENCAST_ADMIN_URL", None),
    variable("OPENCAST_USER", None),
    variable("OPENCAST_PASSWORD", None),
    variable("OPENCAST_AUTH", Some("auto")),
    variable("OPENCAST_DIALECT", Some("auto")),
    variable("OPENCAST_TIMEZONE", Some("UTC")),
    variable("OPENCAST_CALLS_PER_SECOND", Some("5")),
    variable("OPENCAST_CA_CERT", None),
    variable("OPENCAST_PERMITS", Some("2")),
    variable("AMQP_URL", None),
    variable("AMQP_CA_CERT", None),
    variable("AMQP_MANAGEMENT_URL", None),
    variable("UA_QUEUE_PREFIX", Some("ua")),
    variable("UA_DOCUMENTS_LIMIT", Some("1000")),
    variable("ES_HOST", None),
    variable("ES_USER", None),
    variable("ES_PASSWORD", None),
    variable("ES_API_KEY", None),
    variable("ES_CA_CERT", None),
    variable("UA_INDEX_PREFIX", None),
    variable("UA_INDEX_SPLIT", Some("month")),
    variable("UA_RAW_DAYS", Some("30")),
    variable("GEOLITE_PATH", None),
    variable("BANNER_ENDPOINT_BASE", None),
    variable("UA_DATA_DIR", Some("ua-data")),
    variable("UA_SCHEDULE", None),
    variable("UA_SCHEDULE_TZ", Some("UTC")),
    variable("UA_LOG", Some("info")),
    variable("UA_LOG_FORMAT", Some("text")),
    variable("UA_HTTP", None),
];
