//! Makes untrusted text (ids, causes, topics, API answers) safe for logs, terminals and web pages.
//!
//! Escapes control, line-separator, bidirectional and invisible characters. Letters, digits and emoji of every script
//! stay unchanged.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns `text` as one line: each harmful character becomes an escape such as `\n` or `\u{1b}`. Idempotent.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_harmful, |to, sign| to.extend(sign.escape_default()))
}

/// Like [`printable`], but keeps `\n`.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, is_harmful_in_lines, |to, sign| to.extend(sign.escape_default()))
}

/// Escapes harmful characters in JSON as `\uXXXX`, so that every parser reads the same value. White space between
/// tokens stays.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    escaped(
        json,
        |sign| is_harmful(sign) && !matches!(sign, '\n' | '\r' | '\t'),
        |to, sign| {
            for unit in sign.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` cannot fail.
                let _ = write!(to, "\\u{unit:04x}");
            }
        },
    )
}

fn escaped(text: &str, harmful: fn(char) -> bool, escape: fn(&mut String, char)) -> Cow<'_, str> {
    let Some(first) = text.find(harmful) else { return Cow::Borrowed(text) };
    let mut safe = String::with_capacity(text.len() + 16);
    safe.push_str(&text[..first]);
    for sign in text[first..].chars() {
        if harmful(sign) { escape(&mut safe, sign) } else { safe.push(sign) }
    }
    Cow::Owned(safe)
}

fn is_harmful_in_lines(sign: char) -> bool {
    sign != '\n' && is_harmful(sign)
}

/// True for a character that must not reach a log, a terminal or a page unescaped. Excludes the joiners U+200C and
/// U+200D and the variation selectors up to U+FE0F, because scripts and emoji need them.
fn is_harmful(sign: char) -> bool {
    // Fast path: most characters are ASCII.
    if sign.is_ascii() {
        return sign.is_ascii_control();
    }
    matches!(sign,
        // C1 controls: U+009B starts a terminal command as ESC [ does.
        '\u{80}'..='\u{9f}'
        // Bidirectional controls: they change the order in which text is shown.
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Line and paragraph separators.
        | '\u{2028}' | '\u{2029}'
        // Invisible: soft hyphen, grapheme and word joiners, fillers, zero-width spaces, invisible operators,
        // deprecated format characters, annotations, shorthand, musical beams.
        | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tags and further variation selectors: they can hide whole texts.
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_commands_starts_a_line_reorders_or_hides_is_escaped() {
        for (text, shown) in [
            ("host\u{1b}[2J", r"host\u{1b}[2J"),
            ("a\nERROR b\r\n", r"a\nERROR b\r\n"),
            ("tab\tnul\0del\u{7f}", r"tab\tnul\u{0}del\u{7f}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("invoice\u{202e}fdp.exe", r"invoice\u{202e}fdp.exe"),
            ("\u{2066}x\u{2069}\u{200e}\u{200f}\u{61c}", r"\u{2066}x\u{2069}\u{200e}\u{200f}\u{61c}"),
            ("a\u{2028}b\u{2029}c\u{85}", r"a\u{2028}b\u{2029}c\u{85}"),
            ("ad\u{200b}min\u{feff}\u{ad}\u{3164}", r"ad\u{200b}min\u{feff}\u{ad}\u{3164}"),
            ("\u{e0041}\u{e0100}", r"\u{e0041}\u{e0100}"),
        ] {
            assert_eq!(printable(text), shown);
            let json = printable_json(&serde_json::to_string(text).unwrap()).into_owned();
            assert!(!json.contains(is_harmful), "{json:?}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text, "JSON keeps the value");
        }
        assert_eq!(printable_lines("a\nb\u{1b}\n"), "a\nb\\u{1b}\n");
        assert_eq!(printable_json("{\"a\":1}\n{\"a\":\"\u{1f600}\u{e0041}\"}\n").lines().count(), 2);
    }

    #[test]
    fn people_write_as_they_like() {
        for text in [
            "",
            "Müller, 林, Ωmega, שלום, مرحبا",
            "👩\u{200d}🏫 ❤\u{fe0f}",
            "می\u{200c}خواهم",
            r"C:\new\u{1b}",
            "a+b/c==",
        ] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text}");
            assert!(matches!(printable_json(text), Cow::Borrowed(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>(), sign in any::<char>(), at in any::<prop::sample::Index>()) {
            let mut text: Vec<char> = text.chars().collect();
            text.insert(at.index(text.len() + 1), sign);
            let text: String = text.into_iter().collect();
            let shown = printable(&text).into_owned();
            prop_assert!(!shown.contains(is_harmful), "{shown:?}");
            prop_assert_eq!(&printable(&shown), &shown, "idempotent");
            prop_assert!(!printable_lines(&text).contains(is_harmful_in_lines));
            let json = printable_json(&serde_json::to_string(&text).unwrap()).into_owned();
            prop_assert!(!json.contains(is_harmful));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn every_character_is_either_shown_or_escaped_to_ascii() {
        for sign in ('\0'..=char::MAX).filter(|sign| is_harmful(*sign)) {
            let text = sign.to_string();
            assert!(printable(&text).bytes().all(|byte| byte.is_ascii_graphic()), "{:x}", u32::from(sign));
        }
        assert!(('\0'..=char::MAX).filter(|sign| sign.is_control()).all(is_harmful));
    }
}
