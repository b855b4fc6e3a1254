//! Parses a body as JSON. Invalid bytes, characters and escapes become U+FFFD, so that a page with a few of them is
//! readable.

use serde_json::value::RawValue;

/// Numbers that JSON lacks; read as null.
const NO_NUMBERS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Returns the body's JSON, and the body as received if it was repaired; `None` if it is no JSON even then.
pub(crate) fn json(body: Vec<u8>) -> Option<(Box<RawValue>, Option<Vec<u8>>)> {
    let as_it_is = str::from_utf8(&body).ok().and_then(parse);
    let json = as_it_is.or_else(|| parse(&mend(&String::from_utf8_lossy(&body))))?;
    let received = (json.get().as_bytes() != body).then_some(body);
    Some((json, received))
}

fn parse(text: &str) -> Option<Box<RawValue>> {
    serde_json::from_str::<&RawValue>(text).ok().map(ToOwned::to_owned)
}

fn mend(text: &str) -> String {
    let (mut mended, mut in_string) = (String::with_capacity(text.len()), false);
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(character) = rest.chars().next() {
        let taken = match character {
            '\\' if in_string => escape(rest),
            '-' | 'I' | 'N' if !in_string => NO_NUMBERS.into_iter().find(|number| rest.starts_with(number)),
            c if in_string && c.is_ascii_control() => None,
            c => Some(&rest[..c.len_utf8()]),
        };
        in_string ^= character == '"';
        let (written, length) = match taken {
            Some(number) if !in_string && NO_NUMBERS.contains(&number) => ("null", number.len()),
            Some(taken) => (taken, taken.len()),
            None if in_string => ("\u{fffd}", character.len_utf8()),
            None => (&rest[..character.len_utf8()], character.len_utf8()),
        };
        mended.push_str(written);
        rest = &rest[length..];
    }
    mended
}

/// Returns the escape at the start of a text; `None` if invalid in JSON.
fn escape(text: &str) -> Option<&str> {
    match text.as_bytes().get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => text.get(..2),
        b'u' => text.get(..6).filter(|escape| escape[2..].bytes().all(|byte| byte.is_ascii_hexdigit())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_json_is_left_as_it_is() {
        for text in [r#"{"a":"\ud83d"}"#, " [1, 2]\n", r#"{"a":1,"a":2}"#, "\"Größe\""] {
            let (json, received) = json(text.as_bytes().to_vec()).unwrap();
            let kept = (text != text.trim()).then_some(text.as_bytes());
            assert_eq!((json.get(), received.as_deref()), (text.trim(), kept));
        }
    }

    #[test]
    fn what_does_not_belong_there_costs_one_character_each() {
        for (body, meant) in [
            (&b"{\"a\":\"Gr\xf6\xdfe\"}"[..], "{\"a\":\"Gr\u{fffd}\u{fffd}e\"}"),
            (b"\xef\xbb\xbf{\"a\":1}", "{\"a\":1}"),
            (b"[\"a\nb\tc\x00\"]\n", "[\"a\u{fffd}b\u{fffd}c\u{fffd}\"]"),
            (br#"["a\xb","\u12G4","\\\"\q"]"#, "[\"a\u{fffd}xb\",\"\u{fffd}u12G4\",\"\\\\\\\"\u{fffd}q\"]"),
            (b"{\"NaN\":NaN,\"b\":-Infinity,\"c\":[Infinity,-1]}", r#"{"NaN":null,"b":null,"c":[null,-1]}"#),
        ] {
            let (json, received) = json(body.to_vec()).unwrap();
            assert_eq!((json.get(), received.as_deref()), (meant, Some(body)));
        }
    }

    #[test]
    fn text_that_is_no_json_even_so_is_refused() {
        for body in [&b""[..], b"<html>", b"{\"a\":1", b"{\"a\":\"b", b"true false", b"\xff", b"\"\\", b"-I"]
        {
            assert!(json(body.to_vec()).is_none(), "{body:?}");
        }
    }
}
