use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::mmdb::{city, database};
use super::places::Places;
use super::*;

const HERE: &str = "81.2.69.142";

/// A file of places in a temporary folder.
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

    /// Replaces the file as geoipupdate does: writes a new file and renames it.
    fn write(&self, bytes: &[u8]) {
        let new = self.folder.path().join("new.mmdb");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    /// Overwrites the file in place.
    fn write_over(&self, bytes: &[u8]) {
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
    serde_json::to_value(enricher.view().place(address.parse().unwrap()).as_deref()).unwrap()
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
        let place = current.place(HERE.parse().unwrap());
        serde_json::to_value(place.as_deref()).unwrap()["city_name"].clone()
    };
    let look = |seconds| {
        let now = began + Duration::from_secs(seconds);
        let due = places.is_due(now);
        places.refresh(now);
        (due, name())
    };
    // The texts differ in length, so that a change is visible even with coarse file times.
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

/// Returns a file of 200 networks whose names are all in different blocks.
fn many(name: &str) -> Vec<u8> {
    let networks = (0..200_u8).map(|number| {
        let mut record = city(name, "England", ("GB", "United Kingdom"), (51.5, -0.1));
        record["padding"] = json!("x".repeat(8_192));
        (format!("81.2.{number}.0/24"), record)
    });
    database("GeoLite2-City", networks)
}

#[test]
fn a_file_that_is_written_over_is_taken_anew_at_once_and_tells_no_wrong_place() {
    let warnings = Warnings::default();
    let told = || warnings.0.lock().unwrap().clone();
    let _heard = tracing::subscriber::set_default(warnings.clone());
    let (file, began) = (File::new(&many("London")), Instant::now());
    let places = Places::open(&file.path(), began).unwrap();
    let name = |address: &str| {
        let current = places.current();
        let place = current.place(address.parse().unwrap());
        serde_json::to_value(place.as_deref()).unwrap()["city_name"].clone()
    };
    let at = |milliseconds| began + Duration::from_millis(milliseconds);
    assert_eq!(name("81.2.7.1"), "London");
    file.write_over(&many("Berlin")[..1 << 20]);
    assert!(!places.is_due(at(1)), "nobody knows yet");
    assert_eq!((name("81.2.7.1"), name("81.2.8.1")), (json!("London"), Value::Null));
    assert_eq!((name("81.2.9.1"), told().len()), (Value::Null, 1));
    assert!(told()[0].contains("move a new file over the old one"), "{:?}", told());
    // The file is still incomplete: logged once, and checked again after a second.
    assert!(places.is_due(at(2)));
    places.refresh(at(2));
    assert!(!places.is_due(at(1_001)) && places.is_due(at(1_002)));
    assert_eq!((name("81.2.7.1"), name("81.2.8.1")), (json!("London"), Value::Null));
    file.write_over(&many("Berlin")[..1 << 19]);
    places.refresh(at(1_002));
    assert_eq!(told().len(), 2, "{:?}", told());
    assert!(told()[1].contains("no usable MaxMind database"), "{:?}", told());
    file.write_over(&many("Berlin"));
    places.refresh(at(2_002));
    assert_eq!((name("81.2.7.1"), name("81.2.8.1")), (json!("Berlin"), json!("Berlin")));
    assert!(!places.is_due(at(62_001)) && places.is_due(at(62_002)), "from now on once a minute again");
    // The next overwrite is logged as the first one was.
    file.write_over(&many("Vienna"));
    assert_eq!((name("81.2.9.1"), told().len()), (Value::Null, 3));
    assert!(places.is_due(at(2_003)));
    places.refresh(at(2_003));
    assert_eq!((name("81.2.9.1"), told().len()), (json!("Vienna"), 3));
}

/// Collects warnings.
#[derive(Debug, Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            self.0.lock().unwrap().push(format!("{value:?}"));
        });
    }

    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}
    fn enter(&self, _span: &tracing::span::Id) {}
    fn exit(&self, _span: &tracing::span::Id) {}
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
    let folder = tempfile::tempdir().unwrap();
    // All files are written first, because opening one waits for its clock.
    let files: Vec<_> = (0..whole.len())
        .map(|position| {
            let mut broken = whole.clone();
            broken[position] ^= 0xff;
            let path = folder.path().join(position.to_string());
            std::fs::write(&path, broken).unwrap();
            path
        })
        .collect();
    for (position, path) in files.iter().enumerate() {
        if let Ok(enricher) = Enricher::with_places(path) {
            for address in [HERE, "2a02:8380::1", "8.8.8.8"] {
                let place = place(&enricher, address);
                assert!(place.is_null() || place["ip"] == address, "byte {position}: {place}");
            }
        }
    }
}
