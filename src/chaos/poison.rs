//! Unusable messages among the others: each must become a dead letter of the right class.

use messages::zoom::Task;
use messages::{CauseClass, Family, Lane, Queue};
use rand::Rng as _;
use rand::rngs::SmallRng;
use runtime::{Broker, Ladder, Message, clock};

/// A published message and its expected class.
#[derive(Debug, Clone)]
pub(crate) struct Poison {
    pub(crate) id: String,
    pub(crate) class: CauseClass,
}

/// Publishes a message; `None` when the broker is unavailable.
pub(crate) async fn publish(broker: &Broker, number: usize, rng: &mut SmallRng) -> Option<Poison> {
    let jobs = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
    let (queue, class, body) = match rng.random_range(0..5) {
        4 => return unknown_account(broker, number).await,
        0 => (jobs, CauseClass::UnknownVersion, r#"{"version":99,"id":"x"}"#),
        1 => (jobs, CauseClass::BadShape, "neither a job nor JSON"),
        2 => (Queue::documents(), CauseClass::BadShape, r#"{"version":1,"what":"nothing"}"#),
        _ => (Queue::documents(), CauseClass::UnknownVersion, r#"{"version":7}"#),
    };
    let id = format!("chaos-{number}");
    let message = Message::new(queue, id.as_str(), body.as_bytes().to_vec(), clock::now());
    taken(broker, message, class).await
}

/// Publishes a job of an unknown account, planned two days ago, on its last attempt.
async fn unknown_account(broker: &Broker, number: usize) -> Option<Poison> {
    let (now, date) = (clock::now(), ua::receipts::read::today());
    let planned = now - jiff::SignedDuration::from_hours(48);
    let job = Task::Meetings { date }.into_job("chaos".into(), Lane::Daily, planned);
    let job = job.of_account(&format!("nobody-{number}"));
    let queue = Queue::jobs(Family::ZOOM_LIST, Lane::Daily);
    let mut message = Message::new(queue, job.id.as_str(), messages::encode(&job).ok()?, now);
    message.headers.attempt = Ladder::default().attempts - 1;
    taken(broker, message, CauseClass::AttemptsSpent).await
}

async fn taken(broker: &Broker, message: Message, class: CauseClass) -> Option<Poison> {
    let id = message.headers.message_id.clone();
    broker.publish(vec![message]).await.is_ok().then_some(Poison { id, class })
}
