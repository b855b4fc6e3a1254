//! A RabbitMQ that takes connections and does no work: frozen, or short of memory. Each has its own words.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Program, eventually};
use crate::servers::{server, unique};

const NAME: &str = "rabbitmq-restart";

/// The server of this case, which no other case of these tests uses.
struct Server {
    folder: PathBuf,
}

impl Server {
    fn call(&self, command: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/services/service.sh");
        let output =
            Command::new("bash").arg(script).arg(command).arg(&self.folder).arg(NAME).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn more(&self) -> PathBuf {
        self.folder.join(NAME).join("more.conf")
    }

    fn restarted_with(&self, settings: &str) {
        std::fs::write(self.more(), settings).unwrap();
        self.call("restart");
    }
}

impl Drop for Server {
    /// Other tests find it as it was, whatever came of this one.
    fn drop(&mut self) {
        if self.more().exists() {
            let _ = std::fs::remove_file(self.more());
            self.call("restart");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_broker_and_one_short_of_memory_have_their_own_words() {
    let (Some(amqp), Some(folder)) = (server("UA_TEST_AMQP_RESTART_URL"), server("UA_TEST_SERVICES")) else {
        return;
    };
    let server = Server { folder: folder.into() };
    let program = Program::new()
        .with("AMQP_URL", &amqp)
        .with("UA_QUEUE_PREFIX", unique("sick"))
        .with("UA_DATA_DIR", "data");
    let setup = program.call(&["setup"]);
    assert_eq!(setup.code, Some(0), "{}", setup.err);
    let worker = program.start(&["work", "index"], "work.log");
    let log = || std::fs::read_to_string(program.path().join("work.log")).unwrap_or_default();
    let works = async || program.call(&["status"]).out.contains("index");
    eventually("it works", 60, works).await;

    server.call("freeze");
    let frozen = program.call(&["status"]);
    server.call("thaw");
    let said = format!("{}{}", frozen.out, frozen.err);
    assert_ne!(frozen.code, Some(0), "{said}");
    assert!(said.contains("does not answer") && said.contains("frozen"), "{said}");
    assert!(!said.contains("os error") && !said.contains("nothing to do"), "{said}");

    server.restarted_with("vm_memory_high_watermark.absolute = 1MB\n");
    let blocked = program.call(&["status"]);
    let said = format!("{}{}", blocked.out, blocked.err);
    assert!(said.contains("the broker takes no messages: low on memory"), "{said}");
    for wrong in ["nothing to do", "no worker is running", "the broker is away"] {
        assert!(!said.contains(wrong), "{said}");
    }
    let checked = program.call(&["check"]);
    assert!(checked.out.contains("✘ alarms") && checked.out.contains("low on memory"), "{}", checked.out);
    drop(server);
    eventually("the worker is there again", 90, works).await;
    assert!(!log().contains("os error"), "{}", log());
    assert_eq!(worker.terminate(), Some(0), "{}", log());
}
