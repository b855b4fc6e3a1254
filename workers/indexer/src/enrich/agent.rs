//! Parses user agents into program, system and device, by the built-in rules of the User Agent String Parser project
//! (uap-core), which the old index used, too.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use moka::sync::Cache;
use serde::Serialize;
use ua_parser::{Regexes, device, os, user_agent};

use super::rules::Rules;

/// Characters of a user agent that a server stores, and that are parsed and stored here.
const LONGEST: usize = 255;
/// Cached user agents; a term's players have some thousands.
const REMEMBERED: u64 = 4_096;
const RULES: &str = include_str!("agent_rules.json");
/// The rules' name for unknown values.
const OTHER: &str = "Other";

/// A parsed user agent, with the field names of Logstash's filter `useragent`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Agent {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    major: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    /// System and version, for example `Mac OS X 10.15.7`.
    os: String,
    os_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_major: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_minor: Option<String>,
    device: String,
}

/// Returns a user agent as stored: at most 255 characters, control characters as spaces; `None` if nothing remains.
pub(crate) fn agent_text(text: &str) -> Option<Cow<'_, str>> {
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
    let cut = text.get(..end).unwrap_or_default().trim_matches(|c: char| c.is_whitespace() || c.is_control());
    if cut.is_empty() {
        return None;
    }
    if cut.chars().any(char::is_control) {
        return Some(Cow::Owned(cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()));
    }
    Some(Cow::Borrowed(cut))
}

/// Parser and cache of user agents.
pub(super) struct Agents {
    /// Loaded with the first user agent, so that sources without user agents use no memory.
    rules: OnceLock<Option<AllRules>>,
    known: Cache<Box<str>, Arc<Agent>>,
}

impl Default for Agents {
    fn default() -> Self {
        Self { rules: OnceLock::new(), known: Cache::new(REMEMBERED) }
    }
}

impl fmt::Debug for Agents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agents").finish_non_exhaustive()
    }
}

impl Agents {
    pub(super) fn agent(&self, text: &str) -> Option<Arc<Agent>> {
        if let Some(agent) = self.known.get(text) {
            return Some(agent);
        }
        let rules = self.rules.get_or_init(AllRules::read).as_ref()?;
        let agent = Arc::new(apart(rules, text));
        self.known.insert(text.into(), Arc::clone(&agent));
        Some(agent)
    }
}

struct AllRules {
    programs: Rules<user_agent::Extractor<'static>>,
    systems: Rules<os::Extractor<'static>>,
    devices: Rules<device::Extractor<'static>>,
}

impl AllRules {
    /// `None` is impossible: a test loads the same rules.
    fn read() -> Option<Self> {
        let rules: Regexes<'static> = serde_json::from_str(RULES).ok()?;
        Some(Self {
            programs: Rules::new(rules.user_agent_parsers)?,
            systems: Rules::new(rules.os_parsers)?,
            devices: Rules::new(rules.device_parsers)?,
        })
    }
}

fn apart(rules: &AllRules, text: &str) -> Agent {
    let program = rules.programs.first(text, |rule, text| rule.extract(text));
    let system = rules.systems.first(text, |rule, text| rule.extract(text));
    let device = rules.devices.first(text, |rule, text| rule.extract(text));
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let program = program.unwrap_or_default();
    let system = system.unwrap_or_default();
    Agent {
        name: named(&program.family),
        major: owned(program.major),
        minor: owned(program.minor),
        patch: owned(program.patch),
        os: with_version(&system),
        os_name: named(&system.os),
        os_major: owned(system.major.as_deref()),
        os_minor: owned(system.minor.as_deref()),
        device: named(device.map(|device| device.device).as_deref().unwrap_or_default()),
    }
}

fn named(text: &str) -> String {
    (if text.is_empty() { OTHER } else { text }).to_owned()
}

fn with_version(system: &os::ValueRef<'_>) -> String {
    let parts = [&system.major, &system.minor, &system.patch];
    let known: Vec<&str> =
        parts.into_iter().map_while(|part| part.as_deref()).filter(|part| !part.is_empty()).collect();
    let name = named(&system.os);
    if known.is_empty() { name } else { format!("{name} {}", known.join(".")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(text: &str) -> serde_json::Value {
        serde_json::to_value(Agents::default().agent(text).as_deref()).unwrap()
    }

    #[test]
    fn programs_systems_and_devices_have_the_names_of_the_old_index() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/120.0.0.0 Safari/537.36";
        assert_eq!(
            agent(chrome),
            json!({"name": "Chrome", "major": "120", "minor": "0", "patch": "0", "os": "Windows 10",
                "os_name": "Windows", "os_major": "10", "device": "Other"})
        );
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                      Gecko) Version/17.1.2 Mobile/15E148 Safari/604.1";
        assert_eq!(
            agent(safari),
            json!({"name": "Mobile Safari", "major": "17", "minor": "1", "patch": "2", "os": "iOS 17.1.2",
                "os_name": "iOS", "os_major": "17", "os_minor": "1", "device": "iPhone"})
        );
        let other = json!({"name": "Other", "os": "Other", "os_name": "Other", "device": "Other"});
        assert_eq!(agent("x"), other);
    }

    #[test]
    fn a_known_user_agent_is_not_taken_apart_again_and_not_all_are_kept() {
        let agents = Agents::default();
        let first = agents.agent("curl/8.0").unwrap();
        assert!(Arc::ptr_eq(&first, &agents.agent("curl/8.0").unwrap()));
        for number in 0..2 * REMEMBERED {
            agents.agent(&format!("curl/{number}"));
        }
        agents.known.run_pending_tasks();
        assert!(agents.known.entry_count() <= REMEMBERED);
    }

    #[test]
    fn a_user_agent_of_any_length_and_with_control_characters_is_sane() {
        let bent =
            format!("\u{0}Mozilla/5.0\r\n(X11;\tLinux x86_64) Firefox/121.0\u{7f}{}", "\u{1b}é".repeat(400));
        let text = agent_text(&bent).unwrap();
        assert!(text.chars().count() <= 255 && !text.chars().any(char::is_control), "{text:?}");
        assert!(text.starts_with("Mozilla/5.0  (X11; Linux"), "{text:?}");
        assert_eq!(agent(&text)["name"], "Firefox");
        assert_eq!(agent_text("curl/8.0").unwrap(), "curl/8.0");
        for nothing in ["", "  ", "\u{0}\u{1f}\n"] {
            assert_eq!(agent_text(nothing), None, "{nothing:?}");
        }
        assert_eq!(agent_text(&"x".repeat(255)).unwrap().len(), 255);
        assert_eq!(agent_text(&"é".repeat(256)).unwrap().chars().count(), 255);
    }
}
