//! `ua console`.

use std::net::SocketAddr;

use clap::Args;

use crate::config::listener;

/// `ua console`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Console {
    /// Address to listen on: a port (on 127.0.0.1) or address:port. There is no sign-in: everyone who reaches the
    /// address can read the pages, including names and addresses in dead letters
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9465", value_parser = listener)]
    pub listen: SocketAddr,
    /// Accept this host name, in addition to localhost and IP addresses; repeatable. Other names are refused, to
    /// prevent DNS rebinding
    #[arg(long = "name", value_name = "HOST")]
    pub names: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  ua console                             then open http://127.0.0.1:9465 in a browser
  ssh -L 9465:127.0.0.1:9465 host        reach a console on another machine, at the same address
  ua console --listen 0.0.0.0:9465 --name ua.example.org
                                         serve other machines, behind a proxy that authenticates users
  curl 'http://127.0.0.1:9465/dead?class=gone&json'
                                         the output of `ua dlq list --class gone --json`

Pages: / (ua status), /runs and /runs/RUN (ua runs, ua status --run RUN), /dead and /dead/ID (ua dlq list, ua dlq show
ID); as JSON with ?json or `Accept: application/json`; /metrics, /healthz and /readyz. The console is read-only.";

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, Command};

    fn listens(words: &[&str]) -> Result<String, String> {
        let words = ["ua", "console"].iter().chain(words);
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Console(console) => Ok(console.listen.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn others_see_it_only_where_that_is_asked_for() {
        for words in [&[][..], &["--listen", "9465"], &["--listen", ":9465"], &["--listen", "localhost:9465"]]
        {
            assert_eq!(listens(words).unwrap(), "127.0.0.1:9465", "{words:?}");
        }
        assert_eq!(listens(&["--listen", "0.0.0.0:80"]).unwrap(), "0.0.0.0:80");
        assert!(listens(&["--listen", "example.org"]).unwrap_err().contains("takes a port, or address:port"));
    }
}
