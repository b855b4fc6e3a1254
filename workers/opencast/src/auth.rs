//! Authentication at one node: Basic, or Digest with a nonce that is reused until the server sends a new one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use digest_auth::{AuthContext, WwwAuthenticateHeader};
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Auth;

/// Header without which Opencast redirects unauthenticated requests to a web page instead of sending a challenge.
pub(crate) const REQUESTED: &str = "X-Requested-Auth";

/// Authentication state of one node.
pub(crate) struct Sign {
    /// `None`: requests are unsigned.
    credentials: Option<Credentials>,
    choice: Auth,
    state: Mutex<State>,
}

#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: SecretString,
}

/// Method of the next request.
enum State {
    Basic,
    /// Digest, without a challenge so far.
    Unasked,
    Digest(Box<WwwAuthenticateHeader>),
}

impl State {
    fn first(choice: Auth) -> Self {
        if choice == Auth::Digest { Self::Unasked } else { Self::Basic }
    }
}

/// Result of a 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Retry with the new challenge.
    Again,
    /// The credentials are refused, or there are none.
    Refused,
}

impl Sign {
    pub(crate) fn new(credentials: Option<Credentials>, choice: Auth) -> Self {
        Self { credentials, choice, state: Mutex::new(State::first(choice)) }
    }

    /// True if the server decides between Basic and Digest.
    pub(crate) fn may_be_digest(&self) -> bool {
        self.credentials.is_some() && self.choice != Auth::Basic
    }

    /// Returns the method for the header [`REQUESTED`].
    pub(crate) fn requested(&self) -> Option<&'static str> {
        self.credentials.as_ref().map(|_| if self.choice == Auth::Basic { "Basic" } else { "Digest" })
    }

    /// Returns the Authorization header for a GET of `uri` (path and query).
    pub(crate) fn authorization(&self, uri: &str) -> Option<HeaderValue> {
        let Credentials { user, password } = self.credentials.as_ref()?;
        let text = match &mut *self.state() {
            State::Unasked => return None,
            State::Basic => {
                let pair = format!("{user}:{}", password.expose_secret());
                format!("Basic {}", STANDARD.encode(pair))
            }
            State::Digest(prompt) => {
                let context = AuthContext::new(user, password.expose_secret(), uri);
                prompt.respond(&context).ok()?.to_header_string()
            }
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Stores the challenge of a 401, if any.
    pub(crate) fn challenged(&self, headers: &HeaderMap) -> Challenge {
        let offers = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let digest =
            |text: &str| text.trim_start().get(..7).is_some_and(|kind| kind.eq_ignore_ascii_case("digest "));
        let prompt = offers.filter(|text| digest(text)).find_map(|text| digest_auth::parse(text).ok());
        let (Some(prompt), Some(_), true) = (prompt, &self.credentials, self.choice != Auth::Basic) else {
            return Challenge::Refused;
        };
        *self.state() = State::Digest(Box::new(prompt));
        Challenge::Again
    }

    /// Forgets all challenges: a failing node may have sent a wrong one.
    pub(crate) fn reset(&self) {
        *self.state() = State::first(self.choice);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A nonce stays valid if a holder panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = r#"Digest realm="Opencast", qop="auth", nonce="MTc3", algorithm=MD5"#;

    fn sign(choice: Auth) -> Sign {
        let credentials =
            Credentials { user: "us\u{e4}r".into(), password: SecretString::from("s\u{20ac}cret") };
        Sign::new(Some(credentials), choice)
    }

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().unwrap())).collect()
    }

    fn sent(sign: &Sign) -> Option<String> {
        sign.authorization("/a?b=c").map(|value| String::from_utf8(value.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn nobody_signs_in_without_a_user() {
        let sign = Sign::new(None, Auth::Auto);
        assert_eq!((sent(&sign), sign.requested(), sign.may_be_digest()), (None, None, false));
        assert_eq!(sign.challenged(&headers(&[ASKED])), Challenge::Refused);
    }

    #[test]
    fn basic_stays_basic() {
        let sign = sign(Auth::Basic);
        assert_eq!(sent(&sign).unwrap(), format!("Basic {}", STANDARD.encode("us\u{e4}r:s\u{20ac}cret")));
        assert_eq!((sign.requested(), sign.may_be_digest()), (Some("Basic"), false));
        assert_eq!(sign.challenged(&headers(&[ASKED])), Challenge::Refused);
    }

    #[test]
    fn auto_changes_to_digest_when_it_is_asked_for_and_counts_the_nonce() {
        let sign = sign(Auth::Auto);
        assert!(sent(&sign).unwrap().starts_with("Basic "));
        assert_eq!(sign.challenged(&headers(&["Basic realm=\"Opencast\""])), Challenge::Refused);
        assert_eq!(sign.challenged(&headers(&["Basic realm=\"x\"", ASKED])), Challenge::Again);
        let (first, second) = (sent(&sign).unwrap(), sent(&sign).unwrap());
        for (text, count) in [(&first, "nc=00000001"), (&second, "nc=00000002")] {
            assert!(text.contains(count) && text.contains("nonce=\"MTc3\""), "{text}");
            assert!(text.contains("uri=\"/a?b=c\"") && text.contains("qop=auth"), "{text}");
        }
        let stale = ASKED.replace("MTc3", "MTc4") + ", stale=true";
        assert_eq!(sign.challenged(&headers(&[&stale])), Challenge::Again);
        let third = sent(&sign).unwrap();
        assert!(third.contains("nonce=\"MTc4\"") && third.contains("nc=00000001"), "{third}");
        sign.reset();
        assert!(sent(&sign).unwrap().starts_with("Basic "));
    }

    #[test]
    fn digest_waits_to_be_asked() {
        let sign = sign(Auth::Digest);
        assert_eq!((sent(&sign), sign.may_be_digest()), (None, true));
        assert_eq!(sign.challenged(&headers(&["Digest rubbish"])), Challenge::Refused);
        assert_eq!(sign.challenged(&headers(&[ASKED])), Challenge::Again);
        assert!(sent(&sign).unwrap().starts_with("Digest "));
    }
}
