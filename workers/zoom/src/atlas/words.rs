//! Filters Zoom's error messages for operators. They may quote ids, e-mails and names. Only words from an allowlist,
//! the vocabulary of Zoom's documented errors, pass; each run of other words becomes one `...`.

/// Characters of a message that are read.
const LONGEST: usize = 300;
/// Allowed words, in lower case, sorted.
const WORDS: [&str; 152] = [
    "a",
    "able",
    "access",
    "account",
    "activated",
    "add-on",
    "addon",
    "after",
    "ago",
    "allowed",
    "an",
    "and",
    "api",
    "app",
    "application",
    "are",
    "at",
    "authenticated",
    "available",
    "bad",
    "be",
    "because",
    "been",
    "belong",
    "business",
    "but",
    "by",
    "call",
    "called",
    "calls",
    "can",
    "cannot",
    "client",
    "contact",
    "contain",
    "contains",
    "credentials",
    "daily",
    "dashboard",
    "data",
    "date",
    "day",
    "days",
    "deactivated",
    "deleted",
    "denied",
    "disabled",
    "do",
    "does",
    "doesn't",
    "enabled",
    "end",
    "ended",
    "endpoint",
    "error",
    "exceeded",
    "exist",
    "exists",
    "expired",
    "failed",
    "feature",
    "field",
    "for",
    "forbidden",
    "format",
    "found",
    "from",
    "group",
    "has",
    "have",
    "host",
    "id",
    "in",
    "include",
    "incorrect",
    "information",
    "internal",
    "invalid",
    "is",
    "it",
    "later",
    "level",
    "license",
    "limit",
    "list",
    "maximum",
    "meeting",
    "meetings",
    "missing",
    "month",
    "months",
    "more",
    "must",
    "need",
    "next",
    "no",
    "not",
    "occurred",
    "of",
    "on",
    "only",
    "or",
    "owner",
    "page",
    "paid",
    "parameter",
    "participant",
    "participants",
    "past",
    "per",
    "permission",
    "permissions",
    "plan",
    "please",
    "privilege",
    "privileges",
    "pro",
    "rate",
    "reached",
    "read",
    "recognized",
    "record",
    "records",
    "refused",
    "report",
    "request",
    "required",
    "resource",
    "role",
    "scope",
    "scopes",
    "server",
    "service",
    "size",
    "support",
    "temporarily",
    "than",
    "the",
    "there",
    "this",
    "time",
    "to",
    "token",
    "too",
    "try",
    "type",
    "unavailable",
    "user",
    "uuid",
    "valid",
    "validation",
    "webinar",
];

/// Returns the allowed words of a message; `None` for fewer than two.
pub(super) fn allowed(message: &str) -> Option<String> {
    let mut said: Vec<&str> = Vec::new();
    let mut known = 0;
    let end = message.char_indices().nth(LONGEST).map_or(message.len(), |(at, _)| at);
    for word in message[..end].split_whitespace() {
        let bare = word.trim_matches(|sign: char| !sign.is_ascii_alphanumeric());
        if WORDS.binary_search(&&*bare.to_ascii_lowercase()).is_ok() && is_bare(word, bare) {
            known += 1;
            said.push(word);
        } else if said.last() != Some(&"...") {
            said.push("...");
        }
    }
    (known >= 2).then(|| said.join(" "))
}

/// Returns whether only a sentence's punctuation surrounds the word.
fn is_bare(word: &str, bare: &str) -> bool {
    let around = word.len() - bare.len();
    around <= 2 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".,:;!'-()".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(
            WORDS.is_sorted() && WORDS.iter().all(|word| word.bytes().all(|byte| !byte.is_ascii_uppercase()))
        );
    }

    #[test]
    fn words_of_the_api_are_passed_on_and_nothing_else() {
        for (message, shown) in [
            (
                "This meeting is not available or ID is not valid.",
                "This meeting is not available or ID is not valid.",
            ),
            ("User does not exist: canary@example.edu.", "User does not exist: ..."),
            ("Meeting abcDEF== of Ada Lovelace does not exist", "Meeting ... of ... does not exist"),
            ("Only available for Paid account: 1234567890", "Only available for Paid account: ..."),
            ("The user (192.0.2.7) has no permission\u{1b}[2J", "The user ... has no ..."),
            ("No\npermission.", "No permission."),
        ] {
            assert_eq!(allowed(message).as_deref(), Some(shown), "{message:?}");
        }
        for message in ["", "canary@example.edu", "Ada Lovelace", "<html><body>canary", "id"] {
            assert_eq!(allowed(message), None, "{message:?}");
        }
        assert!(allowed(&"the user ".repeat(1_000)).unwrap().len() <= LONGEST);
    }
}
