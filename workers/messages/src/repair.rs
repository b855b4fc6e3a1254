//! Repairs answers that are almost JSON: an invalid character or number never costs the answer around it.

use std::borrow::Cow;

/// Replaces a number out of range. Every field treats an object as a value of the wrong type.
const NO_VALUE: &str = "{}";
/// Replaces an unpaired surrogate.
const REPLACEMENT: &str = "\\ufffd";
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Decodes an answer to text: drops a byte order mark and replaces invalid UTF-8 by U+FFFD.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes))
}

/// Rewrites JSON for a strict parser: U+FFFD for unpaired surrogates, escapes for control characters in strings, and an
/// empty object for numbers out of the range of `f64`. Borrows if nothing was replaced.
pub fn strict(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut repaired = Repaired { json, text: String::new(), kept: 0 };
    let (mut at, mut quoted) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'"' => {
                quoted = !quoted;
                at + 1
            }
            b'\\' if quoted => escape(bytes, at, &mut repaired),
            0..0x20 if quoted => repaired.replace(at..at + 1, &format!("\\u{byte:04x}")),
            b'-' | b'0'..=b'9' if !quoted => number(json, at, &mut repaired),
            _ => at + 1,
        };
    }
    repaired.finish()
}

struct Repaired<'a> {
    json: &'a str,
    text: String,
    /// End of the part of `json` that is already in `text`; 0 if nothing was replaced.
    kept: usize,
}

impl<'a> Repaired<'a> {
    /// Replaces `part` by `by` and returns the end of `part`.
    fn replace(&mut self, part: std::ops::Range<usize>, by: &str) -> usize {
        self.text.push_str(self.json.get(self.kept..part.start).unwrap_or_default());
        self.text.push_str(by);
        self.kept = part.end;
        part.end
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.kept == 0 {
            return Cow::Borrowed(self.json);
        }
        self.text.push_str(self.json.get(self.kept..).unwrap_or_default());
        Cow::Owned(self.text)
    }
}

/// Repairs the escape at `at` if necessary and returns its end.
fn escape(bytes: &[u8], at: usize, repaired: &mut Repaired<'_>) -> usize {
    match unit(bytes, at) {
        None => at + 2,
        Some(0xd800..=0xdbff) if matches!(unit(bytes, at + 6), Some(0xdc00..=0xdfff)) => at + 12,
        Some(0xd800..=0xdfff) => repaired.replace(at..at + 6, REPLACEMENT),
        Some(_) => at + 6,
    }
}

/// Returns the UTF-16 unit of the escape `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

/// Repairs the number at `at` if necessary and returns its end.
fn number(json: &str, at: usize, repaired: &mut Repaired<'_>) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    let part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    let end = at + rest.find(|c| !part(c)).unwrap_or(rest.len());
    let read = json.get(at..end).and_then(|text| text.parse::<f64>().ok());
    match read {
        Some(number) if number.is_infinite() => repaired.replace(at..end, NO_VALUE),
        _ => end.max(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_strict_already_is_left_as_it_is() {
        for json in [
            "",
            "{}",
            r#"{"a":"\ud83d\ude00 \\ud83d \"","b":[-1.5e300,0]}"#,
            r#"{"a":"x\\"}"#,
            r#"{"a":"\u00e4"}"#,
        ] {
            assert!(matches!(strict(json), Cow::Borrowed(same) if same == json), "{json}");
        }
    }

    #[test]
    fn broken_characters_and_numbers_cost_themselves_alone() {
        for (json, wanted) in [
            (r#"["Ada \ud83d"]"#, serde_json::json!(["Ada \u{fffd}"])),
            (r#"["\ude00\ud83d\ud83d\ude00"]"#, serde_json::json!(["\u{fffd}\u{fffd}😀"])),
            (r#"["\uD83Dx","\\ud83d"]"#, serde_json::json!(["\u{fffd}x", "\\ud83d"])),
            ("[\"a\tb\nc\u{0}\"]", serde_json::json!(["a\tb\nc\u{0}"])),
            ("[1e999,-1e999,7]", serde_json::json!([{}, {}, 7])),
            (r#"{"\ud83d":1}"#, serde_json::json!({"\u{fffd}": 1})),
        ] {
            let value: Value = serde_json::from_str(&strict(json)).unwrap();
            assert_eq!(value, wanted, "{json}");
        }
        // The parser refuses truncated JSON.
        for broken in [r#"["\ud8"#, r#"["\"#, "[1e", "\"", "[-"] {
            assert!(serde_json::from_str::<Value>(&strict(broken)).is_err(), "{broken}");
        }
    }

    #[test]
    fn bytes_become_text_whatever_they_are() {
        assert_eq!(text(b"\xef\xbb\xbf{}"), "{}");
        assert_eq!(text(b"M\xfcller"), "M\u{fffd}ller");
        assert_eq!(text("Müller".as_bytes()), "Müller");
    }
}
