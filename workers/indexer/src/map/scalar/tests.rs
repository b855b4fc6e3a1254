use super::kinds::first_address;
use super::*;

row! {
    /// A row with a field of each kind.
    Sample<'a> {
        text: Text<'a> = "text",
        count: Count = "count",
        series: Series = "series",
        flag: Flag = "flag",
        time: Time = "time",
        clock: Clock = "clock",
        minutes: Minutes = "minutes",
        address: Address = "address",
        list: List<Text<'a>> = "list",
        tracking: List<TrackingField<'a>> = "tracking",
    }
}

fn read(json: &str) -> (Sample<'_>, Vec<(&'static str, u64)>) {
    let row: Sample<'_> = serde_json::from_str(json).unwrap();
    let mut dropped = Vec::new();
    row.dropped(|field, values| {
        if values > 0 {
            dropped.push((field, values));
        }
    });
    (row, dropped)
}

#[test]
fn null_empty_and_absent_are_one() {
    for json in [
        "{}",
        r#"{"text":null,"count":null,"flag":null,"list":null,"time":null,"address":null,"tracking":null}"#,
        r#"{"text":"","count":"","flag":"","list":"","time":" ","clock":"","minutes":"","address":"","series":0}"#,
        r#"{"list":[],"tracking":[null]}"#,
    ] {
        let (row, dropped) = read(json);
        assert_eq!(dropped, [], "{json}");
        assert_eq!((row.text.get(), row.count.0, row.flag.0, row.time.0), (None, None, None, None), "{json}");
        assert_eq!((row.list.0.len(), row.tracking.0.len()), (0, 0), "{json}");
    }
}

#[test]
fn scalars_come_in_any_type_that_holds_them() {
    let (row, dropped) = read(
        r#"{"text":16778240,"count":"20","series":"93201235621","flag":"True","time":1796022154,"clock":60,
            "minutes":"4","address":"anonymous, 192.0.2.1","list":["a","",null,"b"]}"#,
    );
    assert_eq!(dropped, []);
    assert_eq!((row.text.get(), row.count.0, row.flag.0), (Some("16778240"), Some(20), Some(true)));
    assert_eq!((row.clock.0, row.minutes.0), (Some(3_600), Some(240)));
    assert_eq!(row.address.0, "192.0.2.1".parse().ok());
    assert!(row.time.0.is_some() && row.series.0.is_some());
    let (row, _) = read(r#"{"text":"a\u00e4","count":20.0,"flag":0,"list":"a"}"#);
    assert_eq!((row.text.get(), row.count.0, row.flag.0), (Some("aä"), Some(20), Some(false)));
    assert_eq!(row.list.0.len(), 1);
}

#[test]
fn what_cannot_be_used_costs_itself_alone() {
    for (json, field) in [
        (r#"{"text":{"a":[1]}}"#, "text"),
        (r#"{"text":["a","b"]}"#, "text"),
        (r#"{"text":"half \ufffd"}"#, "text"),
        (r#"{"count":"many"}"#, "count"),
        (r#"{"count":2.5}"#, "count"),
        (r#"{"count":-1}"#, "count"),
        (r#"{"count":3000000000}"#, "count"),
        (r#"{"count":1e300}"#, "count"),
        (r#"{"count":[]}"#, "count"),
        (r#"{"series":99999999999999999999}"#, "series"),
        (r#"{"series":-7}"#, "series"),
        (r#"{"flag":2}"#, "flag"),
        (r#"{"flag":"yes"}"#, "flag"),
        (r#"{"time":"11/29/2026 10:00:00 AM"}"#, "time"),
        (r#"{"time":true}"#, "time"),
        (r#"{"clock":"-1:00"}"#, "clock"),
        (r#"{"minutes":-4}"#, "minutes"),
        (r#"{"address":"10.0.0"}"#, "address"),
        (r#"{"list":{"a":1}}"#, "list"),
        (r#"{"list":["a",{}]}"#, "list"),
        (r#"{"tracking":[{"field":"f","value":["x"]}]}"#, "tracking"),
        (r#"{"tracking":"x"}"#, "tracking"),
        (r#"{"tracking":[{"value":"without a name"}]}"#, "tracking"),
        (r#"{"text":"a","text":"b"}"#, "text"),
    ] {
        assert_eq!(read(json).1, [(field, 1)], "{json}");
    }
    let (row, _) = read(r#"{"text":"a","count":1,"text":"b"}"#);
    assert_eq!((row.text.get(), row.count.0), (Some("b"), Some(1)), "the last one counts");
    let (row, dropped) = read(r#"{"tracking":{"field":"f","value":{}}}"#);
    assert_eq!((row.tracking.0.len(), dropped), (1, vec![("tracking", 1)]), "the name is kept");
    assert_eq!(read(r#"{"text":"half \ufffd"}"#).0.text.get(), Some("half \u{fffd}"));
}

#[test]
fn depth_is_skipped_and_not_climbed() {
    let deep = format!(r#"{{"text":{}1{},"count":7}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let (row, dropped) = read(&deep);
    assert_eq!((row.count.0, dropped), (Some(7), vec![("text", 1)]));
}

#[test]
fn the_first_valid_address_is_taken() {
    assert_eq!(first_address("192.0.2.1, 192.0.2.2"), "192.0.2.1".parse().ok());
    assert_eq!(first_address("anonymous, 2001:db8::1"), "2001:db8::1".parse().ok());
    assert_eq!(first_address("10.0.0"), None);
}
