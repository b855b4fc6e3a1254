//! Waiting out a hold: until its time, or until the dependency is well again. Never longer than the stop.

use std::time::Duration;

use futures_util::future::OptionFuture;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock;
use crate::settle::Signal;
use crate::status::{Hold, Status};

/// How often the dependency's health is asked during a hold without an end.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How often it is looked whether a hold with an end was lifted before.
const LOOK: Duration = Duration::from_secs(1);
/// A hold is at least this long, so that a dependency that dies at once on every job is not hammered.
const SHORTEST: Duration = Duration::from_millis(500);

/// Waits until `hold` is over, `healthy` or, for a pause of the quota, `lifted` says so, or `stop`. Returns the cause of
/// a halt that came meanwhile from work still in hand; further holds are of the same time and pass with this one.
pub(crate) async fn wait<H: Future<Output = bool>, L: Future<Output = bool>>(
    hold: Hold,
    status: &Status,
    stop: &CancellationToken,
    healthy: impl Fn() -> H,
    lifted: impl Fn(usize) -> L,
    signalled: &mut mpsc::Receiver<Signal>,
) -> Option<String> {
    let name = status.name();
    match hold.until {
        Some(until) => warn!("{name} is on hold until {until}: {}", hold.why),
        None => warn!("{name} is on hold: {}", hold.why),
    }
    let (until, meter) = (hold.until, hold.meter);
    status.hold(Some(hold));
    let waiting = async {
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            cause = halted(signalled) => Some(cause),
            () = over(until, healthy, || OptionFuture::from(meter.map(&lifted))) => {
                info!("{name} goes on");
                None
            }
        }
    };
    let halt = status.turning(waiting).await;
    status.hold(None);
    halt
}

async fn over<H: Future<Output = bool>, L: Future<Output = Option<bool>>>(
    until: Option<Timestamp>,
    healthy: impl Fn() -> H,
    lifted: impl Fn() -> L,
) {
    match until {
        Some(until) => {
            // Looked at again and again: the machine may sleep meanwhile, or its clock be set.
            let left = || {
                let left = until.as_millisecond() - clock::now().as_millisecond();
                Duration::from_millis(u64::try_from(left).unwrap_or(0))
            };
            tokio::time::sleep(left().clamp(SHORTEST, LOOK)).await;
            while !left().is_zero() && lifted().await != Some(true) {
                tokio::time::sleep(left().min(LOOK)).await;
            }
        }
        None => {
            tokio::time::sleep(SHORTEST).await;
            while !healthy().await {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}

/// Ends with the next halt; holds are taken off the channel and forgotten.
async fn halted(signalled: &mut mpsc::Receiver<Signal>) -> String {
    loop {
        match signalled.recv().await {
            Some(Signal::Halt(cause)) => return cause,
            Some(Signal::Hold(_)) => {}
            // The loop keeps a sender: the channel is never closed while it waits here.
            None => std::future::pending().await,
        }
    }
}
