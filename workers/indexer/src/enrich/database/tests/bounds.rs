//! Memory use, whatever the file's size.

use serde_json::json;

use super::super::cache::MOST;
use super::*;
use crate::enrich::mmdb::database;

#[test]
fn of_a_large_file_no_more_is_held_than_there_is_room_for() {
    let networks = (0..4_096_u32).map(|number| {
        (format!("81.{}.{}.0/24", number >> 8, number & 0xff), json!(format!("{number:04}").repeat(1_500)))
    });
    let bytes = database("City", networks);
    assert!(bytes.len() > 4 * MOST);
    let file = File::new(&bytes);
    let database = file.open().unwrap();
    assert!(database.blocks.kept() < 160 << 10, "to open it, its end is read and little more");
    let all = || {
        for number in 0..4_096_u32 {
            let address = ip(&format!("81.{}.{}.7", number >> 8, number & 0xff));
            let expected = json!(format!("{number:04}").repeat(1_500));
            assert_eq!(value(&database, address).unwrap(), Some(expected));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(all);
        }
    });
    let kept = database.blocks.kept();
    assert!((MOST / 2..=MOST).contains(&kept), "{kept} bytes");
}
