//! Reads several Zoom accounts from a TOML file with one `[[account]]` each. Errors name file, line and key, never a
//! value, which may be a secret.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;
use toml::{Spanned, Value};

use super::ConfigError;

const VARIABLE: &str = "ZOOM_ACCOUNTS_FILE";
/// Format of a label. Labels are parts of queue names and job ids.
const LABEL: &str = "1 to 40 small letters, digits, - and _";

type Table = BTreeMap<Spanned<String>, Spanned<Value>>;

/// The table of one account, with the file's text for line numbers.
struct Account<'a> {
    text: &'a str,
    table: Table,
    line: usize,
}

/// Returns the accounts of the file at `path`. Keys that an account lacks have their value from `common`.
pub(super) fn read(path: &Path, common: &zoom::Config) -> Result<Vec<zoom::Config>, ConfigError> {
    let refuse = |why: String| ConfigError::invalid(VARIABLE, format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    parse(&text, common).map_err(refuse)
}

fn parse(text: &str, common: &zoom::Config) -> Result<Vec<zoom::Config>, String> {
    // The parser's message is not used, because it may quote the line.
    let at = |error: toml::de::Error| {
        format!(
            "line {} is not TOML, or no table of an account",
            line(text, error.span().map_or(0, |span| span.start))
        )
    };
    let file: BTreeMap<Spanned<String>, Spanned<Value>> = toml::from_str(text).map_err(at)?;
    if let Some(key) = file.keys().find(|key| key.get_ref() != "account") {
        return Err(format!(
            "line {}: unknown key {}: it takes [[account]] only",
            line(text, key.span().start),
            key.get_ref()
        ));
    }
    let tables: BTreeMap<String, Vec<Spanned<Table>>> = toml::from_str(text).map_err(at)?;
    let mut accounts: Vec<zoom::Config> = Vec::new();
    for table in tables.into_values().flatten() {
        let account = Account { text, line: line(text, table.span().start), table: table.into_inner() };
        let config = account.config(common)?;
        if accounts.iter().any(|other| other.label == config.label) {
            return Err(account.wrong("label", "is the label of another account, too"));
        }
        let is_same = |other: &&zoom::Config| {
            (&other.account_id, &other.api_url) == (&config.account_id, &config.api_url)
        };
        if let Some(other) = accounts.iter().find(is_same) {
            let why = format!(
                "is that of {}, too: together they would call twice as often as it allows",
                other.label
            );
            return Err(account.wrong("account_id", &why));
        }
        accounts.push(config);
    }
    if accounts.is_empty() { Err("there is no [[account]] in it".to_owned()) } else { Ok(accounts) }
}

fn line(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

const KEYS: [&str; 10] = [
    "label",
    "account_id",
    "client_id",
    "client_secret",
    "plan",
    "share",
    "daily_reserve",
    "source",
    "api_url",
    "oauth_url",
];

impl Account<'_> {
    fn config(&self, common: &zoom::Config) -> Result<zoom::Config, String> {
        if let Some(key) = self.table.keys().find(|key| !KEYS.contains(&key.get_ref().as_str())) {
            let at = line(self.text, key.span().start);
            return Err(format!("line {at}: unknown key {}: it takes {}", key.get_ref(), KEYS.join(", ")));
        }
        let label = self.text_of("label")?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if label.is_empty() || label.len() > 40 || !label.chars().all(fits) {
            return Err(self.wrong("label", &format!("takes {LABEL}")));
        }
        let config = zoom::Config {
            label: label.to_owned(),
            account_id: self.text_of("account_id")?.to_owned(),
            client_id: self.text_of("client_id")?.to_owned(),
            client_secret: SecretString::from(self.text_of("client_secret")?),
            plan: self.parsed("plan", common.plan, "pro or business")?,
            source: self.parsed("source", common.source, "auto, dashboard or report")?,
            quota_share: self.share(common.quota_share)?,
            daily_reserve: self.reserve(common.daily_reserve)?,
            api_url: self.address("api_url", &common.api_url)?,
            oauth_url: self.address("oauth_url", &common.oauth_url)?,
            ..common.clone()
        };
        match super::zoom::reserves_all(&config) {
            Some(why) => Err(self.wrong("daily_reserve", &why)),
            None => Ok(config),
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.get_ref())
    }

    fn text_of(&self, key: &str) -> Result<&str, String> {
        match self.value(key) {
            None => Err(format!("line {}: the account has no {key}", self.line)),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text),
            Some(_) => Err(self.wrong(key, "takes a text in quotes")),
        }
    }

    fn address(&self, key: &str, default: &str) -> Result<String, String> {
        match self.value(key) {
            None => Ok(default.to_owned()),
            Some(Value::String(text)) if super::zoom::is_address(text) => Ok(text.clone()),
            // The value is not shown: an address may hold a password.
            Some(_) => Err(self.wrong(key, "takes an address that begins with http:// or https://")),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, key: &str, default: T, takes: &str) -> Result<T, String> {
        match self.value(key) {
            None => Ok(default),
            Some(Value::String(text)) => text.parse().map_err(|_| self.wrong(key, &format!("takes {takes}"))),
            Some(_) => Err(self.wrong(key, &format!("takes {takes}, in quotes"))),
        }
    }

    fn share(&self, default: f64) -> Result<f64, String> {
        let share = match self.value("share") {
            None => Some(default),
            Some(Value::Float(share)) => Some(*share),
            Some(Value::Integer(1)) => Some(1.0),
            Some(_) => None,
        };
        let share = share.filter(|share| *share > 0.0 && *share <= 1.0);
        share.ok_or_else(|| self.wrong("share", "takes a number above 0, up to 1"))
    }

    fn reserve(&self, default: u64) -> Result<u64, String> {
        match self.value("daily_reserve") {
            None => Ok(default),
            Some(Value::Integer(calls)) => u64::try_from(*calls)
                .map_err(|_| self.wrong("daily_reserve", "takes a number of calls from 0")),
            Some(_) => Err(self.wrong("daily_reserve", "takes a number of calls from 0")),
        }
    }

    fn wrong(&self, key: &str, why: &str) -> String {
        let at = self
            .table
            .keys()
            .find(|name| name.get_ref() == key)
            .map(|name| line(self.text, name.span().start));
        format!("line {}: {key} {why}", at.unwrap_or(self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common() -> zoom::Config {
        zoom::Config::new(String::new(), String::new(), SecretString::from(""))
    }

    const TWO: &str = r#"
[[account]]
label = "main"
account_id = "a"
client_id = "b"
client_secret = "canary-1"

[[account]]
label = "clinic"
account_id = "c"
client_id = "d"
client_secret = "canary-2"
plan = "pro"
share = 0.5
daily_reserve = 1000
"#;

    #[test]
    fn accounts_are_read_with_what_they_do_not_say_from_the_common_ones() {
        let accounts = parse(TWO, &zoom::Config { daily_reserve: 7, ..common() }).unwrap();
        let said: Vec<_> = accounts
            .iter()
            .map(|account| (account.label.as_str(), account.plan, account.quota_share, account.daily_reserve))
            .collect();
        assert_eq!(
            said,
            [("main", zoom::ZoomPlan::Business, 0.8, 7), ("clinic", zoom::ZoomPlan::Pro, 0.5, 1_000)]
        );
        assert!(!format!("{accounts:?}").contains("canary"));
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_key_and_never_shown() {
        for (from, to, line, named) in [
            ("label = \"clinic\"", "label = \"main\"", 9, "label"),
            ("label = \"clinic\"", "label = \"Canary Clinic\"", 9, "label"),
            ("client_secret = \"canary-2\"", "client_secret = \"canary", 12, "TOML"),
            ("client_secret = \"canary-2\"", "clientsecret = \"canary-2\"", 12, "clientsecret"),
            ("client_secret = \"canary-2\"", "", 8, "client_secret"),
            ("client_secret = \"canary-2\"", "client_secret = 5", 12, "client_secret"),
            ("share = 0.5", "share = 1.5", 14, "share"),
            ("share = 0.5", "share = \"canary\"", 14, "share"),
            ("plan = \"pro\"", "plan = \"canary\"", 13, "plan"),
            ("daily_reserve = 1000", "daily_reserve = -1", 15, "daily_reserve"),
            ("daily_reserve = 1000", "daily_reserve = 30000", 15, "leaves nothing of 30,000 calls"),
            ("account_id = \"c\"", "account_id = \"a\"", 10, "account_id is that of main, too"),
        ] {
            let text = TWO.replace(from, to);
            let error = parse(&text, &common()).unwrap_err();
            assert!(error.contains(&format!("line {line}")) && error.contains(named), "{to}: {error}");
            assert!(!error.to_lowercase().contains("canary"), "{error}");
        }
        assert!(parse("", &common()).unwrap_err().contains("[[account]]"));
        assert!(parse("other = \"canary\"\n", &common()).unwrap_err().contains("unknown key other"));
        assert!(read(Path::new("no/such.toml"), &common()).unwrap_err().to_string().contains("no/such.toml"));
    }
}
