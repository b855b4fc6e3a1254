//! Checks Zoom for `ua check`: token, scopes, clock skew, plan and source.

use jiff::SignedDuration;
use zoom::{Choice, Examination, RateClass, ZoomPlan};

use super::put_together;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::exit::failed;
use crate::units;

const CREDENTIALS_REMEDY: &str =
    "compare account, client id and secret with the app in Zoom's marketplace, and see that it is activated";
const WAY_REMEDY: &str = "see that ZOOM_OAUTH_URL and ZOOM_API_URL can be reached from here (HTTPS_PROXY?) and whether Zoom has an outage";
/// Clock skew that is reported.
const NOTABLE_SKEW: SignedDuration = SignedDuration::from_secs(30);
/// Clock skew that fails: days and pauses begin at the wrong time.
const FAILING_SKEW: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn examine(config: &Config) -> Vec<Diagnostic> {
    let zoom = match put_together(config) {
        Ok(zoom) => zoom,
        Err(error) => {
            let remedy = "Zoom's marketplace shows them in the server-to-server app of the account";
            return vec![Diagnostic::error("zoom", &error, remedy, remedy)];
        }
    };
    let several = !config.more_accounts.is_empty();
    let mut diagnostics = Vec::new();
    for (account, settings) in zoom.accounts().zip(config.zoom.iter().chain(&config.more_accounts)) {
        let of_this = match account.examine().await.map_err(failed) {
            Ok(seen) => found(&seen, settings),
            Err(error) => vec![Diagnostic::error("zoom", &error, CREDENTIALS_REMEDY, WAY_REMEDY)],
        };
        let named = |diagnostic: Diagnostic| {
            if several { diagnostic.of_account(account.label()) } else { diagnostic }
        };
        diagnostics.extend(of_this.into_iter().map(named));
    }
    diagnostics
}

fn found(seen: &Examination, settings: &zoom::Config) -> Vec<Diagnostic> {
    let mut diagnostics = scopes(seen);
    diagnostics.push(clock(seen.skew));
    diagnostics.extend(plan(seen, settings));
    diagnostics.push(source(seen, settings));
    diagnostics
}

fn scopes(seen: &Examination) -> Vec<Diagnostic> {
    let granted = &seen.granted;
    let marketplace = "add them to the app in Zoom's marketplace, then activate it again";
    if !granted.missing.is_empty() {
        let text = format!("the app lacks scopes: {}", granted.missing.join(", "));
        return vec![Diagnostic::users("zoom", text).remedy(marketplace)];
    }
    let cost = match seen.medium_calls {
        0 => "this check cost no call".to_owned(),
        calls => format!("this check cost {}", units::some(calls.into(), "medium call")),
    };
    let text = format!(
        "a token with {}; nothing needed is missing; {cost}",
        units::some(granted.scopes.len() as u64, "scope")
    );
    let mut diagnostics = vec![Diagnostic::well("zoom", text)];
    if granted.without_host_ids {
        let text = "hosts will have no id: users may not be listed";
        diagnostics
            .push(Diagnostic::notable("zoom", text).remedy("add the scope user:read:list_users:admin"));
    }
    diagnostics
}

fn clock(skew: Option<SignedDuration>) -> Diagnostic {
    let Some(skew) = skew else { return Diagnostic::notable("clock", "the API does not tell the time") };
    let (size, side) = (skew.abs(), if skew.is_negative() { "ahead of" } else { "behind" });
    let text = format!("this machine's clock is {} {side} the API's", units::span(size.unsigned_abs()));
    let remedy = "set this machine's clock (NTP): days, pauses and the day's quota begin by it";
    match size {
        _ if size >= FAILING_SKEW => Diagnostic::worlds("clock", text).remedy(remedy),
        _ if size >= NOTABLE_SKEW => Diagnostic::notable("clock", text).remedy(remedy),
        _ => Diagnostic::well("clock", "as the API's, within some seconds"),
    }
}

/// Compares the rate limit in the API's answers with the configured plan. The plan is inferred; the API does not name
/// it.
fn plan(seen: &Examination, config: &zoom::Config) -> Option<Diagnostic> {
    let allowed = seen.medium_per_second?;
    let speed = if config.quota_speed > 0.0 { config.quota_speed } else { 1.0 };
    let is = |plan: ZoomPlan| (plan.per_second(RateClass::Medium) * speed).round() as u64 == allowed;
    let name = |plan: ZoomPlan| format!("{plan:?}").to_lowercase();
    let configured = name(config.plan);
    let told = format!("the API allows {allowed} medium calls a second");
    if is(config.plan) {
        return Some(Diagnostic::well("plan", format!("{configured}: {told}, as it should")));
    }
    let text = format!("ZOOM_PLAN is {configured}, but {told}");
    Some(match [ZoomPlan::Pro, ZoomPlan::Business].into_iter().find(|plan| is(*plan)) {
        Some(other) => Diagnostic::notable("plan", format!("{text}, as it does on {0}", name(other)))
            .remedy(format!("set ZOOM_PLAN={}, if that is the account's plan", name(other))),
        None => Diagnostic::notable("plan", text).remedy("look at the account's plan"),
    })
}

fn source(seen: &Examination, config: &zoom::Config) -> Diagnostic {
    let text = match (config.source, seen.reads_dashboard) {
        (Choice::Dashboard, _) => "the Dashboard, as configured",
        (Choice::Report, _) => "the Reports, as configured",
        (Choice::Auto, true) => {
            "the Dashboard; should the plan not have it, the first list finds out, and the Reports are used"
        }
        (Choice::Auto, false) => {
            "the Reports, which know fewer fields: the app has no scopes of the Dashboard"
        }
    };
    Diagnostic::well("source", text)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::diagnostic::State;

    fn seen(medium_per_second: Option<u64>) -> Examination {
        let granted = zoom::Granted::default();
        Examination { granted, reads_dashboard: true, skew: None, medium_per_second, medium_calls: 1 }
    }

    #[test]
    fn a_skew_is_judged_by_its_size_and_told_with_its_side() {
        for (seconds, state, words) in [
            (0, State::Well, "as the API's"),
            (-29, State::Well, "as the API's"),
            (31, State::Notable, "31 s behind"),
            (-299, State::Notable, "4 min ahead of"),
            (3_600, State::Failing, "1 h behind"),
            (-3_600, State::Failing, "1 h ahead of"),
        ] {
            let diagnostic = clock(Some(SignedDuration::from_secs(seconds)));
            assert_eq!(diagnostic.state, state, "{seconds}");
            assert!(diagnostic.text.contains(words), "{seconds}: {}", diagnostic.text);
        }
        assert_eq!(clock(None).state, State::Notable);
    }

    #[test]
    fn another_plan_is_guessed_from_the_limit() {
        let mut config =
            zoom::Config::new("account".to_owned(), "client".to_owned(), SecretString::from("secret"));
        assert_eq!(plan(&seen(None), &config), None);
        assert_eq!(plan(&seen(Some(60)), &config).unwrap().state, State::Well);
        let pro = plan(&seen(Some(20)), &config).unwrap();
        assert!(pro.state == State::Notable && pro.remedy.unwrap().contains("ZOOM_PLAN=pro"));
        assert_eq!(plan(&seen(Some(33)), &config).unwrap().state, State::Notable);
        config.quota_speed = 10.0;
        assert_eq!(plan(&seen(Some(600)), &config).unwrap().state, State::Well);
    }
}
