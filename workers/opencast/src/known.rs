//! Episodes that were looked up a moment ago, those that are unknown too: bounded in number and in time.
//! Must not know how one is looked up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::Mpid;
use messages::opencast::EpisodeFacts;
use moka::Expiry;
use moka::sync::Cache;

/// What is remembered at once, in bytes: some ten thousand episodes.
const MOST: u64 = 16 << 20;
/// What remembering an episode costs beside its texts.
const EACH: usize = 512;

/// What is known of an episode; `None`: that Opencast does not know it.
pub(crate) type Facts = Option<Arc<EpisodeFacts>>;

/// The episodes that were looked up.
pub(crate) struct Known(Cache<Mpid, Facts>);

/// For how long what was found is believed.
struct Life(Duration);

impl Expiry<Mpid, Facts> for Life {
    fn expire_after_create(&self, _mpid: &Mpid, facts: &Facts, _now: Instant) -> Option<Duration> {
        // An episode may be published any moment, and its actions come before.
        Some(if facts.is_some() { self.0 } else { self.0 / 10 })
    }
}

impl Known {
    /// Nothing is known; what will be is forgotten after `life`.
    pub(crate) fn new(life: Duration) -> Self {
        Self(Cache::builder().max_capacity(MOST).weigher(weight).expire_after(Life(life)).build())
    }

    pub(crate) fn get(&self, mpid: &Mpid) -> Option<Facts> {
        self.0.get(mpid)
    }

    fn insert(&self, mpid: Mpid, facts: Facts) {
        self.0.insert(mpid, facts);
    }
}

/// The episodes that one attempt has looked up, whose documents it sends. Unless all it has sent is confirmed they are
/// forgotten when it ends, in whatever way it does, dropped in the middle included: the next attempt has to send them
/// again.
pub(crate) struct LookedUp<'a> {
    known: &'a Known,
    mpids: Vec<Mpid>,
}

impl<'a> LookedUp<'a> {
    pub(crate) fn new(known: &'a Known) -> Self {
        Self { known, mpids: Vec::new() }
    }

    /// Remembers what was found.
    pub(crate) fn insert(&mut self, mpid: &Mpid, facts: Facts) {
        self.mpids.push(mpid.clone());
        self.known.insert(mpid.clone(), facts);
    }

    /// Everything is confirmed.
    pub(crate) fn keep(&mut self) {
        self.mpids.clear();
    }
}

impl Drop for LookedUp<'_> {
    fn drop(&mut self) {
        self.mpids.iter().for_each(|mpid| self.known.0.invalidate(mpid));
    }
}

fn weight(mpid: &Mpid, facts: &Facts) -> u32 {
    let texts = facts.iter().flat_map(|facts| {
        [&facts.title, &facts.course, &facts.series, &facts.kind, &facts.description].into_iter().flatten()
    });
    let bytes = EACH + mpid.as_str().len() + texts.map(String::len).sum::<usize>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attempt_has_not_seen_confirmed_is_forgotten_with_it() {
        let known = Known::new(Duration::from_secs(900));
        let mpids: [Mpid; 2] = ["a", "b"].map(|mpid| mpid.parse().unwrap());
        let mut confirmed = LookedUp::new(&known);
        confirmed.insert(&mpids[0], None);
        confirmed.keep();
        confirmed.insert(&mpids[1], None);
        assert_eq!(mpids.each_ref().map(|mpid| known.get(mpid)), [Some(None), Some(None)]);
        drop(confirmed);
        assert_eq!(mpids.each_ref().map(|mpid| known.get(mpid)), [Some(None), None]);
    }

    #[test]
    fn what_is_unknown_is_remembered_for_a_shorter_time() {
        let life = Life(Duration::from_secs(900));
        let mpid: Mpid = "a".parse().unwrap();
        let now = Instant::now();
        let found = Some(Arc::new(EpisodeFacts::default()));
        assert_eq!(life.expire_after_create(&mpid, &found, now), Some(Duration::from_secs(900)));
        assert_eq!(life.expire_after_create(&mpid, &None, now), Some(Duration::from_secs(90)));
        let known = Known::new(Duration::from_secs(900));
        assert_eq!(known.get(&mpid), None);
        known.insert(mpid.clone(), None);
        assert_eq!(known.get(&mpid), Some(None));
        let long = EpisodeFacts { description: Some("x".repeat(4_000)), ..EpisodeFacts::default() };
        assert_eq!(weight(&mpid, &Some(Arc::new(long))), 4_513);
    }
}
