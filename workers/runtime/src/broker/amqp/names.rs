//! Names at the broker. Queues and exchanges start with a prefix, so that several installations or tests share one
//! broker. Routing keys are the logical queue names.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use lapin::types::ShortString;
use messages::Queue;

use crate::BrokerError;

/// The part of a logical queue name that the prefix replaces.
const OWN: &str = "ua";

/// An unbounded queue for requeued documents. A full bounded queue would refuse them, and a rung that meets a full
/// queue stalls for minutes.
const RETURNED_DOCUMENTS: &str = "ua.documents.returned";

/// How to publish a message: through which exchange, and whether it is a requeue.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) exchange: ShortString,
    pub(super) requeue: bool,
}

impl Route {
    /// Returns the routing key to the message's queue; `None` if it exceeds the limit of names.
    pub(super) fn key(&self, queue: &Queue) -> Option<ShortString> {
        let returned = self.requeue.then(|| returned(queue)).flatten();
        short(returned.as_ref().unwrap_or(queue).as_str())
    }
}

/// An exchange and a routing key that lead to one queue.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) exchange: ShortString,
    pub(super) key: ShortString,
}

/// Returns the unbounded queue next to a bounded one.
pub(super) fn returned(queue: &Queue) -> Option<Queue> {
    (*queue == Queue::documents()).then(|| Queue::named(RETURNED_DOCUMENTS))
}

/// Name of the exchange and the queue that hold a queue's messages during a migration.
pub(super) fn shelter(queue: &ShortString) -> ShortString {
    short(&format!("{queue}.moving")).unwrap_or_default()
}

/// The names of one installation.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The exchange that all messages are published to.
    pub(super) fn exchange(&self) -> ShortString {
        short(&self.prefix).unwrap_or_default()
    }

    /// A queue's name at the broker; `None` if it exceeds the broker's limit.
    pub(super) fn physical(&self, queue: &Queue) -> Option<ShortString> {
        let rest = queue.as_str().strip_prefix(OWN).unwrap_or(queue.as_str());
        short(&format!("{}{rest}", self.prefix))
    }

    /// The queue that a name at the broker stands for.
    pub(super) fn logical(&self, physical: &str) -> Queue {
        match physical.strip_prefix(&self.prefix).map(|rest| format!("{OWN}{rest}")) {
            Some(name) if name == RETURNED_DOCUMENTS => Queue::documents(),
            Some(name) => Queue::named(name),
            None => Queue::named(physical),
        }
    }

    /// The queue that cancelled runs are bound to. No run has an empty id.
    pub(super) fn cancelled(&self) -> Result<ShortString, BrokerError> {
        let text = format!("{}.cancelled", self.prefix);
        short(&text).ok_or_else(|| BrokerError::Refused(format!("{text} is too long for a queue's name")))
    }

    /// The queue whose active consumer leads `name`.
    pub(super) fn lead(&self, name: &str) -> Result<ShortString, BrokerError> {
        self.auxiliary("lead", name)
    }

    /// The queue with the state that the leader of `name` persists.
    pub(super) fn state(&self, name: &str) -> Result<ShortString, BrokerError> {
        self.auxiliary("kept", name)
    }

    /// The queue with a copy of that state, for readers.
    pub(super) fn state_copy(&self, name: &str) -> Result<ShortString, BrokerError> {
        self.auxiliary("shown", name)
    }

    /// The queue of commands to the leader of `name`.
    pub(super) fn commands(&self, name: &str) -> Result<ShortString, BrokerError> {
        self.auxiliary("orders", name)
    }

    /// A name that is no work queue's.
    pub(super) fn auxiliary(&self, what: &str, name: &str) -> Result<ShortString, BrokerError> {
        let text = format!("{}.{what}.{name}", self.prefix);
        short(&text)
            .ok_or_else(|| BrokerError::Misconfigured(format!("{text} is too long for a queue's name")))
    }

    /// A unique name, for a queue that is deleted with its connection.
    pub(super) fn unique(&self, what: &str) -> Result<ShortString, BrokerError> {
        self.auxiliary(what, &format!("{:016x}", RandomState::new().build_hasher().finish()))
    }

    /// The destination of a queue, by its name at the broker. The installation's queues are bound to its exchange by
    /// that name. So workers need permissions only on names with the prefix, and none on the default exchange. Other
    /// queues are reached over the default exchange.
    pub(super) fn destination(&self, queue: &ShortString) -> Destination {
        let ours = queue.as_str().strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('.'));
        let exchange = if ours { self.exchange() } else { ShortString::default() };
        Destination { exchange, key: queue.clone() }
    }

    /// The regular expression for RabbitMQ permissions that matches these names and no others.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::from("^");
        for c in self.prefix.chars() {
            if c.is_ascii_punctuation() && !matches!(c, '-' | '_') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern + r"(\..*)?$"
    }

    /// The route of a new message.
    pub(super) fn publish_route(&self) -> Route {
        Route { exchange: self.exchange(), requeue: false }
    }

    /// The route of a requeued message, without delay.
    pub(super) fn requeue_route(&self) -> Route {
        Route { exchange: self.exchange(), requeue: true }
    }

    /// The route of a requeued message, after a rung's delay.
    pub(super) fn back_after(&self, delay: Duration) -> Route {
        Route { exchange: self.rung(delay), requeue: true }
    }

    /// The exclusive queue that locks the migration.
    pub(super) fn migration(&self) -> ShortString {
        short(&format!("{}.migration", self.prefix)).unwrap_or_default()
    }

    /// A queue that never exists.
    pub(super) fn nothing(&self) -> ShortString {
        short(&format!("{}.check.none", self.prefix)).unwrap_or_default()
    }

    /// The exchange of presence requests.
    pub(super) fn presence_exchange(&self) -> ShortString {
        short(&format!("{}.roll", self.prefix)).unwrap_or_default()
    }

    /// True for the name of a rung at the broker.
    pub(super) fn is_rung(&self, physical: &str) -> bool {
        physical.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with(".rung."))
    }

    /// The exchange and the queue of a rung. The delay is part of the name, so another ladder has other queues.
    pub(super) fn rung(&self, delay: Duration) -> ShortString {
        short(&format!("{}.rung.{}", self.prefix, rung_name(delay))).unwrap_or_default()
    }
}

/// Converts to a name or routing key of the protocol, which has at most 255 bytes.
pub(super) fn short(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}

fn rung_name(delay: Duration) -> String {
    let millis = delay.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.into_iter().find(|(size, _)| millis > 0 && millis.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", millis / size),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ladder;

    #[test]
    fn names_go_to_the_broker_and_back() {
        for prefix in ["ua", "test-7f"] {
            let names = Names::new(prefix);
            for queue in Queue::all() {
                let physical = names.physical(&queue).unwrap();
                assert!(physical.as_str().starts_with(prefix));
                assert_eq!(names.logical(physical.as_str()), queue);
            }
        }
        assert_eq!(Names::new("ua").physical(&Queue::dead()).unwrap().as_str(), "ua.dead");
        assert_eq!(Names::new("x").physical(&Queue::named("u".repeat(300))), None);
    }

    #[test]
    fn only_what_is_not_ours_is_reached_by_the_exchange_that_leads_everywhere() {
        let names = Names::new("ua");
        let exchange = |queue: &str| names.destination(&queue.into()).exchange.to_string();
        assert_eq!(exchange("ua.orders.quota.zoom.main"), "ua");
        assert_eq!(exchange(names.unique("tokens").unwrap().as_str()), "ua");
        assert_eq!(exchange("amq.rabbitmq.reply-to.g1h2"), "");
        assert_eq!(exchange("uab.orders"), "");
        assert_ne!(names.unique("tokens").unwrap(), names.unique("tokens").unwrap());
    }

    #[test]
    fn a_pattern_is_of_our_names_alone() {
        assert_eq!(Names::new("ua").pattern(), r"^ua(\..*)?$");
        assert_eq!(Names::new("u.a-1_b+").pattern(), r"^u\.a-1_b\+(\..*)?$");
    }

    #[test]
    fn documents_come_back_by_a_queue_without_a_bound() {
        let names = Names::new("t");
        let key = |route: Route, queue: &Queue| route.key(queue).unwrap().to_string();
        assert_eq!(key(names.publish_route(), &Queue::documents()), "ua.documents");
        assert_eq!(key(names.requeue_route(), &Queue::documents()), "ua.documents.returned");
        assert_eq!(
            key(names.back_after(Duration::from_secs(5)), &Queue::documents()),
            "ua.documents.returned"
        );
        assert_eq!(key(names.requeue_route(), &Queue::dead()), "ua.dead");
        assert_eq!(names.logical("t.documents.returned"), Queue::documents());
    }

    #[test]
    fn rungs_are_called_by_their_delay() {
        let names = Names::new("ua");
        let rungs: Vec<_> =
            Ladder::default().rungs.iter().map(|rung| names.rung(*rung).to_string()).collect();
        assert_eq!(
            rungs,
            ["ua.rung.5s", "ua.rung.30s", "ua.rung.2m", "ua.rung.10m", "ua.rung.1h", "ua.rung.6h"]
        );
        assert_eq!(names.rung(Duration::from_millis(300)).as_str(), "ua.rung.300ms");
        assert_eq!(names.rung(Duration::from_secs(90)).as_str(), "ua.rung.90s");
    }
}
