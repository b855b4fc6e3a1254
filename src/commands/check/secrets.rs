//! Checks for exposed secrets: files with credentials that others can read, and servers that receive credentials in
//! clear text.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use reqwest::Url;
use secrecy::ExposeSecret as _;

use crate::config::{Config, Environment};
use crate::diagnostic::Diagnostic;

/// The file with variables in the current folder.
const DOTENV: &str = ".env";

pub(super) fn examine(config: &Config, environment: &Environment) -> Vec<Diagnostic> {
    let accounts = environment.get("ZOOM_ACCOUNTS_FILE").map(Path::new);
    let files = [Some(Path::new(DOTENV)), accounts].into_iter().flatten();
    let mut diagnostics: Vec<Diagnostic> = files.filter_map(readable).collect();
    for (name, url) in servers(config) {
        let exposed = url.split(',').any(|url| is_exposed(url.trim()));
        let diagnostic = || {
            let text = format!("{name} names another machine without TLS: credentials pass in clear text");
            let scheme = if name == "AMQP_URL" { "amqps" } else { "https" };
            Diagnostic::notable("secrets", text).remedy(format!("use {scheme}:// in {name}"))
        };
        diagnostics.extend(exposed.then(diagnostic));
    }
    diagnostics
}

/// Checks a file's mode. If another user owns the file, its group may read it: that is this program's group.
fn readable(path: &Path) -> Option<Diagnostic> {
    let there = path.metadata().ok()?;
    let is_ours = Path::new("/proc/self").metadata().is_ok_and(|this| this.uid() == there.uid());
    let rights = if is_ours { 0o077 } else { 0o007 };
    (there.mode() & rights != 0).then(|| {
        let (path, mode) = (path.display(), there.mode() & 0o777);
        let text = format!("others can read or change {path}, which may hold credentials (mode {mode:04o})");
        Diagnostic::notable("secrets", text).remedy(format!("chmod 600 {path}"))
    })
}

/// Returns the variables and addresses of servers that receive credentials.
fn servers(config: &Config) -> Vec<(&'static str, String)> {
    let mut servers = Vec::new();
    if let Some(amqp) = &config.amqp {
        servers.push(("AMQP_URL", amqp.url.expose_secret().to_owned()));
        let management = amqp.management_url.as_ref();
        servers.extend(management.map(|url| ("AMQP_MANAGEMENT_URL", url.expose_secret().to_owned())));
    }
    if let Some(search) = &config.search {
        let host = search.host.expose_secret();
        if search.user.is_some() || search.api_key.is_some() || host.contains('@') {
            servers.push(("ES_HOST", host.to_owned()));
        }
    }
    for account in config.zoom.iter().chain(&config.more_accounts) {
        servers.push(("ZOOM_API_URL", account.api_url.clone()));
        servers.push(("ZOOM_OAUTH_URL", account.oauth_url.clone()));
    }
    if let Some(opencast) = &config.opencast
        && !opencast.user.is_empty()
        // Digest authentication never sends the password.
        && opencast.auth != opencast::Auth::Digest
    {
        servers.push(("OPENCAST_ENGAGE_URL", opencast.engage_url.clone()));
        servers.extend(opencast.admin_url.clone().map(|url| ("OPENCAST_ADMIN_URL", url)));
    }
    let banner = config.banner.as_ref().map(|url| url.expose_secret().to_owned());
    servers.extend(banner.filter(|url| url.contains('@')).map(|url| ("BANNER_ENDPOINT_BASE", url)));
    servers.dedup();
    servers
}

/// True for an address on another machine without TLS. An address without a scheme uses `http`.
fn is_exposed(url: &str) -> bool {
    let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let Ok(url) = Url::parse(&whole) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host.is_empty()
        || host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    matches!(url.scheme(), "http" | "amqp") && !is_here
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn named(variables: &[(&'static str, &str)]) -> Vec<String> {
        let owned = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let environment = Environment::of(owned);
        let config = Config::from(&environment).unwrap();
        let diagnostics = examine(&config, &environment);
        let texts = diagnostics.into_iter().map(|diagnostic| diagnostic.text);
        texts.filter_map(|text| text.split_once(" names another").map(|(name, _)| name.to_owned())).collect()
    }

    #[test]
    fn a_server_beyond_this_machine_that_gets_credentials_without_tls_is_named() {
        let zoom = [("ZOOM_ACCOUNT_ID", "a"), ("ZOOM_CLIENT_ID", "b"), ("ZOOM_CLIENT_SECRET", "c")];
        let opencast = [("OPENCAST_USER", "u"), ("OPENCAST_PASSWORD", "p")];
        let with = |base: &[(&'static str, &'static str)], more: &[(&'static str, &'static str)]| {
            named(&[base, more].concat())
        };
        let none: [&str; 0] = [];
        for (found, wanted) in [
            (named(&[("AMQP_URL", "amqp://u:p@broker:5672/%2F")]), &["AMQP_URL"][..]),
            (named(&[("AMQP_URL", "amqps://u:p@broker/")]), &none),
            (
                named(&[
                    ("AMQP_URL", "amqp://u:p@[::1]/"),
                    ("AMQP_MANAGEMENT_URL", "http://u:p@broker:15672"),
                ]),
                &["AMQP_MANAGEMENT_URL"],
            ),
            (named(&[("ES_HOST", "search:9200")]), &none),
            (named(&[("ES_HOST", "search:9200"), ("ES_API_KEY", "k")]), &["ES_HOST"]),
            (named(&[("ES_HOST", "https://a:9200, http://u:p@b:9200")]), &["ES_HOST"]),
            (named(&[("ES_HOST", "127.0.0.2:9200"), ("ES_API_KEY", "k")]), &none),
            (with(&zoom, &[("ZOOM_API_URL", "http://10.0.0.1/v2")]), &["ZOOM_API_URL"]),
            (with(&zoom, &[("ZOOM_OAUTH_URL", "http://zoom.example/oauth")]), &["ZOOM_OAUTH_URL"]),
            (with(&zoom, &[("ZOOM_API_URL", "http://127.0.0.1:1/v2")]), &none),
            (with(&opencast, &[("OPENCAST_ENGAGE_URL", "http://engage")]), &["OPENCAST_ENGAGE_URL"]),
            (
                with(&opencast, &[("OPENCAST_ENGAGE_URL", "https://e"), ("OPENCAST_ADMIN_URL", "http://a")]),
                &["OPENCAST_ADMIN_URL"],
            ),
            (named(&[("OPENCAST_ENGAGE_URL", "http://engage")]), &none),
            (named(&[("BANNER_ENDPOINT_BASE", "http://u:p@banner/x")]), &["BANNER_ENDPOINT_BASE"]),
        ] {
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_named_with_its_mode() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, is_named) in [(0o644, true), (0o640, true), (0o602, true), (0o600, false), (0o400, false)]
        {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let found = readable(file.path());
            assert_eq!(found.is_some(), is_named, "{mode:o}");
            let shows_mode = |diagnostic: Diagnostic| diagnostic.text.contains(&format!("{mode:04o}"));
            assert!(found.is_none_or(shows_mode));
        }
        assert_eq!(readable(Path::new("/nowhere/.env")), None);
    }
}
