//! Waits for the end of a hold: its time, or the recovery of the dependency. Ends early on stop.

use std::time::Duration;

use futures_util::future::OptionFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock;
use crate::holds::Begun;
use crate::settle::Signal;
use crate::status::{Hold, Status};

/// Interval at which a hold with an end is checked for a command that lifts it.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Waits until `hold` ends: its time, a recovery (`healthy`), a lifted pause of the quota (`lifted`), a command
/// (`ordered`) or `stop`. Returns the cause of a halt: one from work in progress, or a refusal that has lasted too
/// long. Drops further holds, which belong to the same period.
pub(crate) async fn wait<H: Future<Output = bool>, L: Future<Output = bool>>(
    hold: Hold,
    status: &Status,
    stop: &CancellationToken,
    healthy: impl Fn() -> H,
    lifted: impl Fn(usize) -> L,
    ordered: impl Future<Output = ()>,
    signalled: &mut mpsc::Receiver<Signal>,
) -> Option<String> {
    let (delay, news) = match status.holds_for(hold.reason()) {
        Begun::Hold { delay, news } => (delay, news),
        Begun::End => return Some(format!("{} (refused since the start)", hold.why)),
    };
    if news {
        say(status.name(), &hold);
    }
    let (until, limit) = (hold.until, hold.limit);
    status.hold(Some(hold));
    let waiting = async {
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            cause = halted(signalled) => Some(cause),
            () = ordered => {
                info!("{} tries again by order", status.name());
                status.forgets();
                None
            }
            () = over(status, (until, delay), healthy, || OptionFuture::from(limit.map(&lifted))) => None,
        }
    };
    let halt = status.heartbeat(waiting).await;
    status.hold(None);
    halt
}

fn say(name: &str, hold: &Hold) {
    let why = &hold.why;
    match hold.until {
        Some(until) => warn!("{name} is on hold until {until}: {why}"),
        None if hold.refused => warn!("{name} is on hold: {why}; it tries again with growing delays"),
        None => warn!("{name} is on hold: {why}"),
    }
}

async fn over<H: Future<Output = bool>, L: Future<Output = Option<bool>>>(
    status: &Status,
    (until, mut delay): (Option<Timestamp>, Duration),
    healthy: impl Fn() -> H,
    lifted: impl Fn() -> L,
) {
    let Some(until) = until else {
        loop {
            status.tries_again(at(delay));
            tokio::time::sleep(delay).await;
            if healthy().await {
                return;
            }
            delay = status.grows();
        }
    };
    // A dependency that fails again and again may name its end too early: wait at least the policy's delay.
    let until = until.max(at(delay));
    status.tries_again(until);
    // Poll: the machine may sleep, or its clock may be set.
    let left = || Duration::try_from(until.duration_since(clock::now())).unwrap_or_default();
    while !left().is_zero() && lifted().await != Some(true) {
        tokio::time::sleep(left().min(CHECK_INTERVAL)).await;
    }
}

fn at(delay: Duration) -> Timestamp {
    let now = clock::now();
    SignedDuration::try_from(delay).ok().and_then(|delay| now.checked_add(delay).ok()).unwrap_or(now)
}

/// Returns the cause of the next halt; drops holds.
async fn halted(signalled: &mut mpsc::Receiver<Signal>) -> String {
    loop {
        match signalled.recv().await {
            Some(Signal::Halt(cause)) => return cause,
            Some(Signal::Hold(_)) => {}
            // The loop keeps a sender, so the channel stays open.
            None => std::future::pending().await,
        }
    }
}
