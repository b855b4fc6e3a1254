//! A document that the store refuses for ever: a pipeline of others fails on it, with a 500 for this one document.

use jiff::civil::Date;
use reqwest::Method;
use serde_json::json;
use simulator::{Simulator, Source};

use crate::meddling::send;

/// The document, and the pipeline that fails on it.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Its id: the meeting's uuid.
    pub(crate) id: String,
    pipeline: String,
}

impl Refused {
    /// Takes a meeting of the date, and makes the index of the date with a pipeline that fails on it.
    pub(crate) async fn new(simulator: &Simulator, search: &str, indices: &str, date: Date) -> Self {
        let mut uuids = simulator.truth(date, Source::Dashboard).ids.unwrap().meeting_uuids;
        uuids.sort();
        let (id, pipeline) = (uuids.swap_remove(uuids.len() / 2), format!("{indices}refuses"));
        let fail = json!({"fail": {"if": format!("ctx._id == '{id}'"), "message": "it fails on this one"}});
        let url = format!("{search}/_ingest/pipeline/{pipeline}");
        send(Method::PUT, &url, Some(&json!({"processors": [fail]}))).await;
        let index = format!("{search}/{indices}meetings-{}", date.strftime("%Y.%m.%d"));
        send(Method::PUT, &index, Some(&json!({"settings": {"index.default_pipeline": pipeline}}))).await;
        Self { id, pipeline }
    }

    pub(crate) async fn remove(&self, search: &str) {
        send(Method::DELETE, &format!("{search}/_ingest/pipeline/{}", self.pipeline), None).await;
    }
}
