//! `ua simulate`: a simulated Zoom account, a simulated Opencast or both, on ports of this machine.

use anyhow::Context as _;
use futures_util::future::OptionFuture;
use simulator::opencast::{self, Opencast};
use simulator::{Fault, FaultRate, Simulator, ZoomSettings};
use tokio_util::sync::CancellationToken;

use crate::cli::{OpencastWorld, Simulate, Simulated, World};
use crate::exit::Outcome;
use crate::output;
use crate::signal::signalled;

/// Returns the settings of the simulated Zoom for these arguments.
pub(super) fn settings(world: &World) -> ZoomSettings {
    ZoomSettings {
        seed: world.seed,
        hosts: world.hosts,
        meetings_per_day: world.meetings_per_day,
        participants: f64::from(world.participants),
        webinars: world.webinars,
        speed: world.speed,
        faults: world.fault.clone(),
        ..ZoomSettings::default()
    }
}

/// Returns the settings of the simulated Opencast for these arguments.
pub(super) fn opencast_settings(
    seed: u64,
    faults: Vec<FaultRate>,
    world: &OpencastWorld,
) -> opencast::OpencastSettings {
    opencast::OpencastSettings {
        seed,
        faults,
        generation: world.generation,
        dialect: world.dialect,
        auth: world.auth,
        timezone: world.timezone.clone(),
        episodes: world.episodes,
        students: world.students,
        actions_per_day: world.actions_per_day,
        usertracking: !world.no_usertracking,
        omitted: world.omitted,
        ..opencast::OpencastSettings::default()
    }
}

pub(super) async fn execute(words: Simulate) -> anyhow::Result<Outcome> {
    let zoom = match words.source {
        Simulated::Zoom | Simulated::Both => Some(zoom(&words).await?),
        Simulated::Opencast => None,
    };
    let opencast = match words.source {
        Simulated::Opencast | Simulated::Both => Some(opencast(&words).await?),
        Simulated::Zoom => None,
    };
    let stop = CancellationToken::new();
    let serving = async {
        let zoom = OptionFuture::from(zoom.map(|zoom| zoom.run_until(stop.clone())));
        let opencast = OptionFuture::from(opencast.map(|opencast| opencast.run_until(stop.clone())));
        tokio::join!(zoom, opencast);
    };
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        _ = signalled() => {
            stop.cancel();
            serving.await;
        }
    }
    Ok(Outcome::Complete)
}

async fn zoom(words: &Simulate) -> anyhow::Result<Simulator> {
    let settings = ZoomSettings {
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
    Ok(simulator)
}

async fn opencast(words: &Simulate) -> anyhow::Result<Opencast> {
    let mut faults = words.world.fault.clone();
    if words.source == Simulated::Both {
        // The other faults are Zoom's.
        faults.retain(|rate| Fault::of_opencast(rate.fault));
    }
    let settings = opencast::OpencastSettings {
        address: words.address,
        port: words.opencast_port,
        ..opencast_settings(words.world.seed, faults, &words.opencast)
    };
    let zone = ::opencast::time_zone_name(&words.opencast.timezone);
    let simulator = Opencast::start(settings).await.context("cannot start the simulated opencast")?;
    let account = simulator.credentials();
    output::say(&format!(
        "# a simulated Opencast; stop with Ctrl-C. For another terminal:\nexport OPENCAST_ENGAGE_URL={0} OPENCAST_ADMIN_URL={0}",
        simulator.url()
    ));
    output::say(&format!("export OPENCAST_USER={} OPENCAST_PASSWORD={}", account.user, account.password));
    output::say(&format!("export OPENCAST_TIMEZONE={zone}"));
    output::say(&format!(
        "# the truth: {0}/_truth?date=YYYY-MM-DD   the calls: {0}/_ledger?summary=true",
        simulator.url()
    ));
    Ok(simulator)
}
