//! Makes inputs from seeds. Changes JSON by its structure: values change type, members and rows are duplicated, texts
//! are cut inside an escape. Works on bytes, because a JSON library would refuse to write such texts.

use rand::Rng as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;

/// Format of a target's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// Text of words and lines.
    Text,
    Bytes,
}

/// Maximum bytes of an input.
const MOST: usize = 64 << 10;
/// JSON values that often break readers.
const VALUES: [&[u8]; 59] = [
    b"null",
    b"true",
    b"false",
    b"0",
    b"-0",
    b"-1",
    b"1",
    b"2",
    b"0.5",
    b"1e3",
    b"1e308",
    b"1e999",
    b"1e-300",
    b"3600.0",
    b"4294967296",
    b"9007199254740993",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"\"\"",
    b"\" \"",
    b"\"x\"",
    b"\"12\"",
    b"\"-12\"",
    b"\"1e9\"",
    b"\"Yes\"",
    b"\"many\"",
    b"[]",
    b"{}",
    b"[[]]",
    b"[null]",
    b"[{}]",
    b"{\"a\":{}}",
    b"{\"\":\"\"}",
    b"\"\\ud83d\"",
    b"\"a\\ud83d b\"",
    b"\"\\udc00\\ud800\"",
    b"\"\\u0000\"",
    b"\"\\u202e\\u2066\"",
    b"\"\\u001b[31m\\n\"",
    b"\"\xff\xfe\"",
    b"\"caf\xe9\"",
    b"\"=1+1\"",
    b"\"2026-01-02T03:04:05Z\"",
    b"\"2026-01-02 03:04:05\"",
    b"\"0001-01-01T00:00:00Z\"",
    b"\"9999-12-31T23:59:59Z\"",
    b"\"-000001-01-01T00:00:00Z\"",
    b"\"2026-02-30T00:00:00Z\"",
    b"\"2026-01-02T23:59:60Z\"",
    b"\"2026-01-02T03:04:05.123456789+14:00\"",
    b"1767322800000",
    b"253402300800000",
    b"\"4444AAAiAAAAAiAiAiiAiA==\"",
    b"\"/x//AAAiAAAAAiAiAiiAiA==\"",
    b"\"::ffff:1.2.3.4, fe80::1%eth0\"",
    b"\"12345678901\"",
    b"\"a/../b\"",
];
/// Pieces of texts and files.
const PIECES: [&[u8]; 24] = [
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b"=",
    b",",
    b":",
    b"/",
    b"@",
    b"%",
    b"*",
    b"-",
    b"#",
    b"\"",
    b"'",
    b"\\",
    b"$",
    b"\xff",
    b"\xc3",
    b"99999999999",
    b"-1",
    b"[",
    b"]",
    b"\xe2\x80\xae",
];

/// Changes `input`, made from a seed, once or several times, with parts of `others`.
pub(crate) fn mutate(input: &mut Vec<u8>, form: Form, others: &[Vec<u8>], rng: &mut SmallRng) {
    let times = if rng.random_ratio(1, 2) { 1 } else { rng.random_range(2..12) };
    for _ in 0..times {
        match form {
            // Rarely break the outer structure: most readers stop there at once.
            Form::Json if !rng.random_ratio(1, 12) => structure(input, others, rng),
            Form::Text if rng.random_ratio(1, 2) => words(input, others, rng),
            _ => bytes(input, others, rng),
        }
        input.truncate(MOST);
    }
}

/// Position of a value in a JSON text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) begin: usize,
    pub(crate) end: usize,
    /// Start of the key, for a member of an object.
    key: Option<usize>,
    /// True for an element of a list.
    is_element: bool,
}

/// Returns the spans of the JSON values in a text, which may be damaged.
pub(crate) fn spans(text: &[u8]) -> Vec<Span> {
    let (mut found, mut open, mut key, mut at) = (Vec::<Span>::new(), Vec::<usize>::new(), None, 0);
    while let Some(&byte) = text.get(at) {
        let is_element = open.last().is_some_and(|outer| text[found[*outer].begin] == b'[');
        let end = match byte {
            b'{' | b'[' => text.len(),
            b'}' | b']' => {
                at += 1;
                open.pop().into_iter().for_each(|outer| found[outer].end = at);
                continue;
            }
            b'"' => text_end(text, at),
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => {
                at += 1;
                continue;
            }
            _ => text[at..]
                .iter()
                .position(|byte| b",]}: \n".contains(byte))
                .map_or(text.len(), |length| at + length),
        };
        if byte == b'"' && key.is_none() && !is_element && text[end..].trim_ascii_start().starts_with(b":") {
            (key, at) = (Some(at), end);
            continue;
        }
        found.push(Span { begin: at, end, key: key.take(), is_element });
        if matches!(byte, b'{' | b'[') {
            open.push(found.len() - 1);
            at += 1;
        } else {
            at = end.max(at + 1);
        }
    }
    found
}

/// How many members the objects in a text of JSON have, repeated ones included.
pub(crate) fn named(text: &[u8]) -> usize {
    spans(text).iter().filter(|span| span.key.is_some()).count()
}

fn text_end(text: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn structure(input: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut SmallRng) {
    let all = spans(input);
    let Some(&Span { begin, end, key, is_element }) = all.choose(rng) else {
        return bytes(input, others, rng);
    };
    let whole = key.unwrap_or(begin)..end;
    let value = input[begin..end].to_vec();
    match rng.random_range(0..16) {
        0..5 => replace(input, begin..end, VALUES.choose(rng).copied().unwrap_or_default()),
        5 => replace(input, begin..end, &grown(rng)),
        // Duplicate a member with another value, or an element.
        6 | 7 if key.is_some() => {
            let mut twice = input[whole.start..begin].to_vec();
            twice.extend_from_slice(VALUES.choose(rng).copied().unwrap_or_default());
            twice.push(b',');
            let at = if rng.random_ratio(1, 2) { whole.start } else { whole.end };
            if at == whole.end {
                twice.rotate_right(1);
            }
            replace(input, at..at, &twice);
        }
        6..9 if is_element => {
            let times = if rng.random_ratio(1, 16) { rng.random_range(2..200) } else { 1 };
            let more = [&value[..], b","].concat().repeat(times.min(MOST / (value.len() + 1)));
            replace(input, begin..begin, &more);
        }
        8 | 9 => remove(input, whole),
        10 => {
            let other = all.choose(rng).map_or(begin..end, |other| other.begin..other.end);
            let other = input[other].to_vec();
            replace(input, begin..end, &other);
        }
        11 => {
            let Some(lender) = others.choose(rng) else { return };
            let lent = spans(lender).choose(rng).map(|span| lender[span.begin..span.end].to_vec());
            replace(input, begin..end, &lent.unwrap_or_default());
        }
        12 if value.first() == Some(&b'"') => inside(input, begin + 1..end.saturating_sub(1), rng),
        13 => replace(input, begin..end, &[b"[", &value[..], b"]"].concat()),
        14 => replace(input, begin..end, &[b"\"", value.trim_ascii(), b"\""].concat()),
        _ => inside(input, begin..end, rng),
    }
}

/// Returns a deep, long or large value.
fn grown(rng: &mut SmallRng) -> Vec<u8> {
    let size = 1 << rng.random_range(3..14);
    match rng.random_range(0..5) {
        0 => [b"[".repeat(size), b"]".repeat(size)].concat(),
        1 => [b"{\"a\":".repeat(size), b"1".to_vec(), b"}".repeat(size)].concat(),
        2 => [b"\"".to_vec(), b"ab\\u00e9".repeat(size / 4), b"\"".to_vec()].concat(),
        3 => b"9".repeat(size),
        _ => [b"[".to_vec(), b"\"x\",".repeat(size / 4), b"null]".to_vec()].concat(),
    }
}

fn remove(input: &mut Vec<u8>, mut range: std::ops::Range<usize>) {
    match input.get(range.end) {
        Some(b',') => range.end += 1,
        _ if range.start > 0 && input[range.start - 1] == b',' => range.start -= 1,
        _ => {}
    }
    input.drain(range);
}

/// Inserts a piece into a part of the input.
fn inside(input: &mut Vec<u8>, range: std::ops::Range<usize>, rng: &mut SmallRng) {
    const ESCAPES: [&[u8]; 8] =
        [b"\\ud83d", b"\\udead", b"\\u0000", b"\\u", b"\\", b"\xed\xa0\xbd", b"\xf0\x9f", b"\\u202e"];
    let at = rng.random_range(range.start.min(range.end)..=range.end);
    let pool: &[&[u8]] = if rng.random_ratio(1, 2) { &ESCAPES } else { &PIECES };
    replace(input, at..at, pool.choose(rng).copied().unwrap_or_default());
}

/// Swaps or duplicates words, or inserts words of another text.
fn words(input: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut SmallRng) {
    let ranges = |text: &[u8]| {
        let mut begin = 0;
        let words = text.split_inclusive(|byte| b" \n\t,=:/@-*".contains(byte)).map(|word| {
            let range = begin..begin + word.len();
            begin = range.end;
            range
        });
        words.collect::<Vec<_>>()
    };
    let Some(word) = ranges(input).choose(rng).cloned() else { return bytes(input, others, rng) };
    match rng.random_range(0..5) {
        0 => drop(input.drain(word)),
        1 => {
            let twice = input[word.clone()].to_vec();
            replace(input, word.start..word.start, &twice);
        }
        2 => replace(
            input,
            word.start..word.end.saturating_sub(1).max(word.start),
            PIECES.choose(rng).copied().unwrap_or_default(),
        ),
        3 => {
            let other = ranges(input).choose(rng).cloned().unwrap_or(word.clone());
            let other = input[other].to_vec();
            replace(input, word, &other);
        }
        _ => {
            let Some(lender) = others.choose(rng) else { return };
            let lent = ranges(lender).choose(rng).map(|range| lender[range.clone()].to_vec());
            replace(input, word, &lent.unwrap_or_default());
        }
    }
}

fn bytes(input: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut SmallRng) {
    let at = rng.random_range(0..=input.len());
    let end = rng.random_range(at..=input.len().min(at + 64));
    match rng.random_range(0..9) {
        0 if !input.is_empty() => {
            let at = at.min(input.len() - 1);
            input[at] ^= 1 << rng.random_range(0..8);
        }
        1 | 2 if !input.is_empty() => {
            let at = at.min(input.len() - 1);
            input[at] = *[0, 1, 0x7f, 0x80, 0xff, 0xfe, rng.random()].choose(rng).unwrap_or(&0);
        }
        3 => input.truncate(at),
        4 => drop(input.drain(at..end)),
        5 => {
            let twice = input[at..end].to_vec();
            replace(input, at..at, &twice);
        }
        6 => {
            let Some(lender) = others.choose(rng) else { return };
            let from = rng.random_range(0..=lender.len());
            let lent = lender[from..lender.len().min(from + 64)].to_vec();
            replace(input, at..end, &lent);
        }
        7 => replace(input, at..at, &rng.random::<u64>().to_be_bytes()[..rng.random_range(1..=8)]),
        _ => replace(input, at..at, PIECES.choose(rng).copied().unwrap_or_default()),
    }
}

fn replace(input: &mut Vec<u8>, range: std::ops::Range<usize>, with: &[u8]) {
    input.splice(range, with.iter().copied());
}
