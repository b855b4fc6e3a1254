//! Invalid values: each is omitted alone, and only an invalid id costs the row.

use super::*;

/// Returns the values omitted from the documents of a page.
fn dropped(kind: RawKind, context: &str, body: &str) -> Vec<(&'static str, u64)> {
    let enricher = Enricher::default();
    let (page, mut batch) = (raw(kind, "GET x", context, body), Batch::new());
    let target = Target { prefix: "", split: Split::Month, ua_version: "0.1.0", enricher: &enricher };
    encode_page(&page, &target, &mut batch).unwrap().dropped.iter().collect()
}

/// Returns a row as JSON text with one more member, which may be a repeated one.
fn with(row: &str, member: &str) -> String {
    format!("{},{member}}}", row.strip_suffix('}').unwrap())
}

#[test]
fn a_field_that_cannot_be_used_costs_itself_alone() {
    use RawKind as K;
    let uuid = r#"{"uuid":"4444AAAiAAAAAiAiAiiAiA=="}"#;
    let join = r#"{"user_id":"16778240"}"#;
    let lists = [
        (K::ZoomMetricsMeetings, "meetings", HOSTS, uuid),
        (K::ZoomMetricsWebinars, "webinars", HOSTS, uuid),
        (K::ZoomReportMeetings, "meetings", HOSTS, uuid),
    ];
    let of_meetings = [
        ("id", "99999999999999999999"),
        ("id", "-1"),
        ("id", r#"{"a":1}"#),
        ("topic", r#"["a"]"#),
        ("topic", r#""half \ud83d""#),
        ("topic", r#""\ude00""#),
        ("topic", "1e999"),
        ("type", "2147483648"),
        ("start_time", r#""11/29/2026 10:00:00 AM""#),
        ("start_time", "true"),
        ("start_time", "-5"),
        ("end_time", r#""2026-01-05T24:00:00Z""#),
        ("end_time", r#""-000001-01-01T00:00:00Z""#),
        ("duration", r#""soon""#),
        ("duration", "-60"),
        ("duration", "[60]"),
        ("has_recording", "3"),
        ("has_recording", r#""yes""#),
        ("has_screen_share", "{}"),
        ("has_external_participant", r#""no""#),
        ("tracking_fields", r#"[{"field":"f","value":["x"]}]"#),
        ("tracking_fields", "7"),
        ("host_id", "[]"),
    ];
    for (kind, list, context, row) in lists {
        for (field, value) in of_meetings {
            one_is_dropped(kind, (list, context), &with(row, &format!("\"{field}\":{value}")), field);
        }
    }
    let counts = [
        (K::ZoomMetricsMeetings, "meetings", "participants"),
        (K::ZoomReportMeetings, "meetings", "participants_count"),
    ];
    for (kind, list, field) in counts {
        for value in [r#""many""#, "-2", "2.5", "3000000000", "1e999", "[2]", r#"{"total":2}"#, "true"] {
            one_is_dropped(kind, (list, HOSTS), &with(uuid, &format!("\"{field}\":{value}")), field);
        }
    }
    let of_both = [
        ("join_time", r#""11/29/2026 10:00:00 AM""#),
        ("leave_time", r#"{"at":"2026-01-05T09:00:00Z"}"#),
        ("registrant_id", "[1]"),
        ("customer_key", "{}"),
        ("status", "[]"),
        ("bo_mtg_id", r#""\ud83d\ud83d""#),
    ];
    let of_the_dashboard = [
        ("user_name", r#""Ada \ud83d""#),
        ("device", r#"["Windows","iOS"]"#),
        ("ip_address", r#""10.0.0""#),
        ("ip_address", r#"["10.0.0.1"]"#),
        ("internal_ip_addresses", r#"["10.0.0.1",{}]"#),
        ("recording", r#""Yes""#),
        ("share_desktop", "2"),
        ("share_whiteboard", "0.5"),
        ("in_room_participants", r#""N/A""#),
        ("in_room_participants", "2.5"),
        ("location", r#"{"city":"x"}"#),
        ("leave_reason", "[]"),
    ];
    let of_the_reports =
        [("name", "[]"), ("duration", "-20"), ("duration", r#""long""#), ("failover", r#""maybe""#)];
    let sessions = [
        (K::ZoomMetricsParticipants, &of_the_dashboard[..]),
        (K::ZoomMetricsWebinarParticipants, &of_the_dashboard[..]),
        (K::ZoomReportParticipants, &of_the_reports[..]),
        (K::ZoomReportWebinarParticipants, &of_the_reports[..]),
    ];
    for (kind, own) in sessions {
        for (field, value) in own.iter().chain(&of_both) {
            one_is_dropped(
                kind,
                ("participants", MEETING),
                &with(join, &format!("\"{field}\":{value}")),
                field,
            );
        }
        let twice = with(&with(join, r#""user_id":"9""#), r#""user_id":"7""#);
        let body = format!(r#"{{"participants":[{twice}]}}"#);
        assert_eq!(
            dropped(kind, MEETING, &body),
            [("user_id", 2)],
            "the last one counts, the others are counted"
        );
        let found = mapped(kind, "GET x", MEETING, &body);
        assert_eq!(found["documents"][0]["_source"]["user_id"], "7", "{found}");
    }
}

/// Asserts that the row's document omits one value of `field` and fits its template, and that the other rows are
/// mapped.
fn one_is_dropped(kind: RawKind, (list, context): (&str, &str), row: &str, field: &str) {
    let neighbour = row.split_once(',').map_or(row.to_owned(), |(id, _)| format!("{id}}}"));
    let body = format!(r#"{{"{list}":[{neighbour},{row},{neighbour}]}}"#);
    let (documents, unusable) = map(&raw(kind, "GET x", context, &body)).unwrap();
    assert_eq!((documents.len(), unusable.len()), (3, 0), "{kind:?} {row}: {unusable:?}");
    let dropped = dropped(kind, context, &body);
    assert_eq!(dropped.len(), 1, "{kind:?} {row}: {dropped:?}");
    assert_eq!(dropped[0].0, field, "{kind:?} {row}");
}

#[test]
fn only_what_names_a_row_costs_it() {
    for row in
        ["null", "7", "[]", "\"x\"", "{}", r#"{"user_id":null}"#, r#"{"user_id":{}}"#, r#"{"user_id":[1]}"#]
    {
        let body = format!(r#"{{"participants":[{{"user_id":"1"}},{row},{{"user_id":2}}]}}"#);
        for kind in [RawKind::ZoomMetricsParticipants, RawKind::ZoomReportWebinarParticipants] {
            let (documents, unusable) = map(&raw(kind, "GET x", MEETING, &body)).unwrap();
            assert_eq!((documents.len(), unusable.len()), (2, 1), "{row}");
            assert_eq!(unusable[0].position, 1, "{row}");
        }
    }
}

#[test]
fn large_and_odd_texts_and_numbers_are_documents() {
    let topic = "x".repeat(64 << 10);
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    for member in [
        format!(r#""topic":"{topic}""#),
        r#""topic":"a\u0000b""#.to_owned(),
        r#""topic":true"#.to_owned(),
        r#""id":"91000000000""#.to_owned(),
        r#""id":91000000000.0"#.to_owned(),
        r#""participants":"12""#.to_owned(),
        r#""start_time":1796022154"#.to_owned(),
        r#""unheard_of":1e999"#.to_owned(),
        format!(r#""unheard_of":{deep}"#),
        r#""tracking_fields":{}"#.to_owned(),
        r#""tracking_fields":[null]"#.to_owned(),
    ] {
        let row = with(r#"{"uuid":"4444AAAiAAAAAiAiAiiAiA=="}"#, &member);
        let body = format!(r#"{{"meetings":[{row},{{"uuid":"a+bcAAAiAAAAAiAiAiiAiA=="}}]}}"#);
        let (documents, unusable) = map(&raw(RawKind::ZoomMetricsMeetings, "GET x", HOSTS, &body)).unwrap();
        assert_eq!(
            (documents.len(), unusable.len()),
            (2, 0),
            "{}",
            member.chars().take(80).collect::<String>()
        );
        assert_eq!(dropped(RawKind::ZoomMetricsMeetings, HOSTS, &body), []);
    }
}

#[test]
fn times_are_read_in_every_form_or_counted() {
    let page = |join: &str| {
        let body = format!(r#"{{"participants":[{{"user_id":"1","join_time":{join}}}]}}"#);
        let found = mapped(RawKind::ZoomMetricsParticipants, "GET x", MEETING, &body);
        (
            found["documents"][0]["_source"]["join_time"].clone(),
            dropped(RawKind::ZoomMetricsParticipants, MEETING, &body),
        )
    };
    for read in [
        r#""2026-01-05T09:00:00Z""#,
        r#""2026-01-05T09:00:00.0000000+00:00""#,
        r#""2026-01-05T10:00:00+0100""#,
        r#""2026-01-05 09:00:00""#,
        "1767603600",
        "1767603600000",
        r#""1767603600""#,
    ] {
        assert_eq!(page(read), (json!("2026-01-05T09:00:00Z"), vec![]), "{read}");
    }
    for counted in [r#""11/29/2026 10:00:00 AM""#, r#""2026-01-05T24:00:00Z""#, r#""2026-01-05""#, "7", "[]"]
    {
        assert_eq!(page(counted), (Value::Null, vec![("join_time", 1)]), "{counted}");
    }
    for blank in ["null", r#""""#] {
        assert_eq!(page(blank), (Value::Null, vec![]), "{blank}");
    }
}
