//! Messages nobody can use, published among the others: each has to end as a dead letter of the right class.

use messages::{CauseClass, Family, Lane, Queue};
use rand::Rng as _;
use rand::rngs::SmallRng;
use runtime::{Broker, Message, clock};

/// A message published, and what has to become of it.
#[derive(Debug, Clone)]
pub(crate) struct Poison {
    pub(crate) id: String,
    pub(crate) class: CauseClass,
}

/// Publishes one; `None` when the broker did not take it, which may be in such weather.
pub(crate) async fn publish(broker: &Broker, number: usize, rng: &mut SmallRng) -> Option<Poison> {
    let jobs = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
    let (queue, class, body) = match rng.random_range(0..4) {
        0 => (jobs, CauseClass::UnknownVersion, r#"{"version":99,"id":"x"}"#),
        1 => (jobs, CauseClass::BadShape, "neither a job nor JSON"),
        2 => (Queue::documents(), CauseClass::BadShape, r#"{"version":1,"what":"nothing"}"#),
        _ => (Queue::documents(), CauseClass::UnknownVersion, r#"{"version":7}"#),
    };
    let id = format!("chaos-{number}");
    let message = Message::new(queue, id.as_str(), body.as_bytes().to_vec(), clock::now());
    let published = broker.publish(vec![message]).await;
    published.is_ok().then_some(Poison { id, class })
}
