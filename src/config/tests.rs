//! Values that the configuration accepts and refuses, and the agreement of `example.env` with the code.

use super::*;

/// Returns the names that `example.env` sets or shows commented out.
fn named_in_example() -> Vec<String> {
    include_str!("../../example.env")
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .collect()
}

#[test]
fn example_env_names_exactly_the_variables_the_code_reads() {
    let read: Vec<String> = VARIABLES.iter().map(|variable| variable.name.to_owned()).collect();
    assert_eq!(named_in_example(), read);
}

#[test]
fn example_env_shows_the_defaults_and_parses() {
    let text = include_str!("../../example.env");
    for Variable { name, default } in VARIABLES {
        if let Some(default) = default {
            assert!(
                text.contains(&format!("\n# {name}={default}\n")),
                "{name}={default} is not in example.env"
            );
        }
    }
    let pairs: Vec<_> = dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>().unwrap();
    assert!(!pairs.is_empty());
}

#[test]
fn a_wrong_value_names_its_variable_and_what_it_takes() {
    for (name, value) in [
        ("UA_INDEX_SPLIT", "week"),
        ("UA_RAW_DAYS", "-1"),
        ("ZOOM_LIST_PERMITS", "0"),
        ("UA_LOG_FORMAT", "xml"),
        ("ZOOM_WEBINARS", "perhaps"),
        ("UA_HTTP", "everywhere"),
        ("UA_HTTP", "70000"),
        ("BANNER_ENDPOINT_BASE", "banner.example.edu"),
    ] {
        let error = Config::from(&Environment::of([(name, value.to_owned())])).unwrap_err().to_string();
        assert!(error.starts_with(name) && error.contains("takes"), "{error}");
    }
}

#[test]
fn a_port_alone_is_for_this_machine() {
    let address = |text: &str| {
        let environment = Environment::of([("UA_HTTP", text.to_owned())]);
        Config::from(&environment).unwrap().http.map(|address| address.to_string())
    };
    for text in ["9464", ":9464", "localhost:9464", "127.0.0.1:9464"] {
        assert_eq!(address(text).as_deref(), Some("127.0.0.1:9464"), "{text}");
    }
    assert_eq!(address("0.0.0.0:0").as_deref(), Some("0.0.0.0:0"));
    assert_eq!(address("[::1]:80").as_deref(), Some("[::1]:80"));
    assert_eq!(address(""), None);
}

#[test]
fn debug_never_shows_a_secret() {
    let canary = |name: &'static str| (name, "amqp://u:canary@h/".to_owned());
    let names = ["AMQP_URL", "AMQP_MANAGEMENT_URL", "ES_PASSWORD", "ES_API_KEY", "ZOOM_CLIENT_SECRET"];
    let ids = [
        ("ES_HOST", "http://u:canary@h:1".to_owned()),
        ("ZOOM_ACCOUNT_ID", "a".into()),
        ("ZOOM_CLIENT_ID", "b".into()),
    ];
    let environment = Environment::of(names.map(canary).into_iter().chain(ids));
    let config = Config::from(&environment).unwrap();
    assert!(config.zoom.is_ok() && config.amqp.is_some() && config.search.is_some());
    assert!(!format!("{config:?}").contains("canary"));
}
