//! The configuration: the error of an unusable value names its variable and never shows a secret.

use std::fs;
use std::path::Path;

use ua::config::{Config, Environment, VARIABLES, listener};

use super::target;
use crate::driver::Target;
use crate::mutate::Form;

/// Stands for a password: no output may contain it.
const CANARY: &str = "canary-81";
const ACCOUNTS: &str = "[[account]]\nlabel = \"main\"\naccount_id = \"a\"\nclient_id = \"c\"\nclient_secret = \"canary-81\"\nplan = \"pro\"\nshare = 0.5\ndaily_reserve = 10\nsource = \"report\"\napi_url = \"https://api.example.org\"\n[[account]]\nlabel = \"med\"\naccount_id = \"b\"\nclient_id = \"c\"\nclient_secret = \"canary-81\"\n";

pub(super) fn targets() -> Vec<Target> {
    vec![
        target("config-environment", Form::Text, vec![environment()], || Box::new(variables)),
        target("config-dotenv", Form::Text, dotenvs(), || {
            let folder = tempfile::tempdir().unwrap();
            Box::new(move |bytes| dotenv(&folder.path().join(".env"), bytes))
        }),
        target("config-accounts", Form::Text, vec![ACCOUNTS.as_bytes().to_vec()], || {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("accounts.toml");
            Box::new(move |bytes| {
                let _ = &folder;
                fs::write(&path, bytes).unwrap();
                let file = path.to_string_lossy().into_owned();
                read(Environment::of([("ZOOM_ACCOUNTS_FILE", file)]), bytes)
            })
        }),
    ]
}

/// Every variable with a valid value.
fn environment() -> Vec<u8> {
    let line = |variable: &ua::config::Variable| {
        let value = match variable.name {
            "AMQP_URL" => "amqp://user:canary-81@host:5672/%2f",
            "AMQP_MANAGEMENT_URL" | "ES_HOST" => "http://user:canary-81@host:9200",
            "UA_SCHEDULE" => "30 4 * * *",
            "UA_HTTP" => "127.0.0.1:9464",
            "OPENCAST_ENGAGE_URL" | "OPENCAST_ADMIN_URL" | "BANNER_ENDPOINT_BASE" => {
                "https://host.example.org"
            }
            name if is_secret(name) => CANARY,
            _ => variable.default.unwrap_or("x"),
        };
        format!("{}={value}\n", variable.name)
    };
    VARIABLES
        .iter()
        .filter(|variable| !variable.name.ends_with("_FILE"))
        .map(line)
        .collect::<String>()
        .into_bytes()
}

fn dotenvs() -> Vec<Vec<u8>> {
    let example = include_bytes!("../../../../example.env").to_vec();
    let odd = "export UA_LOG=info # words\nES_USER='a$b'\nES_PASSWORD='canary-81'\nUA_DATA_DIR=\"x/${UA_LOG}\\n\"\nES_PREFIX=a\\$b\n";
    vec![example, odd.as_bytes().to_vec()]
}

fn dotenv(path: &Path, bytes: &[u8]) -> bool {
    fs::write(path, bytes).unwrap();
    match ua::fuzz::dotenv(path) {
        Ok((variables, size)) => {
            assert!(variables <= bytes.len());
            super::bounded(size, bytes);
            true
        }
        Err(said) => {
            super::said_well(&said);
            // A canary that was moved elsewhere may be a name.
            let text = String::from_utf8_lossy(bytes);
            let is_secret = text.matches(CANARY).count() == text.matches("ES_PASSWORD='canary-81").count();
            assert!(!is_secret || !said.contains(CANARY), "a secret is shown: {said}");
            false
        }
    }
}

fn is_secret(name: &str) -> bool {
    ["SECRET", "PASSWORD", "API_KEY", "AMQP_URL", "AMQP_MANAGEMENT_URL", "ES_HOST"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn variables(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let _ = listener(&text);
    let pairs = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let variable = VARIABLES.iter().find(|variable| variable.name == name)?;
        let is_ours = name.ends_with("_FILE") || name.ends_with("_PATH") || name.ends_with("_CERT");
        // A canary that was moved to a variable without secrets is no secret there.
        let is_moved = value.contains(CANARY) && !is_secret(name);
        (!is_ours && !is_moved).then(|| (variable.name, value.to_owned()))
    });
    read(Environment::of(pairs.collect::<Vec<_>>()), bytes)
}

fn read(environment: Environment, bytes: &[u8]) -> bool {
    assert!(!format!("{environment:?}").contains(CANARY));
    match Config::from(&environment) {
        Ok(config) => {
            let shown = format!("{config:?}");
            assert!(!shown.contains(CANARY), "a secret is shown: {shown}");
            super::bounded(shown.len(), &[bytes, &[0; 4_096]].concat());
            true
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(CANARY), "a secret is shown: {text}");
            assert!(text.contains('_'), "no variable is named: {text}");
            assert!(text.len() <= bytes.len() + 2_000, "{} bytes are said", text.len());
            false
        }
    }
}
