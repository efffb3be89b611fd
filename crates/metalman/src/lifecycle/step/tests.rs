//! What a step asks of the API server and of the BMC, and what it does not.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kube::{Client, client::Body};
use metalman_core::{
    api::Machine,
    lifecycle::{
        Bmc, Effect, Outcome, Policy,
        bmc::{PowerAction, PowerState, System},
    },
    selection::Selection,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};

use super::{Reach, Shell};
use crate::{
    election::{Term, boot_time},
    events::Recorder,
    lifecycle::{LifecycleMetrics, Nodes, bmcs::Bmcs, memory::Memory, passwords::Passwords},
    metrics::Metrics,
    redfish::{Clients, Patience, RedfishMetrics},
    status::StatusWriter,
};

type Patched = Box<dyn FnMut(&mut Value) + Send>;

/// An API server with one Machine, which notes what it is asked.
#[derive(Default)]
struct Server {
    machine: Value,
    asked: Vec<Method>,
    /// Called with each patch.
    patched: Option<Patched>,
}

fn client(server: &Arc<Mutex<Server>>) -> Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            let method = request.method().clone();
            let body = request.into_body().collect_bytes().await.unwrap_or_default();
            let mut server = server.lock().expect("not poisoned");
            server.asked.push(method.clone());
            if method == Method::PATCH {
                let patch: Value = serde_json::from_slice(&body).expect("JSON");
                merge(&mut server.machine["status"], &patch["status"]);
                if let Some(mut patched) = server.patched.take() {
                    patched(&mut server.machine);
                    server.patched = Some(patched);
                }
            }
            let answer = server.machine.to_string().into_bytes();
            let answer = Response::builder().status(StatusCode::OK).body(Body::from(answer));
            Ok::<_, Infallible>(answer.expect("a response"))
        }
    });
    Client::new(service, "default")
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else { return target.clone_from(patch) };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().expect("an object").remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

fn machine(url: &str, operations: &Value) -> Value {
    json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "a", "uid": "u1", "resourceVersion": "7", "generation": 1 },
        "spec": {
            "pxe": { "image": "i:1", "dhcpLeases": [], "redfish": { "url": url, "deviceID": "1" } },
            "operations": operations,
        },
        "status": {},
    })
}

/// A status that announces that power is being cut.
fn announced() -> Value {
    let time = (Timestamp::now() - Duration::from_secs(20)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let step = |name: &str| json!({ "name": name, "time": time.clone() });
    json!({
        "operations": { "attempts": 1, "attemptedRebootCounter": 1 },
        "boot": { "steps": [step("Asked"), step("PoweringOff")] },
        "conditions": [{
            "type": "PoweredOff", "status": "False", "reason": "PoweringOff", "message": "for the reboot",
            "lastTransitionTime": time.clone(), "observedGeneration": 1,
        }],
    })
}

struct Bench {
    shell: Shell,
    server: Arc<Mutex<Server>>,
    /// What the BMC hears: nobody answers there.
    bmc: TcpListener,
    memory: Memory,
}

impl Bench {
    async fn new(term: Term, operations: &Value) -> Self {
        let bmc = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", bmc.local_addr().expect("bound"));
        let server = Arc::new(Mutex::new(Server { machine: machine(&url, operations), ..Server::default() }));
        let client = client(&server);
        let metrics = Arc::new(Metrics::new());
        let patience = Patience {
            connect: Duration::from_millis(200),
            request: Duration::from_millis(200),
            ..Patience::default()
        };
        let clients = Arc::new(Clients::new(RedfishMetrics::default(), patience));
        let shell = Shell {
            term,
            selection: Selection::NoSite,
            policy: Policy::default(),
            nodes: Arc::new(Nodes::default()),
            bmcs: Bmcs::new(clients, Passwords::new(client.clone(), "unbounded-kube")),
            writer: StatusWriter::new(client.clone(), metrics.clone()),
            writes: Semaphore::new(1),
            events: Recorder::new(client.clone(), "test".into(), metrics).0,
            metrics: LifecycleMetrics::default(),
            once: client.clone(),
            client,
        };
        Self { shell, server, bmc, memory: Memory::default() }
    }

    fn cached(&self) -> Arc<Machine> {
        let machine = self.server.lock().expect("not poisoned").machine.clone();
        Arc::new(serde_json::from_value(machine).expect("a Machine"))
    }

    /// As if the BMC had just shown that the system is on, for long.
    fn shows_on(&mut self) {
        self.memory.aim(Reach::of(&self.cached()));
        let now = Timestamp::now() + Duration::from_secs(1);
        let steady_since = now - Duration::from_mins(1);
        self.memory.looked(Bmc::Observed(System {
            power: Some(PowerState::On),
            steady_since,
            boot_override: None,
            targets: None,
            certificate: None,
            at: now,
        }));
    }

    async fn step(&mut self) -> Option<std::time::Instant> {
        let cached = self.cached();
        self.shell.step(&"a".into(), cached, &mut self.memory).await
    }

    /// What the API server was asked since the last time.
    fn asked(&self) -> Vec<Method> {
        std::mem::take(&mut self.server.lock().expect("not poisoned").asked)
    }

    async fn bmc_heard(&self) -> bool {
        tokio::time::timeout(Duration::from_millis(1), self.bmc.accept()).await.is_ok()
    }
}

fn hour() -> Term {
    Term::new(1, boot_time() + Duration::from_hours(1))
}

#[tokio::test]
async fn what_changes_nothing_asks_nobody() {
    let mut bench = Bench::new(hour(), &json!({})).await;
    bench.shows_on();
    bench.step().await;
    assert_eq!(bench.asked(), [Method::GET, Method::PATCH], "what the BMC shows is written");
    bench.shows_on();
    for _ in 0..3 {
        let next = bench.step().await.expect("a look now and then");
        assert!(next > std::time::Instant::now() + Duration::from_mins(4));
    }
    assert!(bench.asked().is_empty());
    assert!(!bench.bmc_heard().await);
}

#[tokio::test]
async fn what_was_announced_is_carried_out_and_its_outcome_remembered() {
    let mut bench = Bench::new(hour(), &json!({ "rebootCounter": 1 })).await;
    bench.server.lock().expect("not poisoned").machine["status"] = announced();
    bench.shows_on();
    bench.step().await;
    assert!(bench.bmc_heard().await);
    let last = bench.memory.last.as_ref().expect("carried out");
    assert_eq!(last.effect, Effect::Power(PowerAction::ForceOff));
    assert!(matches!(last.outcome, Outcome::Lost { .. }), "nobody answered: {last:?}");
}

#[tokio::test]
async fn nothing_is_done_after_the_term() {
    let term = Term::new(1, boot_time() + Duration::from_secs(2));
    let mut bench = Bench::new(term.clone(), &json!({ "rebootCounter": 1 })).await;
    // It ends between the write and the act.
    let ends = Box::new(move |_: &mut Value| {
        while term.is_valid() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    {
        let mut server = bench.server.lock().expect("not poisoned");
        server.machine["status"] = announced();
        server.patched = Some(ends);
    }
    bench.shows_on();
    assert_eq!(bench.step().await, None);
    assert_eq!(bench.asked(), [Method::GET, Method::PATCH], "it was written in the term");
    assert!(bench.memory.last.is_none() && !bench.bmc_heard().await, "whoever leads now does what was announced");
}

#[tokio::test]
async fn a_machine_that_was_given_another_bmc_is_observed_first() {
    let mut bench = Bench::new(hour(), &json!({ "rebootCounter": 1 })).await;
    bench.shows_on();
    let cached = bench.cached();
    // The cache does not know yet.
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", other.local_addr().expect("bound"));
    bench.server.lock().expect("not poisoned").machine["spec"]["pxe"]["redfish"]["url"] = url.into();
    bench.shell.step(&"a".into(), cached, &mut bench.memory).await;
    let status = bench.cached().status.clone().unwrap_or_default();
    assert!(status.condition("PoweredOff").is_none(), "nothing is known of that system: {status:?}");
    assert!(!bench.bmc_heard().await, "the old one is left alone");
}
