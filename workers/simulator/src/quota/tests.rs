//! Property test of the sliding window: it admits a call if and only if the window before it is not full.

use proptest::prelude::*;

use super::*;

const TODAY: Date = jiff::civil::date(2026, 1, 14);

/// Reference implementation that looks back at all admitted calls.
fn admitted_by_definition(times: &[u64], limit: usize, window_us: u64) -> Vec<bool> {
    let mut admitted: Vec<u64> = Vec::new();
    let judge = |&at: &u64| {
        let recent = admitted.iter().filter(|&&then| then + window_us > at).count();
        if recent < limit {
            admitted.push(at);
        }
        recent < limit
    };
    times.iter().map(judge).collect()
}

fn any_class() -> impl Strategy<Value = RateClass> {
    prop_oneof![
        Just(RateClass::Light),
        Just(RateClass::Medium),
        Just(RateClass::Heavy),
        Just(RateClass::ResourceIntensive),
    ]
}

proptest! {
    #[test]
    fn windows_slide_exactly(
        class in any_class(),
        plan in prop_oneof![Just(AccountPlan::Pro), Just(AccountPlan::Business)],
        speed in prop_oneof![Just(1.0), Just(0.1), Just(2.5)],
        gaps in prop::collection::vec(prop_oneof![0_u64..3, 0_u64..60_000, 900_000_u64..3_100_000], 1..400),
    ) {
        let mut at = 0;
        let times: Vec<_> = gaps.iter().map(|gap| { at += gap; at }).collect();
        let mut quota = Quota::new();
        let verdicts: Vec<_> =
            times.iter().map(|&at| !quota.admit(class, plan, speed, at, TODAY).is_over()).collect();
        let limit = scale(per_window(plan, class), speed) as usize;
        prop_assert_eq!(&verdicts, &admitted_by_definition(&times, limit, class.window_us()));
        let most = (0..times.len()).map(|last| {
            (0..=last).filter(|&then| verdicts[then] && times[then] + class.window_us() > times[last]).count()
        });
        prop_assert!(quota.peak(class) <= limit as u64);
        prop_assert_eq!(quota.peak(class), most.max().unwrap_or(0) as u64);
    }
}

#[test]
fn the_table_is_the_one_of_the_plans() {
    let table = |plan| {
        [RateClass::Light, RateClass::Medium, RateClass::Heavy, RateClass::ResourceIntensive]
            .map(|class| per_window(plan, class))
    };
    assert_eq!((table(AccountPlan::Pro), per_day(AccountPlan::Pro)), ([30, 20, 10, 10], 30_000));
    assert_eq!((table(AccountPlan::Business), per_day(AccountPlan::Business)), ([80, 60, 40, 20], 60_000));
}

#[test]
fn a_call_leaves_the_window_at_its_very_end() {
    let mut quota = Quota::new();
    let mut admit = |at_us| quota.admit(RateClass::Heavy, AccountPlan::Pro, 0.1, at_us, TODAY).is_over();
    assert!(!admit(5));
    assert!(admit(1_000_004));
    assert!(!admit(1_000_005));
}

#[test]
fn heavy_and_resource_intensive_share_the_day_which_ends_at_midnight() {
    let mut quota = Quota::new();
    let mut at = 0;
    let mut admit = |class, today| {
        at += 60_000_000;
        quota.admit(class, AccountPlan::Pro, 0.001, at, today)
    };
    for spent in 0..30 {
        let class = if spent % 2 == 0 { RateClass::Heavy } else { RateClass::ResourceIntensive };
        assert_eq!(admit(class, TODAY), Verdict::Admitted { daily: true, limit: 30, remaining: 29 - spent });
    }
    assert_eq!(admit(RateClass::Heavy, TODAY), Verdict::OverDay { limit: 30 });
    assert_eq!(admit(RateClass::ResourceIntensive, TODAY), Verdict::OverDay { limit: 30 });
    assert!(!admit(RateClass::Light, TODAY).is_over());
    assert!(!admit(RateClass::Medium, TODAY).is_over());
    assert!(!admit(RateClass::Heavy, TODAY.tomorrow().unwrap()).is_over());
}

#[test]
fn speed_multiplies_counts_and_zero_lifts_them() {
    assert_eq!([scale(40, 1.0), scale(40, 2.5), scale(40, 100.0), scale(10, 0.01)], [40, 100, 4_000, 1]);
    let mut quota = Quota::new();
    for _ in 0..1_000 {
        assert_eq!(
            quota.admit(RateClass::ResourceIntensive, AccountPlan::Pro, 0.0, 1, TODAY),
            Verdict::Unlimited
        );
    }
    assert_eq!(quota.peak(RateClass::ResourceIntensive), 1_000);
}
