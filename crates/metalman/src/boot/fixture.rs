//! A `Boot` for tests: one Machine at an address, an image in memory, and an API server that only remembers.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::{Method, Request, Response};
use bytes::Bytes;
use kube::{Client, client::Body};
use metalman_core::{
    api::{MacAddr, Machine},
    netboot::Metadata,
    selection::Selection,
};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Boot, Journal, Problems, UserData, problems};
use crate::{
    events::Recorder,
    facts::{ClusterFacts, Fact, Source},
    images::{Image, Images},
    inventory::SharedInventory,
    metrics::Metrics,
    status::StatusWriter,
    watch::Change,
};

/// The NIC of the Machine `n1`.
pub(crate) const MAC: MacAddr = MacAddr::new([0xaa, 0xbb, 0xcc, 0, 0x11, 0x22]);
/// What anything may take. Nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was sent to the API server: method, path, body.
type Sent = Arc<Mutex<Vec<(Method, String, Value)>>>;

/// The parts.
pub(crate) struct Fixture {
    pub(crate) boot: Boot,
    sent: Sent,
    /// The Machine as the API server has it.
    stored: Arc<Mutex<Value>>,
    /// Whether the API server refuses everything.
    away: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An image in memory.
pub(crate) fn image(digest: &str, files: &[(&str, &[u8])]) -> Arc<Image> {
    let files = files.iter().map(|(path, content)| ((*path).to_owned(), Bytes::copy_from_slice(content)));
    Arc::new(Image::in_memory(digest.to_owned(), Metadata::default(), files))
}

/// The Machine `n1` with a lease of that address.
pub(crate) fn machine(ipv4: &str) -> Value {
    json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "n1", "uid": "u-1", "resourceVersion": "1" },
        "spec": { "pxe": { "image": "registry.test/i:1", "dhcpLeases": [
            { "mac": MAC.to_string(), "ipv4": ipv4, "subnetMask": "255.255.255.0" },
        ] } },
    })
}

impl Fixture {
    /// Serves that Machine; nothing is under way, and its image is not here.
    pub(crate) fn new(machine: &Value) -> Self {
        let (sent, stored) = (Sent::default(), Arc::new(Mutex::new(machine.clone())));
        let away = Arc::<AtomicBool>::default();
        let client = client(sent.clone(), stored.clone(), away.clone());
        let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
        let inventory = Arc::new(SharedInventory::new(Selection::NoSite));
        let user_data = Arc::new(UserData::new("unbounded-kube"));
        let (events, write_events) = Recorder::new(client.clone(), "test".into(), metrics.clone());
        let (journal, writing) = Journal::new(metrics.clone());
        let problems = Problems::new(events, journal, metrics.clone());
        let fact = |value: &str| Fact { value: value.to_owned(), source: Source::Flag };
        let (_, facts) = watch::channel(ClusterFacts {
            apiserver_url: fact("https://api.test:6443"),
            ca_pem: Fact { value: None, source: Source::Missing },
            kubernetes_version: Fact { value: Some("v1.33.1".into()), source: Source::Flag },
            cluster_dns: Fact { value: IpAddr::from([10, 96, 0, 10]), source: Source::Flag },
        });
        let images = Images::default();
        let problems = Arc::new(problems);
        let boot = Boot::new(inventory, images, user_data, facts, "http://boot.test:8880", problems, metrics.clone());
        tokio::spawn(write_events(stop.clone()));
        tokio::spawn(writing.run(StatusWriter::new(client, metrics), stop.clone()));
        tokio::spawn(problems::run(boot.clone(), stop.clone()));
        let fixture = Self { boot, sent, stored, away, stop };
        fixture.changed(machine);
        fixture
    }

    /// The watch brings the Machine.
    pub(crate) fn changed(&self, machine: &Value) {
        let machine: Machine = serde_json::from_value(machine.clone()).expect("a Machine");
        self.boot.inventory.take(Change::Replace(vec![machine]));
    }

    /// The watch brings the Machine as the API server has it.
    pub(crate) fn synced(&self) {
        let stored = self.stored.lock().expect("not poisoned").clone();
        self.changed(&stored);
    }

    /// Somebody changes the Machine at the API server.
    pub(crate) fn mended(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.stored.lock().expect("not poisoned"));
    }

    /// Its boot begins with that image.
    pub(crate) fn boots(&self, image: &Arc<Image>) {
        self.boot.sessions.began(MAC, Some(metalman_core::netboot::Architecture::X64Uefi), image);
    }

    /// The API server refuses everything, or no longer does.
    pub(crate) fn is_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// The Machine as the API server has it.
    pub(crate) fn stored(&self) -> Machine {
        let stored = self.stored.lock().expect("not poisoned").clone();
        serde_json::from_value(stored).expect("a Machine")
    }

    /// The same, also once the fixture is gone.
    pub(crate) fn shared(&self) -> Arc<Mutex<Value>> {
        self.stored.clone()
    }

    /// The Machine's `status.message` at the API server.
    pub(crate) fn message(&self) -> Option<String> {
        self.stored().status?.message
    }

    /// The steps of the Machine's boot at the API server, and what they say.
    pub(crate) fn steps(&self) -> Vec<String> {
        let boot = self.stored().status.and_then(|status| status.boot).unwrap_or_default();
        let told = |message: Option<String>| message.map(|message| format!(": {message}")).unwrap_or_default();
        boot.steps.into_iter().map(|step| step.name + &told(step.message)).collect()
    }

    /// Bodies of what was sent with that method to paths that contain the word.
    pub(crate) fn sent(&self, method: &Method, word: &str) -> Vec<Value> {
        let sent = self.sent.lock().expect("not poisoned");
        sent.iter().filter(|(m, path, _)| m == method && path.contains(word)).map(|(_, _, body)| body.clone()).collect()
    }

    /// Waits until the probe finds something.
    pub(crate) async fn eventually<T>(&self, what: &str, mut probe: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = probe(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "no {what}; sent: {:#?}", self.sent.lock().expect("not poisoned"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Answers reads of the Machine and merges patches into it; takes everything else.
fn client(sent: Sent, stored: Arc<Mutex<Value>>, away: Arc<AtomicBool>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let (sent, stored, away) = (sent.clone(), stored.clone(), away.clone());
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let body = request.into_body().collect_bytes().await.unwrap_or_default();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            if away.load(Ordering::SeqCst) {
                let status =
                    json!({ "kind": "Status", "status": "Failure", "reason": "Away", "message": "", "code": 500 });
                let answer = Response::builder().status(500).body(Body::from(status.to_string().into_bytes()));
                return Ok::<_, Infallible>(answer.expect("a response"));
            }
            sent.lock().expect("not poisoned").push((method.clone(), path.clone(), body.clone()));
            let mut answer = body.clone();
            if path.contains("/machines/") {
                let mut stored = stored.lock().expect("not poisoned");
                if method == Method::PATCH {
                    json_patch::merge(&mut stored["status"], &body["status"]);
                }
                answer = stored.clone();
            }
            Ok(Response::new(Body::from(answer.to_string().into_bytes())))
        }
    });
    Client::new(service, "default")
}
