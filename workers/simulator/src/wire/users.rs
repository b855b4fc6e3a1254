//! Users in the format of `/users`.

use jiff::Timestamp;
use serde::Serialize;

use super::instant;
use crate::world::{Host, hash};

/// A row of `/users`.
#[derive(Serialize)]
pub(crate) struct UserRow<'a> {
    id: &'a str,
    email: &'a str,
    r#type: u8,
    first_name: &'a str,
    last_name: &'a str,
    display_name: &'a str,
    dept: &'a str,
    role_id: &'static str,
    status: &'static str,
    timezone: &'a str,
    pmi: u64,
    verified: u8,
    group_ids: [&'static str; 1],
    im_group_ids: [&'static str; 0],
    last_client_version: &'static str,
    last_login_time: Timestamp,
    user_created_at: Timestamp,
    created_at: Timestamp,
    employee_unique_id: &'static str,
    plan_united_type: &'static str,
}

impl<'a> UserRow<'a> {
    /// Creates a row. `today`: Unix time of midnight; Zoom reports logins days late.
    pub(crate) fn new(host: &'a Host, today: i64) -> Self {
        let bits = hash(1, host.id.as_bytes());
        let created = instant(1_577_836_800 + (bits % 86_400_000) as i64);
        Self {
            id: &host.id,
            email: &host.email,
            r#type: host.user_type,
            first_name: host.first_name,
            last_name: host.last_name,
            display_name: &host.display_name,
            dept: host.department,
            role_id: "2",
            status: if host.active { "active" } else { "inactive" },
            timezone: host.time_zone,
            pmi: host.personal_room,
            verified: 1,
            group_ids: ["simulated-group"],
            im_group_ids: [],
            last_client_version: "6.1.10.45028(mac)",
            last_login_time: instant(today - 3 * 86_400 - (bits % 86_400) as i64),
            user_created_at: created,
            created_at: created,
            employee_unique_id: "",
            plan_united_type: "1",
        }
    }
}
