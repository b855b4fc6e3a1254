//! Invalid files: a fast error, or the same result as another reader.

use std::time::{Duration, Instant};

use maxminddb::Reader;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::*;
use crate::enrich::mmdb::{Shape, city, database, shaped};

/// Returns a file in which every address has the record at the start of `data`.
fn raw(data: &[u8]) -> File {
    // The metadata of a tree with one node, both of whose records point there.
    let one = database("City", [("::/1", json!("x"))]);
    let marker = one.windows(3).rposition(|bytes| bytes == b"\xab\xcd\xef").unwrap();
    let tree = [0, 0, 17, 0, 0, 17];
    File::new(&[&tree[..], &[0; 16], data, &one[marker..]].concat())
}

fn read<T: DeserializeOwned>(data: &[u8]) -> Result<Option<T>, Fault> {
    raw(data).open().unwrap().lookup(ip("1.2.3.4"))
}

fn fault(data: &[u8]) -> String {
    let began = Instant::now();
    let fault = read::<Value>(data).unwrap_err().to_string();
    assert!(began.elapsed() < Duration::from_secs(1), "{fault} after {:?}", began.elapsed());
    fault
}

/// Returns the header of an array of `size` values.
fn array(size: u8) -> Vec<u8> {
    vec![size, 4]
}

#[test]
fn every_type_is_read() {
    assert_eq!(read(&[0x42, b'h', b'i']).unwrap(), Some("hi".to_owned()));
    assert_eq!(read(&[0x82, b'h', b'i']).unwrap(), Some("hi".to_owned()), "bytes");
    assert_eq!(read(&[0x68, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]).unwrap(), Some(1.5_f64));
    assert_eq!(read(&[0x04, 8, 0x3f, 0xc0, 0, 0]).unwrap(), Some(1.5_f32));
    assert_eq!(read(&[0xa0]).unwrap(), Some(0_u16));
    assert_eq!(read(&[0xc3, 1, 0, 0]).unwrap(), Some(65_536_u32));
    assert_eq!(read(&[0x04, 1, 0xff, 0xff, 0xff, 0xfe]).unwrap(), Some(-2_i32));
    assert_eq!(read(&[0x02, 1, 0xff, 0xfe]).unwrap(), Some(65_534_i32));
    assert_eq!(read(&[[0x08, 2].as_slice(), &[0xff; 8]].concat()).unwrap(), Some(u64::MAX));
    assert_eq!(read(&[[0x10, 3].as_slice(), &[0xff; 16]].concat()).unwrap(), Some(u128::MAX));
    assert_eq!((read(&[1, 7]).unwrap(), read(&[0, 7]).unwrap()), (Some(true), Some(false)));
    assert_eq!(read(&[2, 4, 0xa1, 7, 0xa1, 8]).unwrap(), Some(vec![7, 8]));
    assert_eq!(read::<Value>(&[0xe1, 0x41, b'a', 0xa1, 7]).unwrap(), Some(json!({"a": 7})));
}

#[test]
fn a_value_that_cannot_be_is_an_error() {
    for (data, why) in [
        (&[0x67, 0, 0, 0, 0, 0, 0, 0][..], "wrong size"),
        (&[0x03, 8, 0, 0, 0], "wrong size"),
        (&[0xa3, 0, 0, 1], "wrong size"),
        (&[0x05, 1, 0, 0, 0, 0, 1], "wrong size"),
        (&[0x02, 7], "wrong size"),
        (&[0x00, 5], "no known type"),
        (&[0x00, 0], "no known type"),
        (&[0x00, 0xff], "no known type"),
        (&[0x41, 0xff], "UTF-8"),
        (&[0xe1, 0xa1, 7, 0xa1, 7], "a key is no text"),
        (&[0x42, b'h'], "larger than the file"),
        (&[0x5f, 0xff, 0xff, 0xff], "larger than the file"),
        (&[0xff, 0xff, 0xff, 0xff], "larger than the file"),
        (&[0x1f, 4, 0xff, 0xff, 0xff], "larger than the file"),
        (&[0x5f], "larger than the file"),
        (&[0x38, 0xff, 0xff, 0xff, 0xff], "behind its end"),
        (&[0x20, 2], "behind its end"),
    ] {
        let found = fault(data);
        assert!(found.contains(why), "{data:x?}: {found}");
    }
}

#[test]
fn pointers_have_an_end() {
    assert_eq!(fault(&[0x20, 0]), "a pointer points to a pointer");
    assert_eq!(fault(&[0xe1, 0x41, b'a', 0x20, 0]), "a record is too deep");
    assert_eq!(fault(&[0xe1, 0x20, 0]), "a key is no text");
    assert_eq!(fault(&[2, 4, 0x20, 0, 0x20, 0]), "a record is too deep");
    // Each array doubles the next one: 2^24 values in total.
    let doubled = (0..24_u8).flat_map(|level| [2, 4, 0x20, 6 * (level + 1), 0x20, 6 * (level + 1)]);
    assert_eq!(fault(&doubled.chain([0, 4]).collect::<Vec<_>>()), "a record is too large");
    // Each text is a quarter of a record's limit.
    let texts =
        [&array(5)[..], &[0x20, 12, 0x20, 12, 0x20, 12, 0x20, 12, 0x20, 12], &[0x5f, 3, 0, 0]].concat();
    assert_eq!(fault(&[texts, vec![b'x'; 300_000]].concat()), "the texts of a record are too large");
}

#[test]
fn depth_and_size_have_an_end() {
    let nested = array(1).repeat(10_000);
    assert_eq!(fault(&nested), "a record is too deep");
    // Skipping is not recursive.
    let nested = [nested, array(0)].concat();
    assert!(read::<IgnoredAny>(&nested).unwrap().is_some());
    let mut many = vec![0x1f, 4, 0xff, 0xff, 0xff];
    many.extend([1, 7].repeat(100_000));
    assert_eq!(fault(&many), "a record is too large");
    assert_eq!(read::<IgnoredAny>(&many).unwrap_err().to_string(), "a record is too large");
}

#[test]
fn what_is_not_asked_for_is_not_read() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Asked {
        b: u8,
    }
    // `a` is an invalid text, `c` points outside.
    let data = [0xe3, 0x41, b'a', 0x41, 0xff, 0x41, b'b', 0xa1, 7, 0x41, b'c', 0x38, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(read(&data).unwrap(), Some(Asked { b: 7 }));
    let of_two = [2, 4, 2, 4, 0xa1, 1, 0xa1, 2, 0xa1, 3];
    assert_eq!(read(&of_two).unwrap(), Some(((1,), 3)), "what is left of an array is passed over");
}

#[test]
fn what_a_file_says_of_itself_must_fit_it() {
    let whole = database("City", [("81.2.69.0/24", json!("x"))]);
    let with = |field: &[u8], bytes: &[u8]| {
        let mut file = whole.clone();
        let place = file.windows(field.len()).rposition(|found| found == field).unwrap() + field.len() + 1;
        file.splice(place..place + bytes.len(), bytes.iter().copied());
        File::new(&file).open().err().unwrap().to_string()
    };
    assert!(with(b"record_size", &[25]).contains("24, 28 nor 32"));
    assert!(with(b"ip_version", &[5]).contains("neither IPv4 nor IPv6"));
    assert!(with(b"node_count", &[0]).contains("search tree"));
    assert!(with(b"node_count", &[0xff]).contains("search tree"));
    assert!(with(b"major_version", &[3]).contains("version 2"));
    assert!(File::new(&[b'x'; 300_000]).open().err().unwrap().to_string().contains("MaxMind metadata"));
    // Only the last marker in the last 128 KiB counts.
    let twice = [&whole[..], &whole].concat();
    assert!(File::new(&twice).open().is_ok());
    assert!(File::new(&[&whole[..], &[0; 128 << 10]].concat()).open().is_err());
}

#[test]
fn with_any_byte_broken_the_file_tells_what_others_read_or_nothing() {
    let record = city("London", "England", ("GB", "United Kingdom"), (51.5142, -0.0931));
    let networks =
        [("81.2.69.0/24", record.clone()), ("81.2.70.0/24", record), ("2a02::/16", json!(["London"]))];
    let shape = Shape { shares: true, ..Shape::default() };
    let whole = shaped(shape, "City", networks);
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..whole.len() * 3)
        .map(|number| {
            let mut broken = whole.clone();
            broken[number / 3] ^= [0xff, 0x01, 0x20][number % 3];
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, &broken).unwrap();
            (path, broken)
        })
        .collect();
    let (mut same, mut refused) = (0, 0);
    for (path, bytes) in files {
        let (Ok(ours), Ok(theirs)) = (Database::open(&path), Reader::from_source(bytes)) else { continue };
        for address in ["81.2.69.1", "81.2.70.1", "2a02::1", "8.8.8.8"].map(ip) {
            let theirs = theirs.lookup(address).and_then(|found| found.decode::<Value>());
            match value(&ours, address) {
                Ok(ours) => {
                    assert_eq!(ours, theirs.unwrap(), "{address} in {}", path.display());
                    same += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(same > 9_000 && refused > 100, "{same} the same, {refused} refused");
}
