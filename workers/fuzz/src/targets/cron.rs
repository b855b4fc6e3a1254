//! Cron expressions: an accepted expression fires, and only after the given time.

use jiff::tz::TimeZone;
use planner::Schedule;

use super::messages::time;
use super::{said_well, target};
use crate::driver::Target;
use crate::mutate::Form;

pub(super) fn targets() -> Vec<Target> {
    let expressions =
        ["30 4 * * *", "0 6-20/2 * * mon-fri", "*/5,7 0-23 1,15,31 jan-mar,12 0-7/3", "0 0 29 2 *"];
    let expressions = expressions.map(|text| text.as_bytes().to_vec());
    vec![target("cron", Form::Text, expressions.into(), || Box::new(cron))]
}

fn cron(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let zones = ["UTC", "Europe/Zurich", "Pacific/Apia", "America/St_Johns"];
    let zone = TimeZone::get(zones[bytes.len() % zones.len()]).unwrap();
    match Schedule::parse(&text, zone) {
        Ok(schedule) => {
            let next = schedule.next_after(time()).expect("what was accepted fires");
            assert!(next > time());
            assert_eq!(schedule.due(next, time()), Some(next));
            true
        }
        Err(error) => {
            said_well(&error.to_string().replace(|c: char| c.is_control(), ""));
            false
        }
    }
}
