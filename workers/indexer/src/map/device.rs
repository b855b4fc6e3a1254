//! Derives a device's family from Zoom's free text, which is kept as well.

/// Returns the family of a participant's device, a word of a closed list.
///
/// Zoom's values are an open set: `WIN`, `win 11`, `iOs`, `Web Browser Chrome 129`, and several joined by ` + `, of
/// which the first non-empty one counts.
pub(crate) fn family(text: &str) -> &'static str {
    let part = text.split('+').map(str::trim).find(|part| !part.is_empty()).unwrap_or_default();
    RULES.iter().find(|(word, _)| holds(part, word)).map_or("other", |(_, family)| family)
}

/// The first matching rule counts, so longer names precede the words they contain.
const RULES: [(&str, &str); 21] = [
    ("unknown", "unknown"),
    ("zoom room", "zoom_rooms"),
    ("zoomroom", "zoom_rooms"),
    ("h.323", "sip_h323"),
    ("h323", "sip_h323"),
    ("sip", "sip_h323"),
    ("chrome os", "chrome_os"),
    ("chromeos", "chrome_os"),
    ("cros", "chrome_os"),
    ("chromebook", "chrome_os"),
    ("web", "web"),
    ("browser", "web"),
    ("win", "windows"),
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("ios", "ios"),
    ("android", "android"),
    ("mac", "mac"),
    ("darwin", "mac"),
    ("linux", "linux"),
    ("phone", "phone"),
];

/// True if a word of `text` begins with `word`, ignoring case.
fn holds(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    (0..text.len()).any(|at| {
        let begins = at == 0 || !text[at - 1].is_ascii_alphanumeric();
        begins && text.len() - at >= word.len() && text[at..at + word.len()].eq_ignore_ascii_case(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_values_have_their_family() {
        let cases = [
            ("Unknown", "unknown"),
            ("Web", "web"),
            ("Web Browser Chrome 129", "web"),
            ("Zoom Rooms", "zoom_rooms"),
            ("WIN", "windows"),
            ("win 10+ 17763", "windows"),
            ("win 11", "windows"),
            ("Windows 10", "windows"),
            ("iOs", "ios"),
            ("iPhone", "ios"),
            ("Phone", "phone"),
            ("H.323/SIP", "sip_h323"),
            ("Mac", "mac"),
            ("macOS", "mac"),
            ("Darwin", "mac"),
            ("Android", "android"),
            ("Linux", "linux"),
            ("Chrome OS", "chrome_os"),
            ("Mac + Phone", "mac"),
            (" + Windows", "windows"),
            ("Toaster", "other"),
            ("ä", "other"),
        ];
        for (text, expected) in cases {
            assert_eq!(family(text), expected, "{text:?}");
        }
    }
}
