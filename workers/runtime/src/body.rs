//! The HTTP client of every peer, and the bodies of its answers, bounded.
//!
//! A peer may send 2 MB of gzip that expand to 4 GB, and a redirect may lead documents or credentials to another host.
//! So each client is built by [`client`], which follows no redirect, and each body is read by [`read`], which counts
//! the bytes after decompression.

use reqwest::header::LOCATION;
use reqwest::{ClientBuilder, Response};

/// Hosts' names longer than this are cut in errors.
const LONGEST_HOST: usize = 253;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is larger than the limit, as sent or once decompressed.
    #[error("the answer is larger than {}", size(*.most))]
    TooLarge {
        /// The limit in bytes.
        most: usize,
    },
    /// The connection ended, or the body does not decompress. The error never shows the URL.
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
}

impl BodyError {
    /// True when the whole answer did not come within the client's timeout.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Broken(error) if error.is_timeout())
    }
}

/// A client that follows no redirect: a peer never chooses where documents, credentials or questions go.
pub fn client() -> ClientBuilder {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none())
}

/// Reads a body of at most `most` bytes, counted after decompression.
///
/// Cancel safe: a body that is read in part is dropped with its connection.
///
/// # Errors
/// When there are more bytes, and when the answer breaks off.
pub async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if expected > most {
        return Err(BodyError::TooLarge { most });
    }
    // What a peer promises is reserved in small steps only: it need not keep its promise.
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

/// The host that a redirect leads to, for an error: `None` for an answer that is no redirect, and for one that stays on
/// its host or names no readable target.
pub fn redirected(response: &Response) -> Option<String> {
    if !response.status().is_redirection() {
        return None;
    }
    let target = response.headers().get(LOCATION)?.to_str().ok()?;
    target_host(response.url(), target)
}

/// The scheme, host and port that a `Location` names, where they are not those of the URL that was asked.
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

    /// So many bytes of spaces, compressed.
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
