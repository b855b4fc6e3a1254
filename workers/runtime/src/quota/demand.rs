//! Who wants how many tokens, and whose turn it is. Pure: the time is handed in.

use std::collections::{BTreeMap, VecDeque};

use super::wire::Want;

/// A process that was not heard for so many seconds is gone.
const SILENCE: f64 = 3.5;

/// The processes that want tokens.
#[derive(Debug)]
pub(crate) struct Demand {
    term: u64,
    workers: BTreeMap<String, Worker>,
    /// Per meter the processes that want tokens, the next in front.
    rings: Vec<VecDeque<String>>,
}

#[derive(Debug)]
struct Worker {
    serial: u64,
    heard: f64,
    /// Tokens given in this term that the process had not seen when it last wrote, and its callers then.
    granted: Vec<u64>,
    received: Vec<u64>,
    returned: Vec<u64>,
    waiting: Vec<u64>,
    /// Of slow meters, its first caller's standing: a time by our clock, the earliest goes first.
    first: Vec<Option<f64>>,
    /// Its smallest round trip of late, in seconds.
    way: Option<f64>,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    pub(crate) worker: String,
    pub(crate) serial: u64,
    /// Seconds since that message was read.
    pub(crate) since: f64,
}

impl Demand {
    pub(crate) fn new(term: u64, meters: usize) -> Self {
        Self { term, workers: BTreeMap::new(), rings: vec![VecDeque::new(); meters] }
    }

    /// Takes note of what a process wants; returns how many tokens it gave back, by meter. `None` when the message
    /// is not to be understood.
    ///
    /// A process counts from the beginning of the term on. Of one that is heard for the first time, or again after it was
    /// forgotten, nobody knows what of that was taken note of: a call too many in the day's count is better than one too
    /// few.
    pub(crate) fn hear(&mut self, want: &Want, now: f64) -> Option<Vec<u64>> {
        let meters = self.rings.len();
        if [&want.waiting, &want.received, &want.returned].iter().any(|counts| counts.len() != meters) {
            return None;
        }
        let is_counted = want.term == self.term;
        let worker = self.workers.entry(want.worker.clone());
        let worker = worker.or_insert_with(|| match is_counted {
            true => Worker {
                received: want.received.clone(),
                granted: want.received.clone(),
                returned: want.returned.clone(),
                ..Worker::new(meters)
            },
            false => Worker::new(meters),
        });
        if want.serial <= worker.serial {
            return Some(vec![0; meters]);
        }
        (worker.serial, worker.heard) = (want.serial, now);
        worker.waiting.clone_from(&want.waiting);
        worker.first = want.first.iter().map(|age| age.map(|age| now - age as f64 / 1e3)).collect();
        worker.way = want.way_us.map(|micros| micros as f64 / 1e6);
        let mut back = vec![0; meters];
        if is_counted {
            for (meter, back) in back.iter_mut().enumerate() {
                *back = want.returned[meter].saturating_sub(worker.returned[meter]);
                // What was under way to a process that nobody knew any more has arrived.
                worker.granted[meter] = worker.granted[meter].max(want.received[meter]);
            }
            worker.received.clone_from(&want.received);
            worker.returned.clone_from(&want.returned);
        }
        for (meter, ring) in self.rings.iter_mut().enumerate() {
            if worker.wanted(meter) > 0 && !ring.contains(&want.worker) {
                ring.push_back(want.worker.clone());
            }
        }
        Some(back)
    }

    /// Whether anybody wants a token of this meter.
    pub(crate) fn wants(&mut self, meter: usize, now: f64) -> bool {
        self.first(meter, now).is_some()
    }

    /// Gives a token of this meter to the process whose turn it is; that goes to the end of the row.
    pub(crate) fn grant(&mut self, meter: usize, now: f64) -> Option<Turn> {
        let name = self.first(meter, now)?;
        let worker = self.workers.get_mut(&name)?;
        worker.granted[meter] = worker.granted[meter].saturating_add(1);
        let turn = Turn { worker: name.clone(), serial: worker.serial, since: now - worker.heard };
        self.rings[meter].pop_front();
        if worker.wanted(meter) > 0 {
            self.rings[meter].push_back(name);
        }
        Some(turn)
    }

    /// A process is gone: it wants nothing any more.
    pub(crate) fn gone(&mut self, worker: &str) {
        self.workers.remove(worker);
    }

    /// Processes that want something.
    pub(crate) fn waiting(&self) -> u64 {
        let wants = |worker: &&Worker| (0..self.rings.len()).any(|meter| worker.waiting[meter] > 0);
        self.workers.values().filter(wants).count() as u64
    }

    /// The smallest round trip of the process that is farthest away, in seconds.
    pub(crate) fn farthest(&self, now: f64) -> Option<f64> {
        let here = self.workers.values().filter(|worker| now - worker.heard < SILENCE);
        here.filter_map(|worker| worker.way).max_by(f64::total_cmp)
    }

    /// Forgets who was not heard for long.
    pub(crate) fn forget(&mut self, now: f64) {
        // A process that wants nothing is silent, but its counts are needed when it gives back late.
        self.workers.retain(|_, worker| now - worker.heard < SILENCE * 20.0);
    }

    /// Whose turn it is: the next of those that take turns or, where jobs are served one after the other, the one with the
    /// job that goes first. That one is in front of the ring then.
    fn first(&mut self, meter: usize, now: f64) -> Option<String> {
        let Self { workers, rings, .. } = self;
        let ring = &mut rings[meter];
        let wants = |name: &&String| {
            let worker = workers.get(*name);
            worker.filter(|worker| worker.wanted(meter) > 0 && now - worker.heard < SILENCE)
        };
        while ring.front().is_some_and(|name| wants(&name).is_none()) {
            ring.pop_front();
        }
        let standing = |name: &String| wants(&name).and_then(|worker| worker.standing(meter));
        let ranked = ring.iter().enumerate().filter_map(|(place, name)| Some((place, standing(name)?)));
        let first = ranked.min_by(|(_, one), (_, other)| one.total_cmp(other));
        if let Some(name) = first.and_then(|(place, _)| ring.remove(place)) {
            ring.push_front(name);
        }
        ring.front().cloned()
    }
}

impl Worker {
    fn new(meters: usize) -> Self {
        let zero = vec![0; meters];
        Self {
            serial: 0,
            heard: 0.0,
            granted: zero.clone(),
            received: zero.clone(),
            returned: zero.clone(),
            waiting: zero,
            first: Vec::new(),
            way: None,
        }
    }

    fn standing(&self, meter: usize) -> Option<f64> {
        self.first.get(meter).copied().flatten()
    }

    /// Callers that no token is under way to.
    fn wanted(&self, meter: usize) -> u64 {
        self.waiting[meter].saturating_sub(self.granted[meter].saturating_sub(self.received[meter]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(worker: &str, serial: u64, waiting: u64, received: u64, returned: u64) -> Want {
        let (worker, orders) = (worker.to_owned(), Vec::new());
        Want {
            worker,
            serial,
            term: 7,
            waiting: vec![waiting],
            first: Vec::new(),
            received: vec![received],
            returned: vec![returned],
            way_us: None,
            orders,
        }
    }

    fn turns(demand: &mut Demand, count: usize) -> Vec<String> {
        (0..count).filter_map(|_| demand.grant(0, 1.0)).map(|turn| turn.worker).collect()
    }

    #[test]
    fn processes_take_turns_however_many_callers_they_have() {
        let mut demand = Demand::new(7, 1);
        demand.hear(&want("a", 1, 2, 0, 0), 0.0).unwrap();
        demand.hear(&want("b", 1, 9, 0, 0), 0.5).unwrap();
        assert_eq!(turns(&mut demand, 6), ["a", "b", "a", "b", "b", "b"]);
        assert_eq!(demand.waiting(), 2);
    }

    #[test]
    fn where_jobs_are_served_one_after_the_other_the_eldest_goes_first() {
        let mut demand = Demand::new(7, 1);
        let first = |worker, age| Want { first: vec![Some(age)], ..want(worker, 1, 2, 0, 0) };
        demand.hear(&first("young", -400_000), 0.0).unwrap();
        demand.hear(&first("old", -300_000), 0.0).unwrap();
        demand.hear(&first("replay", -500_000), 0.0).unwrap();
        assert_eq!(turns(&mut demand, 1), ["old"]);
        demand.hear(&first("daily", 0), 0.5).unwrap();
        assert_eq!(turns(&mut demand, 6), ["daily", "daily", "old", "young", "young", "replay"]);
        // Its next job is younger than those of the others.
        demand.hear(&Want { serial: 2, received: vec![2], ..first("old", -480_000) }, 1.0).unwrap();
        assert_eq!(turns(&mut demand, 9), ["old", "old", "replay"]);
    }

    #[test]
    fn tokens_under_way_are_not_given_twice() {
        let mut demand = Demand::new(7, 1);
        demand.hear(&want("a", 1, 2, 0, 0), 0.0).unwrap();
        assert_eq!(turns(&mut demand, 5).len(), 2);
        // Written before the two came: still the same two callers.
        demand.hear(&want("a", 2, 2, 0, 0), 0.1).unwrap();
        assert!(!demand.wants(0, 0.2));
        demand.hear(&want("a", 3, 3, 1, 0), 0.3).unwrap();
        assert_eq!(turns(&mut demand, 5).len(), 2, "one of three has its token under way");
        // Out of order.
        demand.hear(&want("a", 2, 9, 0, 0), 0.4).unwrap();
        assert!(!demand.wants(0, 0.5));
    }

    #[test]
    fn what_is_given_back_is_told_once() {
        let mut demand = Demand::new(7, 1);
        assert_eq!(demand.hear(&want("a", 1, 1, 0, 0), 0.0), Some(vec![0]));
        assert_eq!(demand.hear(&want("a", 2, 1, 5, 2), 0.0), Some(vec![2]));
        assert_eq!(demand.hear(&want("a", 3, 1, 6, 3), 0.0), Some(vec![1]));
        let of_another_term = Want { term: 6, ..want("a", 4, 1, 9, 9) };
        assert_eq!(demand.hear(&of_another_term, 0.0), Some(vec![0]));
        assert_eq!(demand.hear(&Want { waiting: Vec::new(), ..want("a", 5, 1, 9, 9) }, 0.0), None);
    }

    #[test]
    fn what_was_given_back_before_a_process_was_forgotten_is_not_given_back_again() {
        let mut demand = Demand::new(7, 1);
        demand.hear(&want("a", 1, 0, 0, 0), 0.0).unwrap();
        assert_eq!(demand.hear(&want("a", 2, 1, 5, 2), 0.0), Some(vec![2]));
        demand.forget(1_000.0);
        assert_eq!(demand.hear(&want("a", 3, 1, 5, 2), 1_000.0), Some(vec![0]), "it was silent for long");
        assert_eq!(demand.hear(&want("a", 4, 1, 6, 3), 1_000.0), Some(vec![1]));
        assert_eq!(turns(&mut demand, 5).len(), 1, "nothing of before is under way");
        // Its connection was lost: it comes under another name, and what was under way under the old one says no more.
        assert_eq!(demand.hear(&want("b", 5, 1, 6, 3), 1_000.0), Some(vec![0]));
        demand.gone("a");
        assert_eq!(demand.hear(&want("a", 4, 1, 6, 3), 1_000.0), Some(vec![0]));
    }

    #[test]
    fn the_farthest_process_is_the_one_with_the_longest_way_that_was_heard_of_late() {
        let mut demand = Demand::new(7, 1);
        let from = |worker, way_us| Want { way_us, ..want(worker, 1, 1, 0, 0) };
        demand.hear(&from("a", None), 0.0).unwrap();
        assert_eq!(demand.farthest(0.0), None);
        demand.hear(&from("b", Some(2_000)), 0.0).unwrap();
        demand.hear(&from("c", Some(100_000)), -3.0).unwrap();
        assert_eq!(demand.farthest(0.0), Some(0.1));
        assert_eq!(demand.farthest(1.0), Some(0.002), "c has gone");
    }

    #[test]
    fn who_is_silent_or_gone_gets_nothing() {
        let mut demand = Demand::new(7, 1);
        demand.hear(&want("a", 1, 9, 0, 0), 0.0).unwrap();
        demand.hear(&want("b", 1, 9, 0, 0), 0.0).unwrap();
        demand.gone("a");
        assert_eq!(turns(&mut demand, 2), ["b", "b"]);
        assert!(!demand.wants(0, 10.0), "not heard for ten seconds");
        demand.hear(&want("b", 2, 9, 0, 0), 10.0).unwrap();
        assert!(demand.wants(0, 10.0));
        demand.forget(1_000.0);
        assert!(!demand.wants(0, 1_000.0));
    }
}
