//! Several Zoom accounts in one installation: each job uses the account that it names, with that account's quota.

use std::collections::BTreeSet;

use simulator::{Credentials, Simulator, Source, ZoomSettings};

use crate::program::{Program, closed_date};

/// A simulated Zoom account with its own credentials.
pub(crate) async fn account(label: &str, settings: ZoomSettings) -> Simulator {
    let credentials = Credentials {
        account_id: format!("{label}-account"),
        client_id: format!("{label}-client"),
        client_secret: format!("{label}-canary"),
    };
    Simulator::start(ZoomSettings { credentials, ..settings }).await.unwrap()
}

fn small(seed: u64) -> ZoomSettings {
    ZoomSettings { seed, meetings_per_day: 30, participants: 4.0, speed: 100.0, ..ZoomSettings::default() }
}

/// The account's table in the file of accounts.
pub(crate) fn table(label: &str, simulator: &Simulator) -> String {
    let known = simulator.credentials();
    format!(
        "[[account]]\nlabel = {label:?}\naccount_id = {:?}\nclient_id = {:?}\nclient_secret = {:?}\napi_url = {:?}\noauth_url = {:?}\n\n",
        known.account_id,
        known.client_id,
        known.client_secret,
        simulator.api_url(),
        simulator.oauth_url()
    )
}

fn ids(program: &Program, sql: &str) -> BTreeSet<String> {
    let file = rusqlite::Connection::open(program.path().join("ua-data/ua.db")).unwrap();
    let mut rows = file.prepare(sql).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn sessions(simulator: &Simulator) -> Vec<String> {
    simulator.truth(closed_date().parse().unwrap(), Source::Dashboard).ids.unwrap().session_ids
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_are_harvested_side_by_side() {
    let (main, clinic) = (account("main", small(1)).await, account("clinic", small(2)).await);
    let program = Program::new().with("ZOOM_ACCOUNTS_FILE", "accounts.toml").with("ZOOM_QUOTA_SPEED", 100.0);
    let text = table("main", &main) + &table("clinic", &clinic);
    std::fs::write(program.path().join("accounts.toml"), text).unwrap();

    let only = program.call(&["run", "--date", &closed_date(), "--account", "clinic"]);
    assert_eq!(only.code, Some(0), "{}", only.err);
    assert_eq!(main.ledger_summary().calls.heavy, 0, "the other account is not called");
    let held = ids(&program, "select id from documents where index_name like 'sessions-%'");
    assert_eq!(held, sessions(&clinic).into_iter().collect());

    let calls = clinic.ledger_summary().calls.heavy;
    let all = program.call(&["run", "--date", &closed_date()]);
    assert_eq!(all.code, Some(0), "{}", all.err);
    assert_eq!(clinic.ledger_summary().calls.heavy, calls, "what is covered is not called again");
    let held = ids(&program, "select id from documents where index_name like 'sessions-%'");
    assert_eq!(held, sessions(&main).into_iter().chain(sessions(&clinic)).collect());
    let receipts = ids(&program, "select id from documents where index_name like 'harvests%'");
    let of = |prefix: &str| receipts.iter().filter(|id| id.starts_with(prefix)).count() as u64;
    assert_eq!((of("zoom:meetings:"), of("zoom@clinic:meetings:")), (1, 1));

    let quota = program.call(&["quota", "--json"]);
    let accounts: Vec<serde_json::Value> =
        quota.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let used: Vec<_> =
        accounts.iter().map(|news| (news["account"].clone(), news["meters"][2]["used"].as_u64())).collect();
    let made = |simulator: &Simulator| {
        let calls = simulator.ledger_summary().calls;
        Some(calls.heavy + calls.resource_intensive)
    };
    assert_eq!(used, [("main".into(), made(&main)), ("clinic".into(), made(&clinic))]);

    for words in [&["plan", "--account", "nobody"][..], &["quota", "--account", "nobody"]] {
        let ended = program.call(words);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains("clinic") && !ended.err.contains("canary"), "{}", ended.err);
    }
    main.stop().await;
    clinic.stop().await;
}
