use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::mmdb::{city, database};
use super::places::Places;
use super::*;

const HERE: &str = "81.2.69.142";

/// A file of places in a folder of its own.
struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new(bytes: &[u8]) -> Self {
        let file = Self { folder: tempfile::tempdir().unwrap() };
        file.write(bytes);
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("places.mmdb")
    }

    fn write(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).unwrap();
    }
}

fn cities(name: &str) -> Vec<u8> {
    let records = [
        ("81.2.69.0/24", city(name, "England", ("GB", "United Kingdom"), (51.5142, -0.0931))),
        ("2a02:8380::/32", city("Vienna", "Vienna", ("AT", "Austria"), (48.2, 16.37))),
        ("10.0.0.0/8", city("Nowhere", "", ("XX", ""), (0.5, 0.5))),
        (
            "81.2.70.0/24",
            json!({"location": {"latitude": 91.0, "longitude": 0.0}, "city": {"names": {"en": ""}}}),
        ),
        ("81.2.71.0/24", json!({"country": {"iso_code": "FR", "names": {"de": "Frankreich"}}})),
        ("81.2.72.0/24", json!({"city": "not a map"})),
    ];
    database("GeoLite2-City", records)
}

fn place(enricher: &Enricher, address: &str) -> Value {
    serde_json::to_value(enricher.view().place(address.parse().unwrap())).unwrap()
}

#[test]
fn an_address_gets_its_place_by_the_names_of_the_old_index() {
    let file = File::new(&cities("London"));
    let enricher = Enricher::with_places(&file.path()).unwrap();
    assert_eq!(enricher.places().as_deref(), Some("GeoLite2-City of 2026-01-01"));
    assert_eq!(Enricher::default().places(), None);
    let london = json!({
        "ip": HERE, "location": {"lat": 51.5142, "lon": -0.0931}, "latitude": 51.5142, "longitude": -0.0931,
        "city_name": "London", "region_name": "England", "country_name": "United Kingdom", "country_code2": "GB",
        "continent_code": "EU",
    });
    assert_eq!(place(&enricher, HERE), london);
    assert_eq!(place(&enricher, "::ffff:81.2.69.142"), london);
    assert_eq!(place(&enricher, "2a02:8380::1")["city_name"], "Vienna");
    assert_eq!(place(&enricher, "81.2.71.1"), json!({"ip": "81.2.71.1", "country_code2": "FR"}));
    for nowhere in ["10.1.2.3", "127.0.0.1", "::1", "81.2.70.1", "81.2.72.1", "8.8.8.8", "2a03::1"] {
        assert_eq!(place(&enricher, nowhere), Value::Null, "{nowhere}");
    }
    assert_eq!(place(&Enricher::default(), HERE), Value::Null);
}

#[test]
fn a_changed_file_is_taken_once_a_minute_and_a_worse_one_never() {
    let (file, began) = (File::new(&cities("London")), Instant::now());
    let places = Places::open(&file.path(), began).unwrap();
    let name = || {
        let current = places.current();
        serde_json::to_value(current.place(HERE.parse().unwrap())).unwrap()["city_name"].clone()
    };
    let look = |seconds| {
        let now = began + Duration::from_secs(seconds);
        let due = places.is_due(now);
        places.refresh(now);
        (due, name())
    };
    // Every text has a length of its own: a change shows even on a file system whose clock is coarse.
    file.write(&cities("Londinium"));
    assert_eq!(look(59), (false, json!("London")));
    assert_eq!(look(60), (true, json!("Londinium")));
    file.write(b"\xab\xcd\xefMaxMind.com and no more");
    assert_eq!(look(120), (true, json!("Londinium")), "a broken file changes nothing");
    std::fs::remove_file(file.path()).unwrap();
    assert_eq!(look(180), (true, json!("Londinium")), "nor does one that is gone");
    file.write(&cities("Trinovantum"));
    assert_eq!(look(240), (true, json!("Trinovantum")));
}

#[test]
fn what_is_no_file_of_places_is_an_error_of_one_line_that_names_it() {
    let whole = cities("London");
    let owners = database("GeoLite2-ASN", [("81.2.69.0/24", json!({"autonomous_system_number": 1}))]);
    let mut damaged = whole.clone();
    let marker = whole.len() - 200;
    damaged[marker..].fill(0xff);
    for (bytes, why) in [
        (&b""[..], "MaxMind"),
        (b"hello", "MaxMind"),
        (&whole[..whole.len() / 2], "MaxMind"),
        (&whole[..whole.len() - 7], "MaxMind"),
        (&damaged, "MaxMind"),
        (&owners, "something else"),
    ] {
        let file = File::new(bytes);
        let error = Enricher::with_places(&file.path()).unwrap_err().to_string();
        assert!(error.contains("places.mmdb is no usable") && error.contains(why), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let gone = File::new(b"").folder.path().join("places.mmdb");
    let error = Enricher::with_places(&gone).unwrap_err().to_string();
    assert!(error.contains("places.mmdb cannot be read: "), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = Enricher::with_places(folder.path()).unwrap_err().to_string();
    assert!(error.contains("cannot be read: it is no file"), "{error}");
}

#[test]
fn a_file_with_any_byte_broken_tells_a_place_or_none_and_never_panics() {
    let whole = cities("London");
    for position in 0..whole.len() {
        let mut broken = whole.clone();
        broken[position] ^= 0xff;
        let file = File::new(&broken);
        if let Ok(enricher) = Enricher::with_places(&file.path()) {
            for address in [HERE, "2a02:8380::1", "8.8.8.8"] {
                let place = place(&enricher, address);
                assert!(place.is_null() || place["ip"] == address, "byte {position}: {place}");
            }
        }
    }
}
