//! Authentication: Basic, and Digest by RFC 2617 as in Spring Security, with its refusals.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::ledger::AuthKind;
use super::settings::{Auth, Credentials};

const REALM: &str = "Opencast";
/// Maximum number of nonces with recorded counts; a client uses one at a time.
const MOST_NONCES: usize = 10_000;

/// Refusal of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GateRefusal {
    /// 401 with this `WWW-Authenticate`.
    Challenge(String),
    /// 302 to the login page.
    Login,
    /// 400: a malformed digest.
    Malformed,
}

/// Checks credentials and keeps track of nonces.
#[derive(Debug)]
pub(super) struct Gate {
    auth: Auth,
    known: Credentials,
    lifetime_ms: i64,
    key: u64,
    /// Number of challenges so far; makes every nonce unique.
    given: u64,
    /// Used counts (`nc`) by nonce.
    used: HashMap<String, HashSet<u32>>,
}

/// A call to authenticate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) now_ms: i64,
    /// The path answers without credentials.
    pub(super) is_open: bool,
}

impl Gate {
    pub(super) fn new(auth: Auth, known: Credentials, lifetime: Duration, key: u64) -> Self {
        let lifetime_ms = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        Self { auth, known, lifetime_ms, key, given: 0, used: HashMap::new() }
    }

    /// Returns the kind of credentials of an admitted call.
    pub(super) fn admit(&mut self, call: Call<'_>) -> Result<AuthKind, GateRefusal> {
        let sent = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some(sent) = scheme(sent, "Basic ").filter(|_| self.auth.basic()) {
            let wrong = || GateRefusal::Challenge(basic_challenge());
            return self.is_basic(sent).then_some(AuthKind::Basic).ok_or_else(wrong);
        }
        if let Some(sent) = scheme(sent, "Digest ").filter(|_| self.auth.digest()) {
            return self.digest(sent, call).map(|()| AuthKind::Digest);
        }
        // Credentials of an unsupported kind are ignored.
        if call.is_open || self.auth == Auth::Anonymous {
            return Ok(AuthKind::Anonymous);
        }
        let asked = call.headers.get("x-requested-auth").and_then(|value| value.to_str().ok());
        Err(match asked {
            Some("Digest") if self.auth.digest() => {
                GateRefusal::Challenge(self.challenge(call.now_ms, false))
            }
            Some("Basic") if self.auth.basic() => GateRefusal::Challenge(basic_challenge()),
            _ => GateRefusal::Login,
        })
    }

    /// Invalidates all nonces.
    pub(super) fn expire(&mut self) {
        self.key = self.key.wrapping_add(1);
        self.used.clear();
    }

    fn is_basic(&self, sent: &str) -> bool {
        let Credentials { user, password } = &self.known;
        STANDARD.decode(sent.trim()).is_ok_and(|bytes| bytes == format!("{user}:{password}").as_bytes())
    }

    fn digest(&mut self, sent: &str, call: Call<'_>) -> Result<(), GateRefusal> {
        let sent = Sent::parse(sent).ok_or(GateRefusal::Malformed)?;
        let path = call.uri.path_and_query().map_or("/", |path| path.as_str());
        if sent.realm != REALM || sent.qop != "auth" || sent.uri != path {
            return Err(GateRefusal::Malformed);
        }
        if sent.user != self.known.user || sent.response != self.response(&sent) {
            return Err(self.again(call, false));
        }
        let Some((expires_ms, ours)) = self.open(&sent.nonce) else { return Err(self.again(call, false)) };
        if !ours || expires_ms <= call.now_ms {
            return Err(self.again(call, true));
        }
        let nc = u32::from_str_radix(&sent.nc, 16).map_err(|_| GateRefusal::Malformed)?;
        if self.used.len() >= MOST_NONCES && !self.used.contains_key(&sent.nonce) {
            self.used.clear();
        }
        // Concurrent calls arrive out of order, so counts need not ascend, but each is valid once.
        if nc == 0 || !self.used.entry(sent.nonce).or_default().insert(nc) {
            return Err(self.again(call, false));
        }
        Ok(())
    }

    fn again(&mut self, call: Call<'_>, stale: bool) -> GateRefusal {
        GateRefusal::Challenge(self.challenge(call.now_ms, stale))
    }

    /// The expected digest response; the method is always GET.
    fn response(&self, sent: &Sent) -> String {
        let user = md5(&format!("{}:{REALM}:{}", self.known.user, self.known.password));
        let asked = md5(&format!("GET:{}", sent.uri));
        md5(&format!("{user}:{}:{}:{}:{}:{asked}", sent.nonce, sent.nc, sent.cnonce, sent.qop))
    }

    fn challenge(&mut self, now_ms: i64, stale: bool) -> String {
        self.given += 1;
        let head = format!("{}-{}", now_ms.saturating_add(self.lifetime_ms), self.given);
        let nonce = STANDARD.encode(format!("{head}:{}", self.seal(&head)));
        let stale = if stale { ", stale=\"true\"" } else { "" };
        format!("Digest realm=\"{REALM}\", qop=\"auth\", nonce=\"{nonce}\"{stale}")
    }

    /// Expiry of a nonce, and whether the current key made it. `None`: not a nonce.
    fn open(&self, nonce: &str) -> Option<(i64, bool)> {
        let text = String::from_utf8(STANDARD.decode(nonce).ok()?).ok()?;
        let (head, seal) = text.split_once(':')?;
        let (expires, _) = head.rsplit_once('-')?;
        Some((expires.parse().ok()?, seal == self.seal(head)))
    }

    fn seal(&self, head: &str) -> String {
        md5(&format!("{head}:{}", self.key))
    }
}

/// The parts of a digest that are checked.
#[derive(Debug, Default)]
struct Sent {
    user: String,
    realm: String,
    nonce: String,
    uri: String,
    response: String,
    qop: String,
    nc: String,
    cnonce: String,
}

impl Sent {
    fn parse(text: &str) -> Option<Self> {
        let (mut sent, mut rest) = (Self::default(), text.trim());
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after)?;
            let name = name.trim();
            match name {
                "username" => sent.user = value,
                "realm" => sent.realm = value,
                "nonce" => sent.nonce = value,
                "uri" => sent.uri = value,
                "response" => sent.response = value,
                "qop" => sent.qop = value,
                "nc" => sent.nc = value,
                "cnonce" => sent.cnonce = value,
                "algorithm" if !value.eq_ignore_ascii_case("MD5") => return None,
                _ => {}
            }
            rest = after.trim_start().strip_prefix(',').unwrap_or(after).trim_start();
        }
        Some(sent)
    }
}

/// A value, quoted or not, and the text after it.
fn value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some((value, &quoted[at + 1..])),
            _ => {
                value.push(c);
                escaped = false;
            }
        }
    }
    None
}

/// The text after the name of a scheme, which is case-insensitive.
fn scheme<'a>(sent: &'a str, name: &str) -> Option<&'a str> {
    let (head, rest) = sent.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then_some(rest)
}

fn basic_challenge() -> String {
    format!("Basic realm=\"{REALM}\"")
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_taken_apart_whatever_stands_between_its_parts() {
        let text = r#"username="a \"b\"", realm=Opencast , uri="/x?a=1,2", nc=00000001,qop=auth"#;
        let sent = Sent::parse(text).unwrap();
        assert_eq!((sent.user.as_str(), sent.realm.as_str()), ("a \"b\"", "Opencast"));
        assert_eq!(
            (sent.uri.as_str(), sent.nc.as_str(), sent.qop.as_str()),
            ("/x?a=1,2", "00000001", "auth")
        );
        for bad in ["username", "username=\"open", "algorithm=SHA-256"] {
            assert!(Sent::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_hash_is_the_one_of_the_standard() {
        // Test vectors of RFC 1321, appendix A.5.
        assert_eq!(md5("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    }
}
