//! `/users`: the account's users by status.

use serde::Serialize;

use super::answer::{Listing, ZoomAnswer};
use super::api::Call;
use super::query::PageHead;
use crate::clock::first_second;
use crate::wire::UserRow;
use crate::world::Host;

const MOST: usize = 2_000;

#[derive(Serialize)]
struct Head {
    page_number: usize,
    #[serde(flatten)]
    page: PageHead,
}

pub(super) fn list(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    let status = call.params.get("status").unwrap_or("active");
    if !matches!(status, "active" | "inactive" | "pending") {
        return Err(ZoomAnswer::bad_field("status", "must be active, inactive or pending"));
    }
    let wanted = |host: &&Host| status != "pending" && host.active == (status == "active");
    let seal = call.shared.seal();
    let page = call.params.page(MOST, seal)?;
    let users: Vec<_> = call.shared.world.hosts().iter().filter(wanted).collect();
    let head = Head { page_number: 1 + page.offset / page.size, page: page.head(users.len(), seal) };
    let rows = &users[page.range(users.len())];
    let today = first_second(call.shared.clock.today());
    let mut listing = Listing::new(&head, "users", rows.len(), call.take_damage());
    for host in rows {
        listing.push(&UserRow::new(host, today));
    }
    Ok(listing.finish())
}
