//! A file that changes while it is open never returns a wrong record.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::*;
use crate::enrich::mmdb::database;

const NETWORKS: u8 = 200;

/// Returns records of 12,000 bytes, each with a block of its own and the same length for every `letter`.
fn whole(letter: &str) -> Vec<u8> {
    database("City", (0..NETWORKS).map(|number| (format!("81.2.{number}.0/24"), record(number, letter))))
}

fn record(number: u8, letter: &str) -> Value {
    json!(format!("{number:03}{letter}").repeat(3_000))
}

fn address(number: u8) -> IpAddr {
    ip(&format!("81.2.{number}.1"))
}

/// Overwrites the file's bytes in chunks, without changing its size.
fn write_over(file: &File, bytes: &[u8]) {
    let open = OpenOptions::new().write(true).open(file.path()).unwrap();
    for (number, piece) in bytes.chunks(8_192).enumerate() {
        open.write_all_at(piece, number as u64 * 8_192).unwrap();
    }
}

#[test]
fn of_a_file_that_is_written_over_only_what_was_read_is_told() {
    let file = File::new(&whole("a"));
    let database = file.open().unwrap();
    assert_eq!(value(&database, address(7)).unwrap(), Some(record(7, "a")));
    let before = fs::metadata(file.path()).unwrap();
    write_over(&file, &whole("b"));
    // Resetting the modification time, as rsync does, is a change, too.
    OpenOptions::new()
        .write(true)
        .open(file.path())
        .unwrap()
        .set_modified(before.modified().unwrap())
        .unwrap();
    for _ in 0..2 {
        assert_eq!(value(&database, address(7)).unwrap(), Some(record(7, "a")));
        assert!(matches!(value(&database, address(8)), Err(Fault::Changed)));
    }
    assert_eq!(value(&file.open().unwrap(), address(8)).unwrap(), Some(record(8, "b")));
}

#[test]
fn of_a_file_that_is_cut_or_grows_nothing_more_is_told() {
    for bytes in [0, 1_000_000, 50_000_000] {
        let file = File::new(&whole("a"));
        let database = file.open().unwrap();
        OpenOptions::new().write(true).open(file.path()).unwrap().set_len(bytes).unwrap();
        assert!(matches!(value(&database, address(8)), Err(Fault::Changed)));
    }
}

#[test]
fn a_file_over_which_another_is_moved_or_that_is_removed_stays_what_it_was() {
    let file = File::new(&whole("a"));
    let database = file.open().unwrap();
    let new = file.folder.path().join("new");
    fs::write(&new, whole("b")).unwrap();
    fs::rename(new, file.path()).unwrap();
    assert_eq!(value(&database, address(8)).unwrap(), Some(record(8, "a")));
    let database = file.open().unwrap();
    fs::remove_file(file.path()).unwrap();
    assert_eq!(value(&database, address(8)).unwrap(), Some(record(8, "b")));
}

#[test]
fn a_file_that_is_just_being_written_is_not_taken_for_one_that_was() {
    let (file, bytes) = (File::new(&whole("a")), whole("b"));
    let stop = AtomicBool::new(false);
    let refused = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                write_over(&file, &bytes);
            }
        });
        let refuses = |database: &Database| {
            (0..NETWORKS).any(|number| matches!(value(database, address(number)), Err(Fault::Changed)))
        };
        let refused: Vec<_> = (0..9).map(|_| file.open().map(|database| refuses(&database))).collect();
        stop.store(true, Ordering::Relaxed);
        refused
    });
    // At opening or later. On a busy machine, the writer may pause so long that the file is complete for once.
    let taken = refused.iter().filter(|refused| matches!(refused, Ok(false))).count();
    assert!(taken <= 2, "{refused:?}");
}

#[test]
fn threads_that_ask_while_it_is_written_over_are_told_the_old_or_nothing() {
    for _ in 0..5 {
        let file = File::new(&whole("a"));
        let database = file.open().unwrap();
        let ask = |first: u8| {
            let numbers = (0..NETWORKS).map(|number| number.wrapping_mul(67) % NETWORKS);
            for number in numbers.cycle().skip(first.into()).take(600) {
                match value(&database, address(number)) {
                    Ok(found) => assert_eq!(found, Some(record(number, "a"))),
                    Err(fault) => assert!(matches!(fault, Fault::Changed), "{fault}"),
                }
            }
        };
        std::thread::scope(|scope| {
            for first in 0..3 {
                scope.spawn(move || ask(first));
            }
            write_over(&file, &whole("b"));
        });
    }
}
