//! The available quota of a Zoom account: as configured, and as the quota leader reports it.

use std::time::Duration;

use planner::{Opens, Quota};
use runtime::quota::{self, Account, CommandReply, QuotaCommand, QuotaStatus};
use runtime::{Broker, BrokerError};
use tracing::debug;
use zoom::RateClass;

use crate::config::{Config, ConfigError};

/// Timeout for the quota leader's answer. Without an answer, the price uses the configuration.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the configured share of the account's quota, without today's use.
///
/// # Errors
/// When the account is not configured.
pub(crate) fn configured(config: &Config) -> Result<Quota, ConfigError> {
    let zoom = config.zoom.as_ref().map_err(|names| ConfigError::Missing { names: names.clone() })?;
    let share = zoom.quota_share * if zoom.quota_speed > 0.0 { zoom.quota_speed } else { 1e6 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "calls a day, far below 2^53"
    )]
    let per_day = (zoom.plan.per_day() as f64 * share) as u64;
    Ok(Quota {
        heavy_per_second: zoom.plan.per_second(RateClass::Heavy) * share,
        resource_intensive_per_second: zoom.plan.per_second(RateClass::ResourceIntensive) * share,
        per_day: per_day.min(zoom.account().per_day.saturating_sub(zoom.daily_reserve)),
        used_today: None,
        opens: Opens::Now,
    })
}

/// Returns the present quota: shares set by command, and the calls of today. Without an answer of the leader, the
/// configuration.
///
/// # Errors
/// When the account is not configured.
pub(crate) async fn now(config: &Config, broker: &Broker) -> Result<Quota, ConfigError> {
    let asked =
        async |account: &Account| match quota::send_command(broker, account, &QuotaCommand::Show, PATIENCE)
            .await?
        {
            CommandReply::Done(status) => Ok(Some(status)),
            CommandReply::Refused(why) => Err(BrokerError::Refused(why)),
        };
    told(config, asked).await
}

/// Like [`now`], from the state that the last leader persisted, without declaring queues.
///
/// # Errors
/// When the account is not configured.
pub(crate) async fn as_left(config: &Config, broker: &Broker) -> Result<Quota, ConfigError> {
    told(config, async |account: &Account| quota::peek(broker, account).await).await
}

/// Returns the quota in the given status of the account; the configured quota without a status.
async fn told(
    config: &Config,
    status: impl AsyncFnOnce(&Account) -> Result<Option<QuotaStatus>, BrokerError>,
) -> Result<Quota, ConfigError> {
    let quota = configured(config)?;
    let Ok(zoom) = &config.zoom else { return Ok(quota) };
    if zoom.quota_speed == 0.0 {
        return Ok(quota);
    }
    Ok(match status(&zoom.account()).await {
        Ok(Some(status)) => informed(quota, &status),
        Ok(None) => quota,
        Err(error) => {
            debug!("the quota of today is not known: {error}");
            quota
        }
    })
}

fn informed(quota: Quota, status: &QuotaStatus) -> Quota {
    let limit = |class: RateClass| status.limits.iter().find(|limit| limit.name == class.name());
    let per_second = |class, configured| limit(class).map_or(configured, |limit| limit.per_minute / 60.0);
    let daily = limit(RateClass::Heavy);
    Quota {
        heavy_per_second: per_second(RateClass::Heavy, quota.heavy_per_second),
        resource_intensive_per_second: per_second(
            RateClass::ResourceIntensive,
            quota.resource_intensive_per_second,
        ),
        per_day: daily.and_then(|limit| limit.allowed).unwrap_or(quota.per_day),
        used_today: daily.and_then(|limit| limit.used),
        opens: [RateClass::Heavy, RateClass::ResourceIntensive]
            .into_iter()
            .filter_map(|class| limit(class)?.pause.as_ref())
            .map(|pause| pause.until.map_or(Opens::ByHand, Opens::At))
            .fold(Opens::Now, Opens::and),
    }
}

#[cfg(test)]
mod tests {
    use runtime::quota::LimitStatus;

    use super::*;

    fn limit(name: &str, per_minute: f64, daily: Option<(u64, u64)>) -> LimitStatus {
        let (used, allowed) = daily.unzip();
        LimitStatus { name: name.to_owned(), share: 0.5, per_minute, used, allowed, pause: None }
    }

    #[test]
    fn what_the_keeper_says_goes_before_what_is_configured() {
        let configured = Quota {
            heavy_per_second: 32.0,
            resource_intensive_per_second: 0.25,
            per_day: 48_000,
            used_today: None,
            opens: Opens::Now,
        };
        let mut status = QuotaStatus {
            source: "zoom".to_owned(),
            account: "main".to_owned(),
            at: runtime::clock::now(),
            day: crate::receipts::read::today(),
            reserve: 0,
            limits: vec![
                limit("heavy", 1_200.0, Some((7_000, 30_000))),
                limit("resource-intensive", 6.0, Some((7_000, 30_000))),
            ],
            waiting: 0,
            leader_pid: Some(1),
            skew_ms: 0,
        };
        let now = informed(configured, &status);
        assert_eq!((now.heavy_per_second, now.resource_intensive_per_second), (20.0, 0.1));
        let clock = runtime::clock::now();
        assert_eq!((now.per_day, now.used_today, now.left_today(clock)), (30_000, Some(7_000), Some(23_000)));
        assert_eq!(now.opens, Opens::Now);
        let until = clock.checked_add(jiff::SignedDuration::from_hours(48)).ok();
        status.limits[1].pause = Some(quota::Pause { until, why: "spent".to_owned() });
        let spent = informed(configured, &status);
        assert_eq!((Some(spent.opens), spent.left_today(clock)), (until.map(Opens::At), Some(0)));
        status.limits[0].pause = Some(quota::Pause { until: None, why: "by hand".to_owned() });
        assert_eq!(informed(configured, &status).opens, Opens::ByHand);
        status.limits.clear();
        assert_eq!(informed(configured, &status), configured);
    }
}
