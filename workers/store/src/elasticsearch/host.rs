//! Parses `ES_HOST`.

use reqwest::Url;

use crate::StoreError;

/// Hosts, and the user and password from their URLs.
pub(super) struct Hosts {
    pub(super) urls: Vec<Url>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

impl Hosts {
    /// The hosts without credentials.
    pub(super) fn name(&self) -> String {
        let names: Vec<&str> = self.urls.iter().map(Url::as_str).collect();
        names.join(", ")
    }
}

/// Parses hosts separated by commas. `host:port` means `http`; `https://` must be written out.
pub(super) fn parse_hosts(text: &str) -> Result<Hosts, StoreError> {
    let mut hosts = Hosts { urls: Vec::new(), user: None, password: None };
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let mut url = parse_host(part)?;
        if !url.username().is_empty() {
            hosts.user = Some(decoded(url.username()));
            hosts.password = url.password().map(decoded);
        }
        // Cannot fail: `parse_host` refuses URLs that cannot have a user.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        hosts.urls.push(url);
    }
    if hosts.urls.is_empty() { Err(no_host("it is empty")) } else { Ok(hosts) }
}

fn parse_host(text: &str) -> Result<Url, StoreError> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&whole).map_err(|error| no_host(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(no_host("only http and https are spoken"));
    }
    // An unescaped slash in a password makes the rest of it a path.
    if url.path().contains('@') {
        return Err(no_host("a password in it must be written with % (a slash is %2F)"));
    }
    if url.host_str().is_none_or(str::is_empty) || url.query().is_some() || url.fragment().is_some() {
        return Err(no_host("it must be a host, a port and at most a path"));
    }
    Ok(url)
}

// Never shows the text, which may hold a password.
fn no_host(why: &str) -> StoreError {
    StoreError::Misconfigured(format!("ES_HOST cannot be used: {why}; set host:port or https://host:port"))
}

fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// Returns true for `localhost` and loopback addresses.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        parse_hosts(text).unwrap().urls[0].to_string()
    }

    #[test]
    fn a_host_and_port_means_http_and_https_must_be_said() {
        assert_eq!(url("localhost:9200"), "http://localhost:9200/");
        assert_eq!(url("10.0.0.1:9201"), "http://10.0.0.1:9201/");
        assert_eq!(url("[::1]:9201"), "http://[::1]:9201/");
        assert_eq!(url("https://search.example.edu"), "https://search.example.edu/");
        assert_eq!(url("https://search.example.edu/es"), "https://search.example.edu/es");
        assert_eq!(parse_hosts("a:1, b:2,").unwrap().urls.len(), 2);
        assert!(is_loopback(&Url::parse("http://[::1]:1").unwrap()));
        assert!(!is_loopback(&Url::parse("http://localhost.example.edu").unwrap()));
    }

    #[test]
    fn user_and_password_leave_the_url() {
        let hosts = parse_hosts("https://elastic:p%40ss@search.example.edu:9243").unwrap();
        assert_eq!(hosts.urls[0].as_str(), "https://search.example.edu:9243/");
        assert_eq!((hosts.user.as_deref(), hosts.password.as_deref()), (Some("elastic"), Some("p@ss")));
    }

    #[test]
    fn what_is_no_host_is_refused_without_being_shown() {
        for bad in [
            "",
            ",",
            "http://",
            "ftp://u:canary@h",
            "http://u:canary@h:port",
            "http://h?canary",
            "u:canary@",
            "u:1/canary@h",
        ] {
            let error = parse_hosts(bad).err().unwrap().to_string();
            assert!(error.contains("ES_HOST") && !error.contains("canary"), "{bad}: {error}");
        }
    }
}
