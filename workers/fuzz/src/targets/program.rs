//! What only the program reads: requests of its pages, answers of the management API and of the course list.

use axum::http::{HeaderMap, HeaderValue, Uri, header};

use super::{bounded, said_well, target};
use crate::driver::Target;
use crate::mutate::Form;

pub(super) fn targets() -> Vec<Target> {
    let seeds = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let queries = seeds(&[
        "/dead?class=gone&source=zoom&queue=ua.jobs.zoom.list.daily&date=2026-01-02&state=all&limit=3",
        "/dead?uuid=a%2Fb%26c%3D%3D&since=2026-01-02T03:04:05Z&json",
        "/runs?limit=5&json=1&x=<canary>%3Ccanary%3E&limit=%3Ccanary",
    ]);
    let hosts = seeds(&[
        "localhost:9465 /",
        "[::1] /runs",
        "ua.example.org http://ua.example.org/",
        "evil.example /",
    ]);
    let answers = seeds(&[
        r#"[{"name":"rabbit@a","running":true,"mem_alarm":true,"disk_free_alarm":false}]"#,
        r#"[{"name":"stream_queue","state":"disabled"},{"name":"quorum_queue","state":"enabled"}]"#,
        r#"[{"name":"ua.dead","policy":"short","operator_policy":null}]"#,
        r#"[{"name":"short","definition":{"consumer-timeout":60000,"max-length":5,"expires":1}}]"#,
    ]);
    let rolls = seeds(&[
        r#"{"people":{"student":[{"huid":"1","status":"a","first_name":"A","mi":"B","last_name":"C","reg_level":2},{"huid":{"$":"2"}}],"ta":{"huid":3}}}"#,
        r#"{"people":""}"#,
    ]);
    vec![
        target("console-query", Form::Text, queries, || Box::new(query)),
        target("listener-host", Form::Text, hosts, || Box::new(host)),
        target("management-answer", Form::Json, answers, || Box::new(management)),
        target("course-list", Form::Json, rolls, || Box::new(course_list)),
    ]
}

/// The link to the JSON asks for the same, and no answer has a tag of the request's.
fn query(bytes: &[u8]) -> bool {
    let address = String::from_utf8_lossy(bytes);
    let asked = Some(address).filter(|address| address.starts_with('/'));
    let Some(asked) = asked.and_then(|address| ua::fuzz::query(&address)) else { return false };
    let again = ua::fuzz::query(&asked.as_json).expect("a link is an address");
    assert_eq!(again.as_json, asked.as_json);
    for page in &asked.refusals {
        let is_page = page.starts_with('<');
        assert!(!is_page || !page.contains("<canary"), "a tag of the request is in the page: {page}");
        bounded(page.len(), &[bytes, &[0; 4_096]].concat());
    }
    asked.is_taken
}

/// A request that names another server is refused. The input is the Host header and the address.
fn host(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((host, address)) = text.rsplit_once(' ') else { return false };
    let (Ok(address), Ok(value)) = (address.parse::<Uri>(), HeaderValue::from_bytes(host.as_bytes())) else {
        return false;
    };
    let headers = HeaderMap::from_iter([(header::HOST, value)]);
    let is_admitted =
        listener::Names::new(vec!["ua.example.org".to_owned()]).check(&address, &headers).is_ok();
    let names = [Some(host), address.authority().map(|authority| authority.as_str())];
    assert!(!is_admitted || !names.iter().flatten().any(|name| name.contains("evil")), "{text} is admitted");
    is_admitted
}

fn management(bytes: &[u8]) -> bool {
    let findings = ua::fuzz::management(bytes);
    findings.iter().flatten().for_each(|text| bounded(text.len(), bytes));
    findings.is_some()
}

fn course_list(bytes: &[u8]) -> bool {
    match ua::fuzz::course_list(bytes) {
        Ok(people) => {
            assert!(people <= bytes.len());
            true
        }
        Err(said) => {
            said_well(&said);
            false
        }
    }
}
