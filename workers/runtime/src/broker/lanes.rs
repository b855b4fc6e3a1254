//! Order of the lanes. Daily work goes first; every tenth turn a later lane does, so that none starves.

/// The lanes to consider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lanes {
    /// All lanes.
    All,
    /// Only the most urgent lane.
    Urgent,
}

impl Lanes {
    /// Number of lanes to consider out of `lanes`.
    pub(crate) fn of(self, lanes: usize) -> usize {
        match self {
            Self::All => lanes,
            Self::Urgent => lanes.min(1),
        }
    }
}

/// Returns the order of `lanes` queues in turn number `turn`.
pub(crate) fn order(turn: u64, lanes: usize) -> Vec<usize> {
    let first = match turn % 20 {
        9 => 1,
        19 => 2,
        _ => 0,
    };
    let mut order: Vec<usize> = (0..lanes).collect();
    if first < lanes {
        order.rotate_left(first);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn daily_goes_first_and_the_later_lanes_keep_a_share() {
        let firsts: Vec<usize> = (0..20).map(|turn| order(turn, 3)[0]).collect();
        assert_eq!(firsts.iter().filter(|first| **first == 0).count(), 18);
        assert!(firsts.contains(&1) && firsts.contains(&2));
        assert_eq!(order(9, 1), [0]);
        assert_eq!(order(9, 3), [1, 2, 0]);
    }
}
