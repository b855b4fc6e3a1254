//! Percent-encodes ids for URL paths.

use messages::MeetingUuid;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Encodes a meeting uuid as a path segment: twice if it begins with `/` or contains `//`, else once.
///
/// If such a uuid is encoded once, Zoom answers "meeting does not exist", which looks like missing data.
pub(crate) fn uuid(uuid: &MeetingUuid) -> String {
    let once = segment(uuid.as_str());
    let twice = uuid.as_str().starts_with('/') || uuid.as_str().contains("//");
    if twice { segment(&once) } else { once }
}

/// Encodes any other id as a path segment.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_encoded_once_or_twice() {
        let cases = [
            ("4444AAAiAAAAAiAiAiiAiA==", "4444AAAiAAAAAiAiAiiAiA%3D%3D"),
            ("a/bcAAAiAAAAAiAiAiiAiA==", "a%2FbcAAAiAAAAAiAiAiiAiA%3D%3D"),
            ("a+bcAAAiAAAAAiAiAiiAiA==", "a%2BbcAAAiAAAAAiAiAiiAiA%3D%3D"),
            ("/abcAAAiAAAAAiAiAiiAiA==", "%252FabcAAAiAAAAAiAiAiiAiA%253D%253D"),
            ("a//cAAAiAAAAAiAiAiiAiA==", "a%252F%252FcAAAiAAAAAiAiAiiAiA%253D%253D"),
        ];
        for (plain, encoded) in cases {
            assert_eq!(uuid(&plain.parse().unwrap()), encoded, "{plain}");
        }
    }

    #[test]
    fn the_http_client_does_not_touch_what_is_encoded() {
        for plain in ["/abcAAAiAAAAAiAiAiiAiA==", "a/bcAAAiAAAAAiAiAiiAiA=="] {
            let encoded = uuid(&plain.parse().unwrap());
            let url =
                reqwest::Url::parse(&format!("http://127.0.0.1/v2/metrics/meetings/{encoded}")).unwrap();
            assert_eq!(url.path(), format!("/v2/metrics/meetings/{encoded}"));
        }
    }
}
