//! What is ordered of a quota by hand: shares, the reserve, pauses. A refusal says what is wrong with the order.

use std::collections::BTreeMap;

use super::super::Pause;
use super::{Ledger, Now};

impl Ledger {
    pub(super) fn set(
        &mut self,
        shares: BTreeMap<String, Option<f64>>,
        reserve: Option<Option<u64>>,
    ) -> Result<(), String> {
        for (name, share) in &shares {
            self.known(name)?;
            if share.is_some_and(|share| !(share > 0.0 && share <= 1.0)) {
                return Err(format!("the share of {name} must be above 0 and at most 100 %"));
            }
        }
        if let Some(Some(reserve)) = reserve
            && reserve >= self.account.per_day
        {
            return Err(format!(
                "a reserve of {reserve} leaves nothing of {} calls a day",
                self.account.per_day
            ));
        }
        for (name, share) in shares {
            match share {
                Some(share) => self.book.shares.insert(name, share),
                None => self.book.shares.remove(&name),
            };
        }
        self.book.reserve = reserve.unwrap_or(self.book.reserve);
        Ok(())
    }

    pub(super) fn pause(&mut self, meters: Vec<String>, pause: &Pause, now: Now) -> Result<(), String> {
        if pause.until.is_some_and(|until| until <= now.time) {
            return Err("the pause would be over already".to_owned());
        }
        for name in meters {
            self.known(&name)?;
            self.book.pauses.insert(name, pause.clone());
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, meters: Vec<String>) -> Result<(), String> {
        for name in meters {
            let meter = self.known(&name)?;
            self.book.pauses.remove(&name);
            if self.account.meters[meter].daily {
                self.book.spent_until = None;
                // Whoever goes on by hand knows better than the API. If not, it says so again.
                self.book.used = self.book.used.saturating_sub(std::mem::take(&mut self.book.uncounted));
            }
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<usize, String> {
        let names = || self.account.meters.iter().map(|meter| meter.name).collect::<Vec<_>>().join(", ");
        self.account.meter(name).ok_or_else(|| format!("there is no limit {name}: there are {}", names()))
    }
}
