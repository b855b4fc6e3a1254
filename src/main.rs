//! The program `ua`.

use std::process::ExitCode;

use ua::{cli, commands, exit};

fn main() -> ExitCode {
    let cli = match cli::Cli::understand(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let result = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(Box::pin(commands::execute(cli))),
        Err(error) => Err(error.into()),
    };
    exit::conclude(&result)
}
