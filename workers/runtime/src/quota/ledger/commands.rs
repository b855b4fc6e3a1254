//! Commands of the operator: shares, the reserve, pauses. An error is the reason of a refusal.

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
                Some(share) => self.state.shares.insert(name, share),
                None => self.state.shares.remove(&name),
            };
        }
        self.state.reserve = reserve.unwrap_or(self.state.reserve);
        Ok(())
    }

    pub(super) fn pause(&mut self, limits: Vec<String>, pause: &Pause, now: Now) -> Result<(), String> {
        if pause.until.is_some_and(|until| until <= now.time) {
            return Err("the pause would be over already".to_owned());
        }
        for name in limits {
            self.known(&name)?;
            self.state.pauses.insert(name, pause.clone());
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, limits: Vec<String>) -> Result<(), String> {
        for name in limits {
            let limit = self.known(&name)?;
            self.state.pauses.remove(&name);
            if self.account.limits[limit].daily {
                self.state.spent_until = None;
                // The operator overrides the API. If the day is still spent, the API repeats it.
                self.state.used = self.state.used.saturating_sub(std::mem::take(&mut self.state.uncounted));
            }
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<usize, String> {
        let names = || self.account.limits.iter().map(|limit| limit.name).collect::<Vec<_>>().join(", ");
        self.account.limit(name).ok_or_else(|| format!("there is no limit {name}: there are {}", names()))
    }
}
