//! The reader of `MaxMind` files: any byte may be wrong.

use std::fs;
use std::net::IpAddr;

use super::{said_well, target};
use crate::driver::Target;
use crate::mmdb::{Shape, city, database, shaped};
use crate::mutate::Form;

const ADDRESSES: [&str; 5] = ["81.2.69.160", "1.2.3.4", "255.255.255.255", "2001:db8::1", "::"];

pub(super) fn targets() -> Vec<Target> {
    let place = || city("London", "England", ("GB", "United Kingdom"), (51.5, -0.1));
    let networks = || [("81.2.69.0/24", place()), ("1.0.0.0/8", place()), ("2001:db8::/32", place())];
    let old = Shape { record_size: Some(28), ip_version: 4, shares: true };
    let seeds =
        vec![database("GeoLite2-City", networks()), shaped(old, "City", networks().into_iter().take(2))];
    vec![target("places", Form::Bytes, seeds, || {
        let folder = tempfile::tempdir().unwrap();
        Box::new(move |bytes| {
            let path = folder.path().join("places.mmdb");
            fs::write(&path, bytes).unwrap();
            let addresses = ADDRESSES.map(|address| address.parse::<IpAddr>().unwrap());
            match indexer::fuzz::places(&path, &addresses) {
                Ok(found) => {
                    found.iter().for_each(|record| super::bounded(record.len(), bytes));
                    !found.is_empty()
                }
                Err(why) => {
                    said_well(&why);
                    false
                }
            }
        })
    })]
}
