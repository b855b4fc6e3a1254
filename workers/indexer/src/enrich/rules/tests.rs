use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex_parsed;
use proptest::test_runner::TestRunner;
use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};
use ua_parser::{Extractor, Regexes};

use super::*;

/// Browsers, apps and machines, some malformed.
const AGENTS: [&str; 24] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36 Edg/129.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPad; CPU OS 16_1_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/362.0.741018905 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 6.0; Nexus 5 Build/MRA58N) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/54.0.7825.1391 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; U; en-us; KFAPWI Build/JDQ39) AppleWebKit/535.19 (KHTML, like Gecko) Silk/3.13 Safari/535.19 Silk-Accelerated=true",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
    "Mozilla/5.0 (compatible; ExampleBot/1.0; +https://example.org/bot)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23.348; U; en) Presto/2.5.25 Version/10.54",
    "com.apple.WebKit.Networking/19618.3.11.11.5 CFNetwork/1498.700.2 Darwin/23.6.0",
    "curl/8.5.0",
    "python-requests/2.32.3",
    "MOZILLA/5.0 (WINDOWS NT 10.0) CHROME/129.0.0.0",
    "Mozilla/5.0 (X11; Linux) Firefox/१३१.०",
    "Seznam prohlížeč \u{212a}indle \u{17f}afari",
    " ",
    "-",
];

/// Texts generated per rule.
const TEXTS: usize = 4;

struct All {
    programs: Rules<user_agent::Extractor<'static>>,
    systems: Rules<os::Extractor<'static>>,
    devices: Rules<device::Extractor<'static>>,
}

impl All {
    fn new() -> Self {
        let rules = vendored();
        Self {
            programs: Rules::new(rules.user_agent_parsers).unwrap(),
            systems: Rules::new(rules.os_parsers).unwrap(),
            devices: Rules::new(rules.device_parsers).unwrap(),
        }
    }

    /// Asserts that the result equals `ua-parser`'s. Returns whether there is a result.
    #[track_caller]
    fn is_told_as_by(&self, whole: &Extractor<'static>, text: &str) -> bool {
        let (program, system, device) = whole.extract(text);
        let told = program.is_some() || system.is_some() || device.is_some();
        assert_eq!(self.programs.first(text, |rule, text| rule.extract(text)), program, "{text:?}");
        assert_eq!(self.systems.first(text, |rule, text| rule.extract(text)), system, "{text:?}");
        assert_eq!(self.devices.first(text, |rule, text| rule.extract(text)), device, "{text:?}");
        told
    }
}

fn vendored() -> Regexes<'static> {
    serde_json::from_str(include_str!("../agent_rules.json")).unwrap()
}

/// Returns the patterns of all rules, with ASCII digits as compiled, and without anchors, which no text can be made of.
fn patterns() -> Vec<Hir> {
    let rules = vendored();
    let programs = rules.user_agent_parsers.iter().map(parsed);
    let systems = rules.os_parsers.iter().map(parsed);
    let devices = rules.device_parsers.iter().map(parsed);
    programs.chain(systems).chain(devices).collect()
}

fn parsed<R: Rule>(rule: &R) -> Hir {
    let mut parser = ParserBuilder::new().case_insensitive(rule.ignores_case()).build();
    without_anchors(&parser.parse(&rule.pattern().replace(r"\d", "[0-9]")).unwrap())
}

fn without_anchors(pattern: &Hir) -> Hir {
    match pattern.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Repetition(repeated) => {
            Hir::repetition(Repetition { sub: Box::new(without_anchors(&repeated.sub)), ..repeated.clone() })
        }
        HirKind::Capture(group) => {
            Hir::capture(Capture { sub: Box::new(without_anchors(&group.sub)), ..group.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_anchors).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_anchors).collect()),
        _ => pattern.clone(),
    }
}

fn compiled<C>(rules: &Rules<C>) -> usize {
    rules.rules.iter().filter(|rule| LazyLock::get(rule).is_some()).count()
}

#[test]
fn a_user_agent_is_told_as_by_all_the_rules_at_once() {
    let (all, whole) = (All::new(), Extractor::try_from(vendored()).unwrap());
    for agent in AGENTS {
        all.is_told_as_by(&whole, agent);
        all.is_told_as_by(&whole, &agent.replace(' ', &" ".repeat(120)));
        all.is_told_as_by(&whole, &agent.chars().rev().collect::<String>());
    }
    let (mut made, mut told) = (0_usize, 0_usize);
    let mut runner = TestRunner::deterministic();
    for pattern in patterns() {
        let texts = string_regex_parsed(&pattern).unwrap();
        for _ in 0..TEXTS {
            let text = texts.new_tree(&mut runner).unwrap().current();
            made += 1;
            told += usize::from(all.is_told_as_by(&whole, &text));
            all.is_told_as_by(
                &whole,
                &format!("Mozilla/5.0 (Linux; Android 14; {text}) Mobile Safari/537.36"),
            );
        }
    }
    // Some rules are never reached: an earlier one matches everything they match.
    assert!(made > 4_000 && told * 100 > made * 95, "{told} of {made} texts are known to a rule");
    let tried = compiled(&all.programs) + compiled(&all.systems) + compiled(&all.devices);
    assert!(tried * 100 > made / TEXTS * 95, "{tried} of {} rules were tried", made / TEXTS);
}

#[test]
fn a_rule_that_cannot_match_is_not_compiled() {
    let all = All::new();
    assert_eq!(compiled(&all.devices), 0);
    for agent in AGENTS {
        all.devices.first(agent, |rule, text| rule.extract(text));
    }
    let (tried, known) = (compiled(&all.devices), all.devices.rules.len());
    assert!(tried > 0 && tried * 5 < known, "{tried} of {known}");
}

#[test]
fn every_rule_compiles() {
    let rules = vendored();
    assert!(rules.user_agent_parsers.into_iter().all(|rule| rule.compile().is_some()));
    assert!(rules.os_parsers.into_iter().all(|rule| rule.compile().is_some()));
    assert!(rules.device_parsers.into_iter().all(|rule| rule.compile().is_some()));
}
