//! Texts of the invented world: user agents, player events, titles.

/// Browsers, players and robots.
pub(super) const AGENTS: [&str; 8] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36 Edg/129.0.0.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (compatible; ExampleBot/1.0; +https://example.org/bot)",
];

/// Truncated to 255 characters, like the server does.
pub(super) const LONG_AGENT: &str = "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0; SLCC2; .NET CLR 2.0.50727; .NET CLR 3.5.30729; .NET CLR 3.0.30729; Media Center PC 6.0; .NET4.0C; .NET4.0E; InfoPath.3; MS-RTC LM 8; Simulated Toolbar 1.2.3.4; Simulated Toolbar 5.6.7.8; Simu";

/// Control characters and quotes, as robots send them.
pub(super) const CONTROL_AGENT: &str = "Simulated\u{1}Player/1.0\t(\"quoted\"; \u{7f}\u{1b}[31m)\r\n";

/// Invalid addresses.
pub(super) const BROKEN_ADDRESSES: [&str; 6] =
    ["unknown", "999.1.2.3", "", "192.0.2.7:52814", ", 198.51.100.4", "fe80::1%eth0"];

/// Events other than heartbeats.
pub(super) const EVENTS: [&str; 8] = [
    "paella:button:action;edu.harvard.dce.paella.viewModeTogglePlugin",
    "paella:button:action;es.upv.paella.playbackRatePlugin",
    "paella:caption:enabled;{\"lang\":\"en\",\"label\":\"English\"}",
    "paella:caption:search;größe, maß",
    "paella:info:select;none",
    "RESIZE-TO-1280x720",
    "SEARCH-2016",
    "PAUSE",
];

pub(super) const TITLES: [&str; 8] = [
    "Lecture",
    "Section: \"Fictional Data\"",
    "Review & outlook",
    "Gastvortrag über Platzhalter",
    "研究会",
    "Lab, part two",
    "Guest talk",
    "Exam <practice>",
];

pub(super) const COURSES: [&str; 6] = [
    "Introduction to Placeholders",
    "Theory of Fixtures",
    "Réunion et échantillon",
    "Advanced Specimens",
    "Invented Languages",
    "Statistics of Nothing",
];
