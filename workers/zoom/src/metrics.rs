//! Metrics of Zoom's API, by rate class.

use crate::RateClass;
use crate::endpoint::Endpoint;

pub use runtime::calls::describe;

const SOURCE: &str = "zoom";

/// Measures the wait for a token.
pub(crate) async fn waiting<T>(class: RateClass, leave: impl Future<Output = T>) -> T {
    runtime::calls::waiting(SOURCE, name(class), leave).await
}

/// Measures a call; `status` returns the answer's HTTP status, if any.
pub(crate) async fn calling<T>(
    endpoint: Endpoint,
    call: impl Future<Output = T>,
    status: impl FnOnce(&T) -> Option<u16>,
) -> T {
    runtime::calls::calling(SOURCE, name(endpoint.class()), endpoint.name(), call, status).await
}

fn name(class: RateClass) -> &'static str {
    match class {
        RateClass::Light => "light",
        RateClass::Medium => "medium",
        RateClass::Heavy => "heavy",
        RateClass::ResourceIntensive => "resource-intensive",
    }
}
