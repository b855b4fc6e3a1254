//! Information about the node: version, services, current user, health, and detailed user tracking.

use serde_json::{Value, json};

use super::super::ledger::AuthKind;
use super::answer::OpencastAnswer;
use super::shared::Shared;

/// `/usertracking/detailenabled`
pub(super) fn detail_enabled(shared: &Shared) -> OpencastAnswer {
    OpencastAnswer::new(200, "text/plain", shared.settings.detail.to_string())
}

/// `/sysinfo/bundles/version`
pub(super) fn version(shared: &Shared) -> OpencastAnswer {
    OpencastAnswer::json(&json!({
        "consistent": true,
        "version": format!("{}.0.0", shared.settings.generation),
        "buildNumber": "5160000",
        "last-modified": 1_700_000_000_000_i64,
    }))
}

/// `/info/components.json`
pub(super) fn components(shared: &Shared) -> OpencastAnswer {
    let paths = ["/info", "/search", "/sysinfo", "/usertracking", "/workflow"];
    let served = |path: &&str| *path != "/usertracking" || shared.settings.usertracking;
    let rest: Vec<_> = paths.into_iter().filter(served).map(service).collect();
    OpencastAnswer::json(&json!({ "rest": rest, "ui": [], "engage": [] }))
}

fn service(path: &str) -> Value {
    json!({
        "description": format!("Simulated service at {path}"),
        "version": "1.0.0",
        "type": format!("org.opencastproject{}", path.replace('/', ".")),
        "path": path,
        "docs": format!("{path}/docs"),
        "wadl": format!("{path}/?_wadl&_type=xml"),
    })
}

/// `/info/me.json`. The place of the user's name depends on the generation.
pub(super) fn me(shared: &Shared, auth: AuthKind) -> OpencastAnswer {
    let known = matches!(auth, AuthKind::Basic | AuthKind::Digest);
    let name = if known { shared.settings.credentials.user.as_str() } else { "anonymous" };
    let roles = if known { json!(["ROLE_ADMIN", "ROLE_ANONYMOUS"]) } else { json!(["ROLE_ANONYMOUS"]) };
    let org = json!({
        "id": "mh_default_org",
        "name": "Opencast Project",
        "adminRole": "ROLE_ADMIN",
        "anonymousRole": "ROLE_ANONYMOUS",
        "properties": {},
    });
    if shared.settings.generation <= 5 {
        return OpencastAnswer::json(&json!({ "username": name, "roles": roles, "org": org }));
    }
    let user = json!({ "username": name, "name": name, "email": "", "provider": "opencast" });
    OpencastAnswer::json(&json!({ "user": user, "userRole": "ROLE_USER", "roles": roles, "org": org }))
}

/// `/info/health`
pub(super) fn health() -> OpencastAnswer {
    let health = json!({
        "status": "pass",
        "version": "1",
        "releaseId": "simulated",
        "serviceId": "http://localhost",
        "description": "Opencast node's health status",
        "notes": [],
        "checks": {},
    });
    OpencastAnswer::json(&health).of_type("application/health+json")
}
