//! `ua simulate`: a simulated Zoom account on a port of this machine.

use anyhow::Context as _;
use simulator::{Settings, Simulator};
use tokio_util::sync::CancellationToken;

use crate::cli::{Simulate, World};
use crate::exit::Outcome;
use crate::output;
use crate::signal::signalled;

/// The simulator's settings for the words of the command line.
pub(super) fn settings(world: &World) -> Settings {
    Settings {
        seed: world.seed,
        hosts: world.hosts,
        meetings_per_day: world.meetings_per_day,
        participants: f64::from(world.participants),
        webinars: world.webinars,
        speed: world.speed,
        faults: world.fault.clone(),
        ..Settings::default()
    }
}

pub(super) async fn execute(words: Simulate) -> anyhow::Result<Outcome> {
    let settings = Settings {
        address: words.address,
        port: words.port,
        plan: words.plan,
        dashboard: !words.no_dashboard,
        ..settings(&words.world)
    };
    let simulator = Simulator::start(settings).await.context("cannot start the simulator")?;
    let account = simulator.credentials();
    output::say(&format!(
        "# a simulated Zoom account; stop with Ctrl-C. For another terminal:\nexport ZOOM_API_URL={}",
        simulator.api_url()
    ));
    output::say(&format!("export ZOOM_OAUTH_URL={}", simulator.oauth_url()));
    output::say(&format!(
        "export ZOOM_ACCOUNT_ID={} ZOOM_CLIENT_ID={}",
        account.account_id, account.client_id
    ));
    output::say(&format!("export ZOOM_CLIENT_SECRET={}", account.client_secret));
    output::say(&format!("export ZOOM_QUOTA_SPEED={}", words.world.speed));
    output::say(&format!(
        "# the truth: {0}/_truth?date=YYYY-MM-DD   the calls: {0}/_ledger?summary=true",
        simulator.url()
    ));
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::select! {
        () = simulator.run_until(stopping) => {}
        _ = signalled() => stop.cancel(),
    }
    Ok(Outcome::Complete)
}
