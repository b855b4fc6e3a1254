//! One file per command. Each takes the parsed arguments and the configuration and returns the outcome.

mod cancel;
pub(crate) mod check;
mod console;
#[cfg(feature = "demo")]
mod demo;
mod dev;
mod dlq;
pub(crate) mod export;
mod health;
mod manpages;
mod plan;
mod quota;
mod run;
mod runs;
mod setup;
#[cfg(feature = "demo")]
mod simulate;
mod status;
mod work;

use crate::cli::{Cli, Command};
use crate::config::{Config, Environment};
use crate::exit::Outcome;
use crate::telemetry;

/// Executes the command.
///
/// # Errors
/// In one line: what failed, where, and what to do about it.
pub async fn execute(cli: Cli) -> anyhow::Result<Outcome> {
    let environment = Environment::load()?;
    let config = Config { is_patient: is_patient(&cli.command), ..Config::from(&environment)? };
    telemetry::start(&config.log)?;
    match cli.command {
        Command::Plan(words) => plan::execute(words, &config).await,
        Command::Run(words) => run::execute(words, &config).await,
        Command::Work(words) => work::execute(words, &config).await,
        Command::Status(words) => status::execute(&words, &config).await,
        Command::Runs(words) => runs::execute(&words, &config).await,
        Command::Cancel(words) => cancel::execute(words, &config).await,
        Command::Dlq(words) => dlq::execute(words.command, &config).await,
        Command::Console(words) => console::execute(words, &config).await,
        Command::Export(words) => export::execute(words, &config).await,
        Command::Quota(words) => quota::execute(words, &config).await,
        Command::Pause(words) => quota::pause(words, &config).await,
        Command::Resume(words) => quota::resume(words, &config).await,
        Command::Setup(words) => setup::execute(&words, &config).await,
        Command::Check(words) => check::execute(&words, &config, &environment).await,
        Command::Health(words) => health::execute(&words, &config).await,
        #[cfg(feature = "demo")]
        Command::Demo(words) => demo::execute(words, &config).await,
        #[cfg(feature = "demo")]
        Command::Simulate(words) => simulate::execute(words).await,
        Command::Dev(words) => dev::execute(words, environment).await,
        Command::Man(words) => manpages::man(&words),
        Command::Completions(words) => manpages::completions(&words),
    }
}

/// True for commands that do one thing and end: a broker or a store that starts, or a load balancer before it, refuses for some
/// seconds. Roles and the console go on and ask again by themselves; `check` and `health` report what is true now.
fn is_patient(command: &Command) -> bool {
    !matches!(command, Command::Work(_) | Command::Console(_) | Command::Check(_) | Command::Health(_))
}
