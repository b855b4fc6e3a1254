//! HTTP client of every peer, and bounded reads of response bodies.
//!
//! A peer may send 2 MB of gzip that expand to 4 GB, and a redirect may lead documents or credentials to another host.
//! So [`client`] follows no redirect, and [`read`] counts the bytes after decompression.

use reqwest::header::LOCATION;
use reqwest::{ClientBuilder, Response};

/// Maximum characters of a host name in an error.
const LONGEST_HOST: usize = 253;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body exceeds the limit, as sent or after decompression.
    #[error("the answer is larger than {}", size(*.most))]
    TooLarge {
        /// The limit in bytes.
        most: usize,
    },
    /// The connection ended, or decompression failed. The error omits the URL.
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
}

impl BodyError {
    /// Returns true when the client's timeout ended the read.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Broken(error) if error.is_timeout())
    }
}

/// Returns the builder of a client that follows no redirect: a peer must not choose where documents or credentials go.
pub fn client() -> ClientBuilder {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none())
}

/// Reads a body of at most `most` bytes, counted after decompression.
///
/// Cancel safe: a partly read body is dropped with its connection.
///
/// # Errors
/// When the body has more bytes, and when the response breaks off.
pub async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if expected > most {
        return Err(BodyError::TooLarge { most });
    }
    // Reserve at most 1 MiB in advance: a peer may announce more than it sends.
    let mut body = Vec::with_capacity(expected.min(1 << 20));
    loop {
        let chunk = response.chunk().await.map_err(|error| BodyError::Broken(error.without_url()))?;
        let Some(chunk) = chunk else { return Ok(body) };
        if chunk.len() > most - body.len() {
            return Err(BodyError::TooLarge { most });
        }
        body.extend_from_slice(&chunk);
    }
}

/// Returns the target of a redirect to another origin, for an error. `None` for other answers, for redirects within the
/// origin, and for unreadable targets.
pub fn redirected(response: &Response) -> Option<String> {
    if !response.status().is_redirection() {
        return None;
    }
    let target = response.headers().get(LOCATION)?.to_str().ok()?;
    target_host(response.url(), target)
}

/// Returns scheme, host and port of a `Location`; `None` when they equal those of the requested URL.
pub fn target_host(asked: &reqwest::Url, location: &str) -> Option<String> {
    let target = asked.join(location).ok()?;
    if target.origin() == asked.origin() {
        return None;
    }
    let host: String = target.host_str()?.chars().take(LONGEST_HOST).collect();
    let port = target.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{host}{port}", target.scheme()))
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use futures_util::stream;

    use super::*;

    async fn serve(app: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        base
    }

    async fn ask(url: String) -> Response {
        client().no_proxy().build().unwrap().get(url).send().await.unwrap()
    }

    /// Returns `bytes` spaces, compressed.
    fn bomb(bytes: usize) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let block = vec![b' '; 1 << 20];
        (0..bytes >> 20).for_each(|_| encoder.write_all(&block).unwrap());
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn the_limit_counts_after_decompression() {
        let sent = bomb(64 << 20);
        assert!(sent.len() < 1 << 20, "{}", sent.len());
        let app = Router::new()
            .route("/small", get(|| async { "four" }))
            .route(
                "/bomb",
                get(move || {
                    let headers = [(CONTENT_ENCODING, "gzip"), (CONTENT_TYPE, "application/json")];
                    std::future::ready((headers, sent.clone()))
                }),
            )
            .route(
                "/endless",
                get(|| async {
                    let block = || Ok::<_, std::io::Error>(vec![b'x'; 1 << 16]);
                    Body::from_stream(stream::repeat_with(block)).into_response()
                }),
            );
        let base = serve(app).await;
        assert_eq!(read(ask(format!("{base}/small")).await, 4).await.unwrap(), b"four");
        let most = 3;
        let error = read(ask(format!("{base}/small")).await, most).await.unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { most: 3 }), "{error}");
        for path in ["bomb", "endless"] {
            let error = read(ask(format!("{base}/{path}")).await, 1 << 20).await.unwrap_err();
            assert_eq!(error.to_string(), "the answer is larger than 1 MiB", "{path}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_names_its_target() {
        let to =
            |target: &'static str| get(move || std::future::ready((StatusCode::FOUND, [(LOCATION, target)])));
        let app = Router::new()
            .route("/away", to("https://login.example.org:8443/saml?secret=canary"))
            .route("/here", to("/elsewhere"))
            .route("/odd", to("http://[broken"))
            .route("/elsewhere", get(|| std::future::ready(StatusCode::OK)));
        let base = serve(app).await;
        let away = ask(format!("{base}/away")).await;
        assert_eq!(redirected(&away).as_deref(), Some("https://login.example.org:8443"));
        for stays in ["here", "odd"] {
            let answer = ask(format!("{base}/{stays}")).await;
            assert_eq!((answer.status(), redirected(&answer)), (StatusCode::FOUND, None), "{stays}");
        }
    }
}
