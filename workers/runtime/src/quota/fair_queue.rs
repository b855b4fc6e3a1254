//! The processes that request tokens, and their order. Pure: the time is passed in.

use std::collections::{BTreeMap, VecDeque};

use super::wire::TokenRequest;

/// Seconds after which a silent process gets no tokens.
const SILENCE: f64 = 3.5;

/// A round-robin queue of processes per limit.
#[derive(Debug)]
pub(crate) struct FairQueue {
    term: u64,
    workers: BTreeMap<String, Requester>,
    /// The processes that request tokens, by limit, next first.
    rings: Vec<VecDeque<String>>,
}

#[derive(Debug)]
struct Requester {
    serial: u64,
    heard: f64,
    /// Tokens granted in this term, by limit; then the counts of the last request.
    granted: Vec<u64>,
    received: Vec<u64>,
    returned: Vec<u64>,
    waiting: Vec<u64>,
    /// For slow limits, the start of its first job, moved earlier by priority, in seconds of our clock. The earliest
    /// goes first.
    first: Vec<Option<f64>>,
    /// Its minimum round-trip time, in seconds.
    min_rtt: Option<f64>,
}

/// A grant of one token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    pub(crate) worker: String,
    pub(crate) serial: u64,
    /// Seconds since the request with this serial was read.
    pub(crate) since: f64,
}

impl FairQueue {
    pub(crate) fn new(term: u64, limits: usize) -> Self {
        Self { term, workers: BTreeMap::new(), rings: vec![VecDeque::new(); limits] }
    }

    /// Records a request. Returns the number of tokens that the process returned, by limit, or `None` for a wrong
    /// number of limits.
    ///
    /// Counts start with the term. For a process that is new or was removed, it is unknown which of its returns were
    /// recorded, so they are ignored. The day's count may then be too high, never too low.
    pub(crate) fn record(&mut self, request: &TokenRequest, now: f64) -> Option<Vec<u64>> {
        let limits = self.rings.len();
        if [&request.waiting, &request.received, &request.returned]
            .iter()
            .any(|counts| counts.len() != limits)
        {
            return None;
        }
        let is_counted = request.term == self.term;
        let worker = self.workers.entry(request.worker.clone());
        let worker = worker.or_insert_with(|| match is_counted {
            true => Requester {
                received: request.received.clone(),
                granted: request.received.clone(),
                returned: request.returned.clone(),
                ..Requester::new(limits)
            },
            false => Requester::new(limits),
        });
        if request.serial <= worker.serial {
            return Some(vec![0; limits]);
        }
        (worker.serial, worker.heard) = (request.serial, now);
        worker.waiting.clone_from(&request.waiting);
        worker.first = request.first.iter().map(|age| age.map(|age| now - age as f64 / 1e3)).collect();
        worker.min_rtt = request.min_rtt_us.map(|micros| micros as f64 / 1e6);
        let mut back = vec![0; limits];
        if is_counted {
            for (limit, back) in back.iter_mut().enumerate() {
                *back = request.returned[limit].saturating_sub(worker.returned[limit]);
                // Tokens that were in flight when the process was removed have arrived.
                worker.granted[limit] = worker.granted[limit].max(request.received[limit]);
            }
            worker.received.clone_from(&request.received);
            worker.returned.clone_from(&request.returned);
        }
        for (limit, ring) in self.rings.iter_mut().enumerate() {
            if worker.wanted(limit) > 0 && !ring.contains(&request.worker) {
                ring.push_back(request.worker.clone());
            }
        }
        Some(back)
    }

    /// Returns true when a process requests a token of this limit.
    pub(crate) fn has_demand(&mut self, limit: usize, now: f64) -> bool {
        self.first(limit, now).is_some()
    }

    /// Grants a token of this limit to the next process and moves it to the end of the queue.
    pub(crate) fn grant(&mut self, limit: usize, now: f64) -> Option<Turn> {
        let name = self.first(limit, now)?;
        let worker = self.workers.get_mut(&name)?;
        worker.granted[limit] = worker.granted[limit].saturating_add(1);
        let turn = Turn { worker: name.clone(), serial: worker.serial, since: now - worker.heard };
        self.rings[limit].pop_front();
        if worker.wanted(limit) > 0 {
            self.rings[limit].push_back(name);
        }
        Some(turn)
    }

    /// Removes a process.
    pub(crate) fn remove(&mut self, worker: &str) {
        self.workers.remove(worker);
    }

    /// Number of processes that wait for a token.
    pub(crate) fn waiting(&self) -> u64 {
        let wants = |worker: &&Requester| (0..self.rings.len()).any(|limit| worker.waiting[limit] > 0);
        self.workers.values().filter(wants).count() as u64
    }

    /// The largest minimum round-trip time of all processes, in seconds.
    pub(crate) fn max_rtt(&self, now: f64) -> Option<f64> {
        let here = self.workers.values().filter(|worker| now - worker.heard < SILENCE);
        here.filter_map(|worker| worker.min_rtt).max_by(f64::total_cmp)
    }

    /// Removes processes that were silent for 70 s.
    pub(crate) fn remove_silent(&mut self, now: f64) {
        // A process without requests is silent too, but its counts are needed for tokens that it returns late.
        self.workers.retain(|_, worker| now - worker.heard < SILENCE * 20.0);
    }

    /// Returns the next process in the ring and moves it to the front. For a slow limit, this is the process with the
    /// first job by priority; otherwise round robin.
    fn first(&mut self, limit: usize, now: f64) -> Option<String> {
        let Self { workers, rings, .. } = self;
        let ring = &mut rings[limit];
        let wants = |name: &&String| {
            let worker = workers.get(*name);
            worker.filter(|worker| worker.wanted(limit) > 0 && now - worker.heard < SILENCE)
        };
        while ring.front().is_some_and(|name| wants(&name).is_none()) {
            ring.pop_front();
        }
        let priority = |name: &String| wants(&name).and_then(|worker| worker.priority(limit));
        let ranked = ring.iter().enumerate().filter_map(|(place, name)| Some((place, priority(name)?)));
        let first = ranked.min_by(|(_, one), (_, other)| one.total_cmp(other));
        if let Some(name) = first.and_then(|(place, _)| ring.remove(place)) {
            ring.push_front(name);
        }
        ring.front().cloned()
    }
}

impl Requester {
    fn new(limits: usize) -> Self {
        let zero = vec![0; limits];
        Self {
            serial: 0,
            heard: 0.0,
            granted: zero.clone(),
            received: zero.clone(),
            returned: zero.clone(),
            waiting: zero,
            first: Vec::new(),
            min_rtt: None,
        }
    }

    fn priority(&self, limit: usize) -> Option<f64> {
        self.first.get(limit).copied().flatten()
    }

    /// Number of callers without a token in flight.
    fn wanted(&self, limit: usize) -> u64 {
        self.waiting[limit].saturating_sub(self.granted[limit].saturating_sub(self.received[limit]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(worker: &str, serial: u64, waiting: u64, received: u64, returned: u64) -> TokenRequest {
        let (worker, commands) = (worker.to_owned(), Vec::new());
        TokenRequest {
            worker,
            serial,
            term: 7,
            waiting: vec![waiting],
            first: Vec::new(),
            received: vec![received],
            returned: vec![returned],
            min_rtt_us: None,
            commands,
        }
    }

    fn turns(queue: &mut FairQueue, count: usize) -> Vec<String> {
        (0..count).filter_map(|_| queue.grant(0, 1.0)).map(|turn| turn.worker).collect()
    }

    #[test]
    fn processes_take_turns_however_many_callers_they_have() {
        let mut queue = FairQueue::new(7, 1);
        queue.record(&request("a", 1, 2, 0, 0), 0.0).unwrap();
        queue.record(&request("b", 1, 9, 0, 0), 0.5).unwrap();
        assert_eq!(turns(&mut queue, 6), ["a", "b", "a", "b", "b", "b"]);
        assert_eq!(queue.waiting(), 2);
    }

    #[test]
    fn where_jobs_are_served_one_after_the_other_the_eldest_goes_first() {
        let mut queue = FairQueue::new(7, 1);
        let first = |worker, age| TokenRequest { first: vec![Some(age)], ..request(worker, 1, 2, 0, 0) };
        queue.record(&first("young", -400_000), 0.0).unwrap();
        queue.record(&first("old", -300_000), 0.0).unwrap();
        queue.record(&first("replay", -500_000), 0.0).unwrap();
        assert_eq!(turns(&mut queue, 1), ["old"]);
        queue.record(&first("daily", 0), 0.5).unwrap();
        assert_eq!(turns(&mut queue, 6), ["daily", "daily", "old", "young", "young", "replay"]);
        // The next job of `old` is younger than those of the others.
        queue.record(&TokenRequest { serial: 2, received: vec![2], ..first("old", -480_000) }, 1.0).unwrap();
        assert_eq!(turns(&mut queue, 9), ["old", "old", "replay"]);
    }

    #[test]
    fn tokens_under_way_are_not_given_twice() {
        let mut queue = FairQueue::new(7, 1);
        queue.record(&request("a", 1, 2, 0, 0), 0.0).unwrap();
        assert_eq!(turns(&mut queue, 5).len(), 2);
        // Sent before the two tokens arrived: the same two callers.
        queue.record(&request("a", 2, 2, 0, 0), 0.1).unwrap();
        assert!(!queue.has_demand(0, 0.2));
        queue.record(&request("a", 3, 3, 1, 0), 0.3).unwrap();
        assert_eq!(turns(&mut queue, 5).len(), 2, "one of three has its token under way");
        // A reordered request is ignored.
        queue.record(&request("a", 2, 9, 0, 0), 0.4).unwrap();
        assert!(!queue.has_demand(0, 0.5));
    }

    #[test]
    fn what_is_given_back_is_told_once() {
        let mut queue = FairQueue::new(7, 1);
        assert_eq!(queue.record(&request("a", 1, 1, 0, 0), 0.0), Some(vec![0]));
        assert_eq!(queue.record(&request("a", 2, 1, 5, 2), 0.0), Some(vec![2]));
        assert_eq!(queue.record(&request("a", 3, 1, 6, 3), 0.0), Some(vec![1]));
        let of_another_term = TokenRequest { term: 6, ..request("a", 4, 1, 9, 9) };
        assert_eq!(queue.record(&of_another_term, 0.0), Some(vec![0]));
        assert_eq!(
            queue.record(&TokenRequest { waiting: Vec::new(), ..request("a", 5, 1, 9, 9) }, 0.0),
            None
        );
    }

    #[test]
    fn what_was_given_back_before_a_process_was_forgotten_is_not_given_back_again() {
        let mut queue = FairQueue::new(7, 1);
        queue.record(&request("a", 1, 0, 0, 0), 0.0).unwrap();
        assert_eq!(queue.record(&request("a", 2, 1, 5, 2), 0.0), Some(vec![2]));
        queue.remove_silent(1_000.0);
        assert_eq!(queue.record(&request("a", 3, 1, 5, 2), 1_000.0), Some(vec![0]), "it was silent for long");
        assert_eq!(queue.record(&request("a", 4, 1, 6, 3), 1_000.0), Some(vec![1]));
        assert_eq!(turns(&mut queue, 5).len(), 1, "nothing of before is under way");
        // After a lost connection, the process has a new name. Tokens in flight to the old name no longer count.
        assert_eq!(queue.record(&request("b", 5, 1, 6, 3), 1_000.0), Some(vec![0]));
        queue.remove("a");
        assert_eq!(queue.record(&request("a", 4, 1, 6, 3), 1_000.0), Some(vec![0]));
    }

    #[test]
    fn the_farthest_process_is_the_one_with_the_longest_way_that_was_heard_of_late() {
        let mut queue = FairQueue::new(7, 1);
        let from = |worker, min_rtt_us| TokenRequest { min_rtt_us, ..request(worker, 1, 1, 0, 0) };
        queue.record(&from("a", None), 0.0).unwrap();
        assert_eq!(queue.max_rtt(0.0), None);
        queue.record(&from("b", Some(2_000)), 0.0).unwrap();
        queue.record(&from("c", Some(100_000)), -3.0).unwrap();
        assert_eq!(queue.max_rtt(0.0), Some(0.1));
        assert_eq!(queue.max_rtt(1.0), Some(0.002), "c has gone");
    }

    #[test]
    fn who_is_silent_or_gone_gets_nothing() {
        let mut queue = FairQueue::new(7, 1);
        queue.record(&request("a", 1, 9, 0, 0), 0.0).unwrap();
        queue.record(&request("b", 1, 9, 0, 0), 0.0).unwrap();
        queue.remove("a");
        assert_eq!(turns(&mut queue, 2), ["b", "b"]);
        assert!(!queue.has_demand(0, 10.0), "not heard for ten seconds");
        queue.record(&request("b", 2, 9, 0, 0), 10.0).unwrap();
        assert!(queue.has_demand(0, 10.0));
        queue.remove_silent(1_000.0);
        assert!(!queue.has_demand(0, 1_000.0));
    }
}
