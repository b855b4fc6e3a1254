//! Every answer of every operation matches the API's schema: names, types, enumerations, time formats. The schemas
//! are an extract (names and types), compared with the reference if it is available.

use std::path::Path;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::support::{Api, DAY, settings, text, twice};

const EXTRACT: &str = include_str!("openapi/zoom.json");
/// Enumerations that real answers do not respect.
const OPEN_LISTS: [&str; 3] = ["device", "leave_reason", "network_type"];
/// Fields of real answers that the schemas lack.
const LIVE_ONLY: [(&str, &str, &str); 4] = [
    ("/metrics/meetings", "/properties/meetings/items/properties", "has_external_participant"),
    ("/report/meetings/{meetingId}", "/properties", "host_id"),
    (
        "/report/meetings/{meetingId}/participants",
        "/properties/participants/items/properties",
        "attentiveness_score",
    ),
    (
        "/report/webinars/{webinarId}/participants",
        "/properties/participants/items/properties",
        "attentiveness_score",
    ),
];

#[tokio::test]
async fn lists_fit_their_schemas() {
    let api = Api::start(settings()).await;
    let window = format!("from={DAY}&to={DAY}&page_size=300");
    let host = text(&api.ask("/users").await.1["users"][0]["id"]);
    for (operation, path) in [
        ("/users", "/users?page_size=2000".to_owned()),
        ("/users", "/users?status=inactive".to_owned()),
        ("/metrics/meetings", format!("/metrics/meetings?type=past&{window}")),
        ("/metrics/meetings", format!("/metrics/meetings?type=pastOne&{window}")),
        ("/metrics/meetings", format!("/metrics/meetings?{window}")),
        ("/metrics/webinars", format!("/metrics/webinars?type=past&{window}")),
        ("/report/users", format!("/report/users?{window}")),
        ("/report/users", format!("/report/users?type=inactive&{window}")),
        ("/report/users/{userId}/meetings", format!("/report/users/{host}/meetings?{window}")),
        ("/report/users/{userId}/meetings", format!("/report/users/{host}/meetings?type=pastOne&{window}")),
    ] {
        check(&api, operation, &path).await;
    }
}

#[tokio::test]
async fn details_fit_their_schemas() {
    let api = Api::start(settings()).await;
    let window = format!("from={DAY}&to={DAY}");
    for kind in ["past", "pastOne"] {
        for meeting in api.all(&format!("/metrics/meetings?type={kind}&{window}"), "meetings").await {
            let uuid = twice(&text(&meeting["uuid"]));
            for (operation, path) in [
                ("/metrics/meetings/{meetingId}", format!("/metrics/meetings/{uuid}?type={kind}")),
                (
                    "/metrics/meetings/{meetingId}/participants",
                    format!(
                        "/metrics/meetings/{uuid}/participants?type={kind}&include_fields=registrant_id&page_size=300"
                    ),
                ),
                ("/report/meetings/{meetingId}", format!("/report/meetings/{uuid}")),
                (
                    "/report/meetings/{meetingId}/participants",
                    format!(
                        "/report/meetings/{uuid}/participants?page_size=300&include_fields=registrant_id"
                    ),
                ),
                ("/past_meetings/{meetingId}", format!("/past_meetings/{uuid}")),
            ] {
                check(&api, operation, &path).await;
            }
        }
    }
}

#[tokio::test]
async fn webinar_details_fit_their_schemas() {
    let api = Api::start(settings()).await;
    let webinars = api.all(&format!("/metrics/webinars?type=past&from={DAY}&to={DAY}"), "webinars").await;
    assert!(!webinars.is_empty());
    for webinar in webinars {
        let uuid = twice(&text(&webinar["uuid"]));
        let path = format!("/metrics/webinars/{uuid}/participants?type=past&page_size=300");
        check(&api, "/metrics/webinars/{webinarId}/participants", &path).await;
        let path = format!("/report/webinars/{uuid}/participants?page_size=300");
        check(&api, "/report/webinars/{webinarId}/participants", &path).await;
    }
}

#[test]
fn the_schemas_can_refuse() {
    let validator = validator("/metrics/meetings");
    assert!(validator.is_valid(&json!({ "meetings": [{ "uuid": "a", "id": 1, "duration": "16:08" }] })));
    for wrong in [
        json!({ "meetings": [{ "id": "1" }] }),
        json!({ "meetings": [{ "duration": 968 }] }),
        json!({ "meetings": [{ "start_time": "yesterday" }] }),
        json!({ "meetings": [{ "invented": 1 }] }),
        json!({ "page_size": 301 }),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn the_extract_is_what_the_reference_says() {
    #[expect(clippy::disallowed_methods, reason = "tells where the API reference lies, if it is at hand")]
    let Ok(folder) = std::env::var("UA_REFERENCE") else {
        println!("UA_REFERENCE is not set: the schema extract was not compared with the API reference");
        return;
    };
    let mut extract = Map::new();
    let shipped: Map<String, Value> = serde_json::from_str(EXTRACT).unwrap();
    for file in ["openapi.json", "openapi-extras.json"] {
        let text = std::fs::read_to_string(Path::new(&folder).join("zoom").join(file)).unwrap();
        let mut document: Value = serde_json::from_str(&text).unwrap();
        for (path, operations) in document["paths"].as_object_mut().unwrap() {
            if shipped.contains_key(path) {
                let schema = &operations["get"]["responses"]["200"]["content"]["application/json"]["schema"];
                extract.insert(path.clone(), strip(schema, ""));
            }
        }
    }
    assert_eq!(Value::Object(extract), Value::Object(shipped));
}

async fn check(api: &Api, operation: &str, path: &str) {
    let (status, body) = api.ask(path).await;
    assert_eq!(status, 200, "{path}: {body}");
    let errors: Vec<_> = validator(operation)
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .take(5)
        .collect();
    assert!(errors.is_empty(), "{operation}: {errors:#?}");
}

fn validator(operation: &str) -> Validator {
    let mut extract: Value = serde_json::from_str(EXTRACT).unwrap();
    for (operation, place, field) in LIVE_ONLY {
        extract[operation].pointer_mut(place).unwrap()[field] = json!({ "type": ["string", "boolean"] });
    }
    jsonschema::options().should_validate_formats(true).build(&extract[operation]).unwrap()
}

/// Keeps names, types, enumerations and time formats; refuses undeclared fields.
fn strip(schema: &Value, name: &str) -> Value {
    let whole = [schema.clone()];
    let parts = schema["allOf"].as_array().map_or(whole.as_slice(), Vec::as_slice);
    if schema["allOf"].is_array() || schema["type"] == "object" {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for part in parts {
            for (name, property) in part["properties"].as_object().into_iter().flatten() {
                properties.insert(name.clone(), strip(property, name));
            }
            required.extend(part["required"].as_array().into_iter().flatten().cloned());
        }
        let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            object["required"] = required.into();
        }
        return object;
    }
    if schema["type"] == "array" {
        return json!({ "type": "array", "items": strip(&schema["items"], name) });
    }
    let mut kept = json!({ "type": schema["type"] });
    if schema["format"] == "date" || schema["format"] == "date-time" {
        kept["format"] = schema["format"].clone();
    }
    if schema["maximum"].is_number() {
        kept["maximum"] = schema["maximum"].clone();
    }
    if schema["enum"].is_array() && !OPEN_LISTS.contains(&name) {
        kept["enum"] = schema["enum"].clone();
    }
    kept
}
