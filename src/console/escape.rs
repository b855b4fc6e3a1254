//! Escaping of all text in templates: HTML and unprintable characters.

use std::fmt;

use askama::filters::{Escaper, Html};

/// Escapes HTML, and what [`messages::printable`] escapes; keeps line breaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrintableHtml;

impl Escaper for PrintableHtml {
    fn write_escaped_str<W: fmt::Write>(&self, to: W, text: &str) -> fmt::Result {
        Html.write_escaped_str(to, &messages::printable_lines(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_no_text_that_reorders_or_hides() {
        let mut html = String::new();
        PrintableHtml.write_escaped_str(&mut html, "<b>\u{202e}\u{1b}\u{2028}\n&").unwrap();
        assert_eq!(html, "&#60;b&#62;\\u{202e}\\u{1b}\\u{2028}\n&#38;");
    }
}
