use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{Node, Pod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    config::Kubeconfig,
};
use metalman_core::lifecycle::Outcome;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::{Pass, Settings, pass, uncordon};

/// An API server with the Node `n1`, and what plays the rest of a cluster.
struct Cluster {
    client: Client,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("an object")
}

impl Cluster {
    async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().expect("a folder");
        let config = apiserver::server::Config {
            data_dir: dir.path().to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            names: Vec::new(),
            advertise_url: None,
        };
        let server = apiserver::server::ApiServer::start(config).await.expect("an API server");
        let kubeconfig = Kubeconfig::from_yaml(&server.admin_kubeconfig()).expect("a kubeconfig");
        let client = crate::client::from_kubeconfig(kubeconfig, None).await.expect("a client").once;
        let stop = CancellationToken::new();
        tokio::spawn(server.run(stop.clone()));
        let cluster = Self { client, stop, _dir: dir };
        create(&cluster.nodes(), json!({ "metadata": { "name": "n1" } })).await;
        cluster
    }
    fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }
    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }
    fn budgets(&self) -> Api<PodDisruptionBudget> {
        Api::default_namespaced(self.client.clone())
    }

    /// A Pod that is healthy on `n1`.
    async fn run(&self, name: &str, metadata: Value) {
        self.run_on("n1", name, "Running", metadata).await;
    }
    async fn run_on(&self, node: &str, name: &str, phase: &str, metadata: Value) {
        let mut pod = json!({
            "metadata": metadata, "spec": { "nodeName": node, "containers": [{ "name": "c", "image": "example.com/c" }] },
        });
        pod["metadata"]["name"] = name.into();
        create(&self.pods(), pod).await;
        let status = json!({ "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": "True" }] } });
        self.pods().patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.expect("a status");
    }
    /// What a kubelet does when it has stopped a Pod.
    async fn stopped(&self, name: &str) {
        self.pods().delete(name, &DeleteParams::default().grace_period(0)).await.expect("deleted");
    }
    async fn budget(&self, name: &str, spec: Value, allowed: i32) {
        create(&self.budgets(), json!({ "metadata": { "name": name }, "spec": spec })).await;
        let counted = async || {
            let status = self.budgets().get(name).await.expect("the budget").status?;
            (status.observed_generation == Some(1) && status.disruptions_allowed == allowed).then_some(())
        };
        eventually("the budget is counted", counted).await;
    }
    async fn pass(&self) -> Pass {
        pass(&self.client, "n1", &Settings::default()).await.expect("a pass")
    }
    /// Whether `n1` is unschedulable, and by whom.
    async fn cordon(&self) -> (bool, Option<String>) {
        let node = self.nodes().get("n1").await.expect("the Node");
        let by = node.metadata.annotations.and_then(|mut a| a.remove("unbounded-cloud.io/cordoned-by"));
        (node.spec.and_then(|s| s.unschedulable).unwrap_or(false), by)
    }
    async fn operator_sets(&self, unschedulable: Value) {
        let patch = json!({ "spec": { "unschedulable": unschedulable } });
        self.nodes().patch("n1", &PatchParams::default(), &Patch::Merge(patch)).await.expect("patched");
    }
}

async fn create<K: DeserializeOwned + Serialize + Clone + std::fmt::Debug>(api: &Api<K>, object: Value) -> K {
    api.create(&PostParams::default(), &read(object)).await.expect("made")
}

async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn ended(left: usize, why: &str) -> Pass {
    Pass { left, why: why.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_drained_in_passes() {
    let c = Cluster::start().await;
    let sets: Api<DaemonSet> = Api::default_namespaced(c.client.clone());
    let set = create(&sets, json!({
        "metadata": { "name": "agents" },
        "spec": { "selector": { "matchLabels": { "app": "agent" } }, "template": { "metadata": { "labels": { "app": "agent" } },
            "spec": { "containers": [{ "name": "c", "image": "example.com/c" }] } } },
    }))
    .await;
    let owner = json!([{ "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agents", "uid": set.metadata.uid, "controller": true }]);
    c.run("agent", json!({ "ownerReferences": owner })).await;
    c.run("static", json!({ "annotations": { "kubernetes.io/config.mirror": "x" } })).await;
    c.run_on("n1", "done", "Succeeded", json!({})).await;
    c.run_on("n2", "elsewhere", "Running", json!({})).await;
    c.run("a", json!({})).await;
    c.run("b", json!({})).await;

    assert_eq!(c.pass().await, ended(2, "default/a, default/b: ending"));
    assert_eq!(c.cordon().await, (true, Some("metalman".into())));
    assert_eq!(c.pass().await, ended(2, "default/a, default/b: ending"), "nothing more is asked for");
    c.stopped("a").await;
    assert_eq!(c.pass().await, ended(1, "default/b: ending"));
    c.stopped("b").await;
    assert_eq!(c.pass().await, Pass::default());
    for name in ["agent", "static", "done", "elsewhere"] {
        let pod = c.pods().get(name).await.expect("left alone");
        assert_eq!(pod.metadata.deletion_timestamp, None, "{name}");
    }
    uncordon(&c.client, "n1").await.expect("uncordoned");
    assert_eq!(c.cordon().await, (false, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_respected_and_quoted() {
    let c = Cluster::start().await;
    for name in ["a", "b", "c"] {
        c.run(name, json!({ "labels": { "app": "web" } })).await;
    }
    let selector = json!({ "matchLabels": { "app": "web" } });
    c.budget("web", json!({ "minAvailable": 2, "selector": selector }), 1).await;

    let begun = Instant::now();
    let first = c.pass().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "a refusal is an answer: {:?}", begun.elapsed());
    assert_eq!(first.left, 3);
    assert!(first.why.contains(": The disruption budget web "), "{}", first.why);
    assert!(first.why.ends_with(": ending"), "{}", first.why);
    let ending = async || {
        let pods = c.pods().list(&kube::api::ListParams::default()).await.expect("pods").items;
        pods.into_iter()
            .filter(|p| p.metadata.deletion_timestamp.is_some())
            .filter_map(|p| p.metadata.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(ending().await.len(), 1);
    let needs = ": The disruption budget web needs 2 healthy pods and has 2 currently; default/";
    eventually("the budget counted the one that goes", async || c.pass().await.why.contains(needs).then_some(())).await;

    // What was evicted runs elsewhere by now, and the budget has room again.
    let mut gone = ending().await;
    for round in 0..2 {
        c.stopped(&gone[0]).await;
        c.run_on("n2", &format!("successor-{round}"), "Running", json!({ "labels": { "app": "web" } })).await;
        gone = eventually("the next one may go", async || {
            c.pass().await;
            Some(ending().await).filter(|e| !e.is_empty())
        })
        .await;
        assert_eq!(gone.len(), 1, "never two at once");
    }
    c.stopped(&gone[0]).await;
    assert_eq!(c.pass().await, Pass::default());

    c.run("last", json!({ "labels": { "app": "web" } })).await;
    c.budget("overlap", json!({ "minAvailable": 0, "selector": selector }), 3).await;
    let pass = c.pass().await;
    assert_eq!(pass.left, 1);
    assert!(pass.why.starts_with("default/last: This pod has more than one PodDisruptionBudget"), "{}", pass.why);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_cordon_stays() {
    let c = Cluster::start().await;
    c.operator_sets(true.into()).await;
    assert_eq!(c.pass().await, Pass::default());
    assert_eq!(c.cordon().await, (true, None));
    uncordon(&c.client, "n1").await.expect("nothing to do");
    assert_eq!(c.cordon().await, (true, None), "not ours to take back");

    // Uncordoned by hand while metalman drains: cordoned again by the next pass, and ours then.
    c.operator_sets(Value::Null).await;
    c.pass().await;
    assert_eq!(c.cordon().await, (true, Some("metalman".into())));
    c.operator_sets(Value::Null).await;
    uncordon(&c.client, "n1").await.expect("uncordoned");
    assert_eq!(c.cordon().await, (false, None), "no trace is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_there_is_drained() {
    let c = Cluster::start().await;
    let nothing = pass(&c.client, "absent", &Settings::default()).await.expect("a pass");
    assert_eq!(nothing, Pass::default());
    uncordon(&c.client, "absent").await.expect("nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grace_of_the_settings_is_that_of_the_pods() {
    let c = Cluster::start().await;
    c.run("a", json!({})).await;
    let settings = Settings { grace: Some(Duration::from_secs(7)), ..Settings::default() };
    pass(&c.client, "n1", &settings).await.expect("a pass");
    let pod = c.pods().get("a").await.expect("ending");
    assert_eq!(pod.metadata.deletion_grace_period_seconds, Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_api_server_the_error_names_node_and_request() {
    let c = Cluster::start().await;
    c.stop.cancel();
    eventually("the server is gone", async || c.nodes().get("n1").await.is_err().then_some(())).await;
    let error = pass(&c.client, "n1", &Settings::default()).await.expect_err("nobody answers");
    assert_eq!(error.to_string(), "Node n1: cannot read it");
    assert!(
        matches!(Outcome::from(error), Outcome::Lost { message } if message.starts_with("Node n1: cannot read it: "))
    );
}
