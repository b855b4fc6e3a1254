//! Users of the account: hosts, who own meetings, and members, who join them. Derived from the seed.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::mix::{chance, mix, pick};
use super::names::{DEPARTMENTS, FIRST, LAST, TIME_ZONES};

/// A user of the account who owns meetings.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) id: String,
    pub(crate) first_name: &'static str,
    pub(crate) last_name: &'static str,
    pub(crate) display_name: String,
    pub(crate) email: String,
    pub(crate) department: &'static str,
    pub(crate) time_zone: &'static str,
    pub(crate) personal_room: u64,
    /// 1 is Basic, 2 is Licensed.
    pub(crate) user_type: u8,
    /// False for deactivated users, who keep their past meetings.
    pub(crate) active: bool,
}

/// All hosts, by index, id or e-mail address.
#[derive(Debug)]
pub(crate) struct Hosts {
    all: Vec<Host>,
    by_name: HashMap<String, u32>,
}

impl Hosts {
    pub(crate) fn generate(seed: u64, count: u32) -> Self {
        let all: Vec<_> = (0..count).map(|index| host(seed, index)).collect();
        let ids = all.iter().map(|host| &host.id);
        let emails = all.iter().map(|host| &host.email);
        let by_name =
            ids.zip(0..).chain(emails.zip(0..)).map(|(name, index)| (name.clone(), index)).collect();
        Self { all, by_name }
    }

    pub(crate) fn len(&self) -> u32 {
        self.all.len() as u32
    }

    pub(crate) fn get(&self, index: u32) -> &Host {
        &self.all[index as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Host> {
        self.all.iter()
    }

    /// Finds a host by user id or e-mail address.
    pub(crate) fn find(&self, id_or_email: &str) -> Option<u32> {
        self.by_name.get(id_or_email).copied()
    }
}

/// Zoom user id of member `index`. The first members are the hosts.
pub(crate) fn member_id(seed: u64, index: u32) -> String {
    let key = mix(seed, 0x1D);
    let high = mix(key, u64::from(index) * 2);
    let low = mix(key, u64::from(index) * 2 + 1);
    URL_SAFE_NO_PAD.encode((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

/// First and last name of member `index`.
pub(crate) fn member_name(seed: u64, index: u32) -> (&'static str, &'static str) {
    let bits = mix(mix(seed, 0x4A), u64::from(index));
    (pick(&FIRST, bits), pick(&LAST, bits >> 32))
}

fn host(seed: u64, index: u32) -> Host {
    let bits = mix(mix(seed, 0x05), u64::from(index));
    let (first_name, last_name) = member_name(seed, index);
    Host {
        id: member_id(seed, index),
        first_name,
        last_name,
        display_name: format!("{first_name} {last_name}"),
        email: format!("host{index}@example.edu"),
        department: pick(&DEPARTMENTS, bits),
        time_zone: pick(&TIME_ZONES, bits >> 8),
        personal_room: 2_000_000_000 + mix(bits, 1) % 7_000_000_000,
        user_type: if chance(bits, 2, 0.9) { 2 } else { 1 },
        // The second host is always deactivated, so that every world with two hosts has one; of the others, 4 %.
        active: index != 1 && !chance(bits, 3, 0.04),
    }
}
