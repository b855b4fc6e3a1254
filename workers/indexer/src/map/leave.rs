//! Derives the kind of a leave from Zoom's free text, and removes the person's name from it.

use std::borrow::Cow;

/// Returns the text without name and tags, and its kind, a word of a closed list.
pub(crate) fn reason<'a>(text: &'a str, user_name: Option<&str>) -> (Cow<'a, str>, &'static str) {
    let raw = without_tags(without_name(text, user_name));
    let kind = kind(&raw);
    (raw, kind)
}

/// Returns the kind of a leave. Matches parts of the text, because the wording varies. `left` is last, because a reason
/// may follow it (`left the meeting. Reason : Host ended the meeting.`).
fn kind(text: &str) -> &'static str {
    let text = text.to_ascii_lowercase();
    KINDS.iter().find(|(part, _)| text.contains(part)).map_or("unknown", |(_, kind)| kind)
}

const KINDS: [(&str, &str); 18] = [
    ("join breakout", "breakout_join"),
    ("leave breakout", "breakout_leave"),
    ("failover", "failover"),
    ("removed", "removed"),
    ("waiting room", "waiting_room"),
    ("host ended", "host_ended"),
    ("host closed", "host_closed"),
    ("host started", "host_started_another"),
    ("started a new", "host_started_another"),
    ("host did not join", "host_not_joined"),
    ("network", "network_error"),
    ("minutes limit", "time_limit"),
    ("time limit", "time_limit"),
    ("disconnected", "disconnected"),
    ("unknown reason", "unknown"),
    ("left the", "left"),
    ("leave", "left"),
    ("left", "left"),
];

/// Continuations of a sentence after the name.
const AFTER_NAME: [&str; 4] = ["left the ", "got disconnected", "was removed", "has left"];

/// Returns the text without the name at its start: the participant's own, and anything else before the verb, because
/// names change during a meeting.
fn without_name<'a>(text: &'a str, user_name: Option<&str>) -> &'a str {
    let text = text.trim();
    let text = user_name.and_then(|name| text.strip_prefix(name.trim())).unwrap_or(text).trim_start();
    let verb = AFTER_NAME.iter().filter_map(|verb| text.find(verb)).min();
    verb.map_or(text, |at| &text[at..])
}

/// Replaces every HTML tag by one space. A `<` without `>` is kept.
fn without_tags(text: &str) -> Cow<'_, str> {
    if !text.contains('<') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        let Some((_, after)) = tag.split_once('>') else { break };
        plain.push_str(before);
        plain.push(' ');
        rest = after;
    }
    plain.push_str(rest);
    Cow::Owned(plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts_have_their_kind() {
        let cases = [
            ("left the meeting. Reason : left the meeting", "left"),
            ("left the meeting. Reason : left the meeting to join breakout room", "breakout_join"),
            ("left the meeting. Reason : leave breakout room to join main meeting", "breakout_leave"),
            ("got disconnected from the meeting. Reason : Client Close.", "disconnected"),
            ("left the meeting. Reason : Host ended the meeting.", "host_ended"),
            ("Host ended the webinar.", "host_ended"),
            ("Host closed the meeting.", "host_closed"),
            ("Host started a new meeting.", "host_started_another"),
            ("Network connection error.", "network_error"),
            ("Host did not join.", "host_not_joined"),
            ("Exceeded free meeting minutes limit.", "time_limit"),
            ("Removed by host.", "removed"),
            ("Removed by host from waiting room.", "removed"),
            ("Leave waiting room.", "waiting_room"),
            ("Unknown reason.", "unknown"),
            ("Unknown Failover Reason", "failover"),
            ("something else", "unknown"),
        ];
        for (text, expected) in cases {
            assert_eq!(reason(text, None), (Cow::Borrowed(text), expected), "{text:?}");
        }
    }

    #[test]
    fn tags_and_the_name_of_the_person_are_cut() {
        let text = "Ada <TA> Removed left the meeting.<br>Reason: Host ended the meeting.";
        let (raw, kind) = reason(text, Some("Ada <TA> Removed"));
        assert_eq!((raw.as_ref(), kind), ("left the meeting. Reason: Host ended the meeting.", "host_ended"));
        for name in [Some("Ada"), Some("Somebody Else"), None] {
            assert_eq!(reason(text, name), (raw.clone(), kind), "{name:?}");
        }
        let (raw, kind) = reason("Old Name left the meeting.", Some("New Name"));
        assert_eq!((raw.as_ref(), kind), ("left the meeting.", "left"));
        assert_eq!(reason("a < b", None).0, "a < b");
    }
}
