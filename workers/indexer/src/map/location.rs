//! Splits Zoom's location text, for example `San Jose (US)`, into city and country.

/// Returns city and country. The last parentheses contain the country; a text without them is a country.
pub(crate) fn split(text: &str) -> (Option<&str>, Option<&str>) {
    let text = text.trim();
    match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((city, country)) => (known(city), known(country)),
        None => (None, known(text)),
    }
}

fn known(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && !text.eq_ignore_ascii_case("unknown")).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_parenthesis_is_the_country() {
        let cases = [
            ("San Jose (US)", (Some("San Jose"), Some("US"))),
            ("Frankfurt (Oder) (DE)", (Some("Frankfurt (Oder)"), Some("DE"))),
            ("United States", (None, Some("United States"))),
            ("(US)", (None, Some("US"))),
            (" Graz ( AT ) ", (Some("Graz"), Some("AT"))),
            ("Graz ()", (Some("Graz"), None)),
            (")", (None, Some(")"))),
            ("Unknown", (None, None)),
            ("", (None, None)),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text), expected, "{text:?}");
        }
    }
}
