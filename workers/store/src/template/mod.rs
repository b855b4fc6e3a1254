//! The embedded index templates, the only definition of what documents may hold. The checker and the views of the
//! local file derive from them and thus match the search engines.

mod check;
mod date;
mod fields;

use std::sync::LazyLock;

use serde::Deserialize;

use self::check::check;
pub(crate) use self::date::Edge;
pub(crate) use self::fields::{Field, Fields};
use crate::DocumentKind;

/// A composable index template.
#[derive(Debug, Default)]
pub(crate) struct Template {
    /// Text of the file in `index_templates/`.
    pub(crate) text: &'static str,
    /// Fields of its mappings.
    pub(crate) fields: Fields,
}

/// The template of a kind.
pub(crate) fn of(kind: DocumentKind) -> &'static Template {
    static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| DocumentKind::ALL.map(read).into());
    static NONE: Template = Template { text: "", fields: Fields::NONE };
    TEMPLATES.get(kind as usize).unwrap_or(&NONE)
}

impl DocumentKind {
    /// Checks a document against the template of this kind. The local file does so before each write.
    ///
    /// # Errors
    /// The reason with the name of the field, never its value.
    pub fn check(self, document: &[u8]) -> Result<(), String> {
        let text = str::from_utf8(document).map_err(|_| "the document is not UTF-8".to_owned())?;
        check(&of(self).fields, text)
    }
}

fn read(kind: DocumentKind) -> Template {
    #[derive(Deserialize)]
    struct File {
        template: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        mappings: Fields,
    }
    let text = text(kind);
    // Cannot fail: a test parses every embedded template.
    serde_json::from_str(text)
        .map(|file: File| Template { text, fields: file.template.mappings })
        .unwrap_or_default()
}

fn text(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Meetings => include_str!("../../../../index_templates/meetings.json"),
        DocumentKind::Sessions => include_str!("../../../../index_templates/sessions.json"),
        DocumentKind::Useractions => include_str!("../../../../index_templates/useractions.json"),
        DocumentKind::Episodes => include_str!("../../../../index_templates/episodes.json"),
        DocumentKind::Deadletters => include_str!("../../../../index_templates/deadletters.json"),
        DocumentKind::Harvests => include_str!("../../../../index_templates/harvests.json"),
        DocumentKind::Raw => include_str!("../../../../index_templates/raw.json"),
        DocumentKind::Runs => include_str!("../../../../index_templates/runs.json"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_read_and_belongs_to_its_kind() {
        for (position, kind) in DocumentKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position, "Kind::ALL is in the order of declaration");
            let template: serde_json::Value = serde_json::from_str(of(kind).text).unwrap();
            let pattern = if kind.is_split() { format!("{}-*", kind.name()) } else { kind.name().to_owned() };
            assert_eq!(template["index_patterns"], serde_json::json!([pattern]));
            assert!(template["version"].is_u64() && template["priority"].is_u64(), "{kind:?}");
            assert!(!of(kind).fields.list.is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn fields_are_found_by_their_dotted_name() {
        assert!(matches!(of(DocumentKind::Sessions).fields.find("device.family"), Some(Field::Keyword)));
        assert!(matches!(of(DocumentKind::Harvests).fields.find("date"), Some(Field::Day)));
        assert!(matches!(of(DocumentKind::Sessions).fields.find("geoip.location"), Some(Field::Point)));
        assert!(of(DocumentKind::Sessions).fields.find("device.nothing").is_none());
    }
}
