//! Access to the console: allowed hosts, methods and time, and the browser's rights on a page. Pages change nothing,
//! and no other site may read them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use listener::{Misdirected, Names};
use tokio::sync::Semaphore;

use super::answer::Trouble;
use super::layout;
use super::request::Form;

/// Timeout of a request; longer than the timeouts of broker and store.
const PATIENCE: Duration = Duration::from_secs(20);
/// Maximum concurrent requests: each queries broker and store.
const AT_ONCE: usize = 8;
/// Maximum characters of a URL. The longest filter of dead letters is far shorter.
const LONGEST: usize = 4_096;

/// Checks requests, and holds the headers of all responses.
#[derive(Debug)]
pub(super) struct Access {
    names: Names,
    permits: Semaphore,
    patience: Duration,
    headers: [(HeaderName, HeaderValue); 6],
}

impl Access {
    pub(super) fn new(names: Names) -> Self {
        let policy = format!(
            "default-src 'none'; style-src '{}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            layout::style_hash()
        );
        // The hash is base64, which is valid in a header.
        let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        let fixed = HeaderValue::from_static;
        let headers = [
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
            (header::REFERRER_POLICY, fixed("no-referrer")),
            (header::CACHE_CONTROL, fixed("no-store")),
            (header::VARY, fixed("accept")),
            (HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin")),
        ];
        Self { names, permits: Semaphore::new(AT_ONCE), patience: PATIENCE, headers }
    }

    async fn admit(&self, request: Request, next: Next) -> Result<Response, Trouble> {
        let form = Form::of(request.uri(), request.headers());
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Trouble {
                form,
                status: StatusCode::METHOD_NOT_ALLOWED,
                what: "these pages are for looking only".to_owned(),
                next_step: "what changes something is done with the commands of `ua`",
            });
        }
        if let Err(misdirected) = self.names.check(request.uri(), request.headers()) {
            let what = match misdirected {
                Misdirected::Elsewhere => "the console is not known by the name in the address",
                Misdirected::Unclear => "the request needs one Host header, which agrees with its address",
            };
            return Err(Trouble {
                form,
                status: misdirected.status(),
                what: what.to_owned(),
                next_step: "use localhost or an IP address, or start it with `ua console --name HOST`",
            });
        }
        if request.uri().to_string().len() > LONGEST {
            return Err(Trouble {
                form,
                status: StatusCode::URI_TOO_LONG,
                what: format!("the address is longer than {LONGEST} characters"),
                next_step: "ask for less at once",
            });
        }
        let Ok(_permit) = self.permits.try_acquire() else {
            return Err(Trouble {
                form,
                status: StatusCode::SERVICE_UNAVAILABLE,
                what: format!("{AT_ONCE} pages are being made already"),
                next_step: "look again in a moment",
            });
        };
        tokio::time::timeout(self.patience, next.run(request)).await.map_err(|_| Trouble {
            form,
            status: StatusCode::GATEWAY_TIMEOUT,
            what: format!("it was not found out within {} s", self.patience.as_secs()),
            next_step: "the broker or the store is overloaded or away: the page status says which",
        })
    }
}

/// Checks a request and adds the common headers to its response.
pub(super) async fn guard(State(guard): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let mut response = guard.admit(request, next).await.unwrap_or_else(Trouble::into_response);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response.headers_mut().extend(guard.headers.iter().cloned());
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    /// A console with one page that takes `page` to render, and a timeout of `patience`.
    fn slow(page: Duration, patience: Duration) -> Router {
        let guard = Arc::new(Access { patience, ..Access::new(Names::default()) });
        Router::new()
            .route("/", get(move || async move { tokio::time::sleep(page).await }))
            .layer(middleware::from_fn_with_state(guard, super::guard))
    }

    async fn ask(console: Router) -> (u16, String) {
        let request = Request::get("/?json").header(header::HOST, "localhost").body(Body::empty()).unwrap();
        let answer = console.oneshot(request).await.unwrap();
        assert!(answer.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let status = answer.status().as_u16();
        let text = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_answer_that_takes_too_long_is_given_up() {
        let (status, text) = ask(slow(Duration::from_secs(60), Duration::from_secs(1))).await;
        assert_eq!(status, 504);
        assert!(text.contains("within 1 s") && text.contains("overloaded or away"), "{text}");
    }

    #[tokio::test]
    async fn beyond_some_at_once_one_is_sent_away_and_admitted_when_there_is_room() {
        let console = slow(Duration::from_millis(500), PATIENCE);
        let asked = (0..=AT_ONCE).map(|_| ask(console.clone()));
        let mut told: Vec<(u16, String)> = futures_util::future::join_all(asked).await;
        let (last, text) = told.pop().unwrap();
        assert!(told.len() == AT_ONCE && told.iter().all(|(status, _)| *status == 200), "{told:?}");
        assert_eq!(last, 503);
        assert!(text.contains("8 pages are being made already"), "{text}");
        assert_eq!(ask(console).await.0, 200);
    }
}
