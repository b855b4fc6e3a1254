//! Whole programs with a RabbitMQ user who has rights only on the names of this installation, and before that with one
//! who may declare nothing: `ua plan` shows a price and declares nothing.

use messages::{Family, Lane, Queue};
use runtime::{Broker, Message};
use serde_json::Value;
use simulator::{Simulator, ZoomSettings};

use crate::bad_input::refused;
use crate::program::{Program, closed_date, eventually};
use crate::servers::{server, unique};
use crate::user::User;

const SPEED: f64 = 100.0;
/// Quota speed at which a few lists need more than a day.
const SLOW: f64 = 0.000_1;

fn json(program: &Program, words: &[&str]) -> Value {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    serde_json::from_str(ended.out.lines().last().unwrap_or("null")).unwrap()
}

fn says(program: &Program, words: &[&str], part: &str) {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    let told = ended.out + &ended.err;
    assert!(told.contains(part), "{words:?} does not say {part:?}: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_on_our_names_are_enough_for_every_program_and_a_price_needs_none() {
    let amqp = server("UA_TEST_AMQP_URL").zip(server("UA_TEST_AMQP_MANAGEMENT_URL"));
    let Some((amqp, management)) = amqp else { return };
    let (simulator, prefix) = (small().await, unique("rights"));
    let user = User::made(&amqp, &management, &prefix, ["^$", "^$", ".*"]).await;
    let program = Program::new()
        .with_account(&simulator, SLOW)
        .with("AMQP_URL", &user.url)
        .with("UA_QUEUE_PREFIX", &prefix);
    a_price_makes_nothing(&program, &user).await;
    // The permissions from docker/README.md.
    let pattern = format!(r"^{prefix}(\..*)?$");
    user.may([&pattern, &pattern, &pattern]).await;
    more_than_a_day_is_asked_for_and_taken_out_again(&program);
    let program = program.with("ZOOM_QUOTA_SPEED", SPEED);
    fetched_and_indexed(&program, &amqp, &prefix).await;
    assert_eq!(simulator.ledger_summary().first_over, []);
    user.remove(&amqp).await;
    simulator.stop().await;
}

async fn small() -> Simulator {
    let settings =
        ZoomSettings { meetings_per_day: 30, participants: 4.0, speed: SPEED, ..ZoomSettings::default() };
    Simulator::start(settings).await.unwrap()
}

async fn a_price_makes_nothing(program: &Program, user: &User) {
    let (from, to) = dates();
    let dry = ["plan", "--from", &from, "--to", &to, "--dry-run", "--json"];
    let price = json(program, &dry);
    assert_eq!((&price["jobs"], &price["published"]), (&3.into(), &false.into()), "{price}");
    assert!(price["price"]["quota_days"].as_u64() > Some(1), "{price}");
    assert_eq!(user.made_so_far().await, [] as [&str; 0], "a price declares nothing");
    // A user who may not declare may not publish either; the error names the reason.
    refused(program, &["plan", "--date", &closed_date(), "--yes"], &["RabbitMQ (AMQP_URL)", "rights"]);
    assert_eq!(user.made_so_far().await, [] as [&str; 0]);
}

fn dates() -> (String, String) {
    let ago = |days| ua::receipts::read::today().saturating_sub(jiff::Span::new().days(days)).to_string();
    (ago(12), ago(10))
}

fn more_than_a_day_is_asked_for_and_taken_out_again(program: &Program) {
    let (from, to) = dates();
    let plan = ["plan", "--from", &from, "--to", &to];
    refused(program, &plan, &["3 jobs", "more than a day's quota", "--yes"]);
    says(program, &["runs"], "nothing was planned yet");
    assert_eq!(waiting(program), 0, "nothing was published");
    let made = json(program, &[&plan[..], &["--yes", "--json"]].concat());
    assert_eq!((&made["jobs"], &made["published"]), (&3.into(), &true.into()), "{made}");
    assert_eq!(waiting(program), 3);
    let dry = json(program, &[&plan[..], &["--dry-run", "--json"]].concat());
    assert_eq!(dry["in_flight"].as_array().map(Vec::len), Some(3), "a look finds what waits: {dry}");
    let run = made["run"].as_str().unwrap();
    let cancelled = json(program, &["cancel", run, "--yes", "--json"]);
    assert_eq!((&cancelled["taken"], &cancelled["left"]), (&3.into(), &0.into()), "{cancelled}");
    assert_eq!(waiting(program), 0);
}

/// Number of messages in the job queues.
fn waiting(program: &Program) -> u64 {
    let status = json(program, &["status", "--json"]);
    let lines = status["queues"].as_array().unwrap().iter();
    let jobs = lines.filter(|line| line["queue"].as_str().unwrap().starts_with("ua.jobs."));
    jobs.map(|line| line["ready"].as_u64().unwrap()).sum()
}

async fn fetched_and_indexed(program: &Program, amqp: &str, prefix: &str) {
    let workers =
        [program.start(&["work", "zoom"], "zoom.log"), program.start(&["work", "index"], "index.log")];
    json(program, &["plan", "--date", &closed_date(), "--yes", "--json"]);
    unreadable(amqp, prefix).await;
    eventually("everything is complete", 60, async || {
        let runs = json(program, &["runs", "--limit", "1", "--json"]);
        runs["waiting"] == 0 && runs["complete"].as_u64() > Some(20)
    })
    .await;
    eventually("the dead letter is on the desk", 30, async || {
        program.call(&["dlq", "list"]).out.contains("bad-shape")
    })
    .await;
    says(program, &["dlq", "replay", "--class", "bad-shape"], "replayed 1 of 1 dead letter");
    says(program, &["quota", "set", "heavy=50%"], "heavy: 120,000 calls a minute (50 %)");
    says(program, &["pause", "heavy", "--why", "exams"], "heavy: paused until it is resumed (exams)");
    // The workers' reports of the quota lag behind.
    eventually("status tells of the pause", 20, async || program.call(&["status"]).out.contains("(exams)"))
        .await;
    says(program, &["resume", "heavy"], "heavy: 120,000 calls a minute (50 %)");
    let told = json(program, &["status", "--json"]);
    assert_eq!(told["workers"].as_array().map(Vec::len), Some(2), "both report their presence: {told}");
    says(program, &["check"], "rights");
    for worker in workers {
        assert_eq!(worker.terminate(), Some(0));
    }
}

/// Publishes an unreadable message to the queue of details.
async fn unreadable(amqp: &str, prefix: &str) {
    let mut settings = runtime::broker::amqp::AmqpSettings::new(amqp.into());
    settings.prefix = prefix.to_owned();
    let broker = Broker::Amqp(runtime::broker::Amqp::open(settings).await.unwrap());
    let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
    let message = Message::new(queue, "unreadable", b"{".to_vec(), runtime::clock::now());
    broker.publish(vec![message]).await.unwrap();
    broker.close().await;
}
