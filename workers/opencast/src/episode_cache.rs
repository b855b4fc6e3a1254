//! Cache of looked-up episodes, including unknown ones, bounded in size and time. Independent of the lookup.

use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::Mpid;
use messages::opencast::EpisodeFacts;
use moka::Expiry;
use moka::sync::Cache;

/// Maximum bytes of the cache: some 10,000 episodes.
const MOST: u64 = 16 << 20;
/// Bytes per cached episode in addition to its texts.
const EACH: usize = 512;

/// Facts of an episode; `None` if Opencast does not know it.
pub(crate) type Facts = Option<Arc<EpisodeFacts>>;

/// Cache of episodes.
pub(crate) struct EpisodeCache(Cache<Mpid, Facts>);

/// Lifetime of entries.
struct Life(Duration);

impl Expiry<Mpid, Facts> for Life {
    fn expire_after_create(&self, _mpid: &Mpid, facts: &Facts, _now: Instant) -> Option<Duration> {
        // An episode may be published at any moment, after its first actions.
        Some(if facts.is_some() { self.0 } else { self.0 / 10 })
    }
}

impl EpisodeCache {
    /// Creates an empty cache with this lifetime.
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

/// Episodes that one attempt has looked up and whose documents it sends. Dropping it removes them from the cache unless
/// their documents are confirmed, because the next attempt must send them again. This includes a cancelled attempt.
pub(crate) struct LookedUp<'a> {
    cache: &'a EpisodeCache,
    mpids: Vec<Mpid>,
}

impl<'a> LookedUp<'a> {
    pub(crate) fn new(cache: &'a EpisodeCache) -> Self {
        Self { cache, mpids: Vec::new() }
    }

    /// Caches facts.
    pub(crate) fn insert(&mut self, mpid: &Mpid, facts: Facts) {
        self.mpids.push(mpid.clone());
        self.cache.insert(mpid.clone(), facts);
    }

    /// Keeps the episodes cached, after their documents are confirmed.
    pub(crate) fn keep(&mut self) {
        self.mpids.clear();
    }
}

impl Drop for LookedUp<'_> {
    fn drop(&mut self) {
        self.mpids.iter().for_each(|mpid| self.cache.0.invalidate(mpid));
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
        let cache = EpisodeCache::new(Duration::from_secs(900));
        let mpids: [Mpid; 2] = ["a", "b"].map(|mpid| mpid.parse().unwrap());
        let mut confirmed = LookedUp::new(&cache);
        confirmed.insert(&mpids[0], None);
        confirmed.keep();
        confirmed.insert(&mpids[1], None);
        assert_eq!(mpids.each_ref().map(|mpid| cache.get(mpid)), [Some(None), Some(None)]);
        drop(confirmed);
        assert_eq!(mpids.each_ref().map(|mpid| cache.get(mpid)), [Some(None), None]);
    }

    #[test]
    fn what_is_unknown_is_remembered_for_a_shorter_time() {
        let life = Life(Duration::from_secs(900));
        let mpid: Mpid = "a".parse().unwrap();
        let now = Instant::now();
        let found = Some(Arc::new(EpisodeFacts::default()));
        assert_eq!(life.expire_after_create(&mpid, &found, now), Some(Duration::from_secs(900)));
        assert_eq!(life.expire_after_create(&mpid, &None, now), Some(Duration::from_secs(90)));
        let cache = EpisodeCache::new(Duration::from_secs(900));
        assert_eq!(cache.get(&mpid), None);
        cache.insert(mpid.clone(), None);
        assert_eq!(cache.get(&mpid), Some(None));
        let long = EpisodeFacts { description: Some("x".repeat(4_000)), ..EpisodeFacts::default() };
        assert_eq!(weight(&mpid, &Some(Arc::new(long))), 4_513);
    }
}
