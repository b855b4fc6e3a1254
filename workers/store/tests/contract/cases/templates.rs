//! Setup and check.

use store::{Change, DocumentKind, Store, TemplateState};

pub(crate) async fn setting_up_again_changes_nothing(store: Store) {
    let again = store.setup().await.unwrap();
    assert!(again.is_unchanged(), "{again:?}");
    assert_eq!(again.changes.len(), DocumentKind::ALL.len());
    let health = store.check().await.unwrap();
    assert!(health.is_current(), "{health:?}");
    store.wipe_prefix().await.unwrap();
    let health = store.check().await.unwrap();
    assert!(health.templates.iter().all(|(_, state)| *state == TemplateState::Missing), "{health:?}");
    let anew = store.setup().await.unwrap();
    assert!(anew.changes.iter().all(|(_, change)| *change == Change::Created), "{anew:?}");
    assert!(store.check().await.unwrap().is_current());
}

pub(crate) async fn a_check_names_product_and_version(store: Store) {
    let health = store.check().await.unwrap();
    let known = ["SQLite", "Elasticsearch", "OpenSearch"];
    assert!(known.contains(&health.product.as_str()), "{health:?}");
    assert!(
        health.version.split('.').count() >= 2 && health.version.starts_with(char::is_numeric),
        "{health:?}"
    );
    assert!(store.healthy().await);
}
