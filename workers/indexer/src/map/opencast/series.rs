//! Splits a series id into year, term and course number: `20150333383` is 2015, 03, 33383.

use serde::Serialize;

/// Parts of a series id. The course number has both of its old names: `cdn` in user actions, `crn` in episodes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Parts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    term: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cdn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crn: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Returns the parts of `series`; none for other formats such as a UUID.
    pub(super) fn of(series: Option<&'a str>) -> Self {
        let Some(series) = series.filter(|series| is_made_of_parts(series)) else { return Self::default() };
        let number = series.get(6..series.len().min(11)).filter(|number| !number.is_empty());
        Self { year: series.get(..4), term: series.get(4..6), cdn: number, crn: number }
    }
}

fn is_made_of_parts(series: &str) -> bool {
    let year = series.starts_with("19") || series.starts_with("20");
    year && series.len() >= 6 && series.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_series_have_their_places() {
        let of = |series| {
            let Parts { year, term, cdn, crn } = Parts::of(Some(series));
            assert_eq!(cdn, crn);
            (year, term, crn)
        };
        assert_eq!(of("20150333383"), (Some("2015"), Some("03"), Some("33383")));
        assert_eq!(of("2015033338399"), (Some("2015"), Some("03"), Some("33383")));
        assert_eq!(of("201503"), (Some("2015"), Some("03"), None));
        for other in
            ["", "2015", "20150", "3f2b0c1e-7a54-4f0e-9a39-0c9b8d1f2a33", "2015é333383", "99990333383"]
        {
            assert_eq!(of(other), (None, None, None), "{other}");
        }
        assert_eq!(Parts::of(None), Parts::default());
    }
}
