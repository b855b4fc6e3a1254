//! Input from RabbitMQ and other processes: headers, messages of the quota, presence reports, and the broker's address.

use messages::{Calls, Cause, CauseClass, Queue};
use runtime::broker::amqp::fuzz as amqp;
use runtime::quota::fuzz as quota;
use runtime::{Message, WorkerInfo, presence};

use super::messages::{row, time};
use super::{bounded, said_well, target};
use crate::driver::Target;
use crate::mutate::Form;

pub(super) fn targets() -> Vec<Target> {
    let [want, note, order, kept] = quota::seeds();
    let addresses = [
        "amqp://user:canary-81@host:5672/%2f",
        "amqps://user:canary-81@[::1]:5671/team?heartbeat=30&frame_max=8192",
    ];
    let addresses = addresses.map(|address| address.as_bytes().to_vec());
    vec![
        target("message-headers", Form::Bytes, deliveries(), || Box::new(delivery)),
        target("quota-want", Form::Json, want, || Box::new(quota::request)),
        target("quota-note", Form::Json, note, || Box::new(quota::leader_message)),
        target("quota-order", Form::Json, order, || Box::new(quota::command)),
        target("quota-book", Form::Json, kept, || Box::new(quota::state)),
        target("roll-card", Form::Json, worker_infos(), || Box::new(worker_info)),
        target("amqp-address", Form::Text, addresses.into(), || Box::new(address)),
    ]
}

fn deliveries() -> Vec<Vec<u8>> {
    let mut message = Message::new(Queue::documents(), "a".repeat(300), "", time());
    message.headers.calls = Calls { heavy: 3, ..Calls::default() };
    let new = Message::new(Queue::named("ua.jobs.zoom.list.daily"), "id", "", time());
    let dead = message.clone().into_dead(Cause::new(CauseClass::Gone, "404"));
    [new, message, dead].map(|message| amqp::properties(&message)).into()
}

fn delivery(bytes: &[u8]) -> bool {
    let alive = amqp::delivery(&Queue::documents(), bytes);
    let dead = amqp::delivery(&Queue::dead(), bytes);
    assert_eq!(alive.is_some(), dead.is_some());
    let Some(message) = alive else { return false };
    bounded(format!("{:?}", message.headers).len(), bytes);
    let back =
        amqp::delivery(&Queue::documents(), &amqp::properties(&message)).expect("what was written is read");
    assert_eq!(back.headers, message.headers);
    true
}

fn worker_infos() -> Vec<Vec<u8>> {
    let identity = presence::Identity::of_this_process("0.1.0", time());
    let status = std::sync::Arc::new(runtime::Status::new("zoom"));
    vec![serde_json::to_vec(&identity.info("working", &[status], time())).unwrap()]
}

fn worker_info(bytes: &[u8]) -> bool {
    let Some(info) = row::<WorkerInfo>(bytes) else { return false };
    assert!(presence::quota(&[info.clone(), info.clone()]).len() <= info.quota.len());
    true
}

fn address(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    // A password that was moved or copied elsewhere is no secret there.
    let is_password = text.contains("user:canary-81@") && text.matches("canary-81").count() == 1;
    let (is_read, shown) = match amqp::address(&text) {
        Ok(shown) => (true, shown),
        Err(said) => {
            said_well(&said);
            (false, said)
        }
    };
    assert!(!is_password || !shown.contains("canary-81"), "a password is shown: {shown}");
    is_read
}
