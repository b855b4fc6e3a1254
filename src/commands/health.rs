//! `ua health`: prints the health of the worker that serves on `UA_HTTP` on this machine, as the worker reports it. For
//! containers without another HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use runtime::body;
use serde::Serialize;

use crate::cli::Health;
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::output;

/// Timeout of the request: the worker's own checks take up to 3 seconds.
const PATIENCE: Duration = Duration::from_secs(4);
/// Maximum size of an answer.
const MAX_BODY: usize = 64 << 10;
/// Maximum number of characters to print.
const LONGEST: usize = 500;

#[derive(Serialize)]
struct HealthReport {
    asked: String,
    well: bool,
    says: String,
}

pub(super) async fn execute(words: &Health, config: &Config) -> anyhow::Result<Outcome> {
    let address = match config.http {
        Some(address) if address.port() != 0 => reached(address),
        Some(_) => {
            return Err(usage("UA_HTTP has port 0, which is another one at each start: give it a fixed one"));
        }
        None => return Err(usage("UA_HTTP is not set: a worker says how it is only where it serves")),
    };
    let path = if words.ready { "readyz" } else { "healthz" };
    let asked = format!("http://{address}/{path}");
    let (well, says) = ask(&asked).await?;
    if words.json {
        output::say_json(&HealthReport { asked, well, says })?;
        return if well { Ok(Outcome::Complete) } else { bail!("{path} of {address} says no") };
    }
    if !well {
        bail!("{path} of {address} says: {says}");
    }
    output::say(&says);
    Ok(Outcome::Complete)
}

/// Returns the address at which this machine reaches a server that listens on `address`.
fn reached(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Returns whether the answer is a success, and its text.
async fn ask(url: &str) -> anyhow::Result<(bool, String)> {
    let client = body::client().no_proxy().timeout(PATIENCE).build()?;
    let answer =
        client.get(url).send().await.with_context(|| format!("nobody answers on {url} (UA_HTTP)"))?;
    let well = answer.status().is_success();
    if let Some(target) = body::redirected(&answer) {
        bail!("{url} (UA_HTTP) answers with a redirect to {target}: another program listens there");
    }
    let says = body::read(answer, MAX_BODY).await.with_context(|| format!("{url} (UA_HTTP)"))?;
    Ok((well, messages::printable(String::from_utf8_lossy(&says).trim()).chars().take(LONGEST).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_this_machine() {
        for (given, asked) in
            [("0.0.0.0:9464", "127.0.0.1:9464"), ("[::]:9464", "[::1]:9464"), ("127.0.0.2:1", "127.0.0.2:1")]
        {
            assert_eq!(reached(given.parse().unwrap()).to_string(), asked);
        }
    }
}
