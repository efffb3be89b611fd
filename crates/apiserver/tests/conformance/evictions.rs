//! Evictions and disruption budgets: "API-initiated Eviction", "Specifying a Disruption Budget for your Application", "Safely
//! Drain a Node". The tests play the kubelet: they say that Pods run, and delete with no grace what was stopped.

use serde_json::{Value, json};

use super::{
    cluster::{Cluster, unique},
    kubectl::{Kubectl, binaries},
    wait,
};

/// A namespace, and a Node that exists in name only.
struct Rack<'a> {
    c: &'a Cluster,
    namespace: String,
    node: String,
}

impl<'a> Rack<'a> {
    async fn new(c: &'a Cluster) -> Self {
        let (namespace, node) = (c.namespace().await, unique("node"));
        let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": {"only": node}}});
        c.undo(format!("/api/v1/nodes/{node}"));
        c.admin().post("/api/v1/nodes", &object).await.expect(201);
        let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
        wait::until("the namespace has its account", || async {
            let answer = c.admin().get(&account).await;
            if answer.code == 200 { Ok(()) } else { Err(answer.text) }
        })
        .await;
        Self { c, namespace, node }
    }
    fn pods(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }
    fn pod(&self, name: &str) -> String {
        format!("{}/{name}", self.pods())
    }
    fn budgets(&self) -> String {
        format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets", self.namespace)
    }

    /// A Pod on the Node, in that phase.
    async fn run(&self, name: &str, phase: &str, ready: bool) {
        self.run_owned(name, phase, ready, &json!([])).await;
    }
    async fn run_owned(&self, name: &str, phase: &str, ready: bool, owners: &Value) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "a"}, "ownerReferences": owners},
            "spec": {"nodeName": self.node, "containers": [{"name": "c", "image": "example.com/c"}]},
        });
        self.c.admin().post(&self.pods(), &pod).await.expect(201);
        let ready = if ready { "True" } else { "False" };
        let status = json!({"status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}});
        self.c.admin().merge_patch(&format!("{}/status", self.pod(name)), &status).await.expect(200);
    }

    /// A budget for these Pods, counted: it has seen as many as are healthy.
    async fn guard(&self, name: &str, spec: Value, healthy: i64) -> String {
        let mut spec = spec;
        spec["selector"] = json!({"matchLabels": {"app": "a"}});
        let budget =
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec});
        self.c.admin().post(&self.budgets(), &budget).await.expect(201);
        let path = format!("{}/{name}", self.budgets());
        self.counted(&path, healthy).await;
        path
    }
    async fn counted(&self, budget: &str, healthy: i64) -> Value {
        wait::until(&format!("the budget counts {healthy} healthy pods"), || async {
            let budget = self.c.admin().get(budget).await.expect(200);
            let observed = budget["status"]["observedGeneration"] == budget["metadata"]["generation"];
            if observed && budget["status"]["currentHealthy"] == healthy { Ok(budget) } else { Err(budget.to_string()) }
        })
        .await
    }

    async fn evict(&self, name: &str) -> super::cluster::Answer {
        self.evict_with(name, json!({})).await
    }
    async fn evict_with(&self, name: &str, options: Value) -> super::cluster::Answer {
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}, "deleteOptions": options});
        self.c.admin().post(&format!("{}/eviction", self.pod(name)), &eviction).await
    }
    /// What a kubelet does when it has stopped a Pod.
    async fn stopped(&self, name: &str) {
        self.c.admin().delete_with(&self.pod(name), &json!({"gracePeriodSeconds": 0})).await.expect(200);
        wait::gone(self.c.admin(), &self.pod(name)).await;
    }
}

#[tokio::test]
async fn a_budget_holds_what_it_needs() {
    let c = Cluster::get().await;
    let r = Rack::new(&c).await;
    for name in ["one", "two"] {
        r.run(name, "Running", true).await;
    }
    let path = r.guard("budget", json!({"minAvailable": 1}), 2).await;
    let budget = c.admin().get(&path).await.expect(200);
    let status = &budget["status"];
    assert_eq!(
        (&status["expectedPods"], &status["desiredHealthy"], &status["disruptionsAllowed"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(status["conditions"][0]["reason"], "SufficientPods");

    let answer = r.evict("one").await.expect(201);
    assert_eq!((answer["kind"].as_str(), answer["status"].as_str()), (Some("Status"), Some("Success")), "{answer}");
    let ending = c.admin().get(&r.pod("one")).await.expect(200);
    assert!(ending["metadata"]["deletionTimestamp"].is_string(), "its kubelet stops it: {ending}");
    assert_eq!(ending["metadata"]["deletionGracePeriodSeconds"], 30);
    let target = ending["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "DisruptionTarget");
    assert_eq!(target.expect("a reason")["reason"], "EvictionByEvictionAPI");
    let charged = c.admin().get(&path).await.expect(200);
    assert_eq!(charged["status"]["disruptionsAllowed"], 0, "charged at once: {charged}");

    // Until the one that goes was counted, too, a refusal has no numbers.
    r.counted(&path, 1).await;
    let answer = r.evict("two").await;
    assert_eq!(answer.headers.get("retry-after"), None);
    let refused = answer.refused(429, "TooManyRequests");
    assert_eq!(refused["message"], "Cannot evict pod as it would violate the pod's disruption budget.");
    assert_eq!(refused["details"]["causes"][0]["reason"], "DisruptionBudget");
    assert_eq!(
        refused["details"]["causes"][0]["message"],
        "The disruption budget budget needs 1 healthy pods and has 1 currently"
    );
    let kept = c.admin().get(&r.pod("two")).await.expect(200);
    assert!(kept["metadata"].get("deletionTimestamp").is_none(), "{kept}");

    r.evict("one").await.expect(201);
    r.stopped("one").await;
    r.evict("one").await.refused(404, "NotFound");
    // Its replacement gives the budget room again.
    r.run("three", "Running", true).await;
    r.counted(&path, 2).await;
    r.evict("two").await.expect(201);
}

#[tokio::test]
async fn a_dry_run_costs_nothing() {
    let c = Cluster::get().await;
    let r = Rack::new(&c).await;
    r.run("one", "Running", true).await;
    r.run("two", "Running", true).await;
    let path = r.guard("budget", json!({"minAvailable": 1}), 2).await;
    let before = c.admin().get(&path).await.expect(200);
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "one"}});
    c.admin().post(&format!("{}/eviction?dryRun=All", r.pod("one")), &eviction).await.expect(201);
    r.evict_with("two", json!({"dryRun": ["All"]})).await.expect(201);
    assert_eq!(c.admin().get(&path).await.expect(200), before);
    let pod = c.admin().get(&r.pod("one")).await.expect(200);
    assert!(pod["metadata"].get("deletionTimestamp").is_none(), "{pod}");
    assert_eq!(pod["status"]["conditions"].as_array().map(Vec::len), Some(1), "{pod}");
}

#[tokio::test]
async fn preconditions_and_options_of_the_deletion_hold() {
    let c = Cluster::get().await;
    let r = Rack::new(&c).await;
    r.run("one", "Running", true).await;
    let pod = c.admin().get(&r.pod("one")).await.expect(200);
    r.evict_with("one", json!({"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}))
        .await
        .refused(409, "Conflict");
    r.evict_with("one", json!({"preconditions": {"resourceVersion": "1"}})).await.refused(409, "Conflict");
    let unchanged = c.admin().get(&r.pod("one")).await.expect(200);
    assert_eq!(unchanged, pod, "a refused eviction leaves no trace");
    let right = json!({"uid": pod["metadata"]["uid"], "resourceVersion": pod["metadata"]["resourceVersion"]});
    r.evict_with("one", json!({"preconditions": right, "gracePeriodSeconds": 7})).await.expect(201);
    let ending = c.admin().get(&r.pod("one")).await.expect(200);
    assert_eq!(ending["metadata"]["deletionGracePeriodSeconds"], 7);
    r.stopped("one").await;
}

#[tokio::test]
async fn an_eviction_says_whom_it_means() {
    let c = Cluster::get().await;
    let r = Rack::new(&c).await;
    r.run("one", "Running", true).await;
    let path = format!("{}/eviction", r.pod("one"));
    let post = async |body: Value| c.admin().post(&path, &body).await;
    post(json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "two"}}))
        .await
        .refused(400, "BadRequest");
    post(json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "one", "namespace": "default"}}))
        .await
        .refused(400, "BadRequest");
    post(json!({"apiVersion": "policy/v1", "kind": "Deletion", "metadata": {"name": "one"}}))
        .await
        .refused(400, "BadRequest");
    c.admin().get(&path).await.refused(405, "MethodNotAllowed");
    let missing = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "absent"}});
    c.admin().post(&format!("{}/eviction", r.pod("absent")), &missing).await.refused(404, "NotFound");

    let (account, caller) = c.account(&r.namespace).await;
    let whom = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "one"}});
    let refused = caller.post(&path, &whom).await.refused(403, "Forbidden");
    assert!(
        refused["message"].as_str().unwrap().contains(&format!("{account}\" cannot create resource \"pods/eviction\"")),
        "{refused}"
    );
    // What old clients send.
    post(json!({"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "one"}})).await.expect(201);
    r.stopped("one").await;
}

#[tokio::test]
async fn what_does_not_run_is_not_guarded() {
    let c = Cluster::get().await;
    let r = Rack::new(&c).await;
    for (name, phase) in [("pending", "Pending"), ("done", "Succeeded"), ("failed", "Failed")] {
        r.run(name, phase, false).await;
    }
    r.guard("budget", json!({"minAvailable": 5}), 0).await;
    r.evict("pending").await.expect(201);
    r.stopped("pending").await;
    for name in ["done", "failed"] {
        // No kubelet has anything left to stop.
        r.evict(name).await.expect(201);
        wait::gone(c.admin(), &r.pod(name)).await;
    }
}

#[tokio::test]
async fn unhealthy_pods_go_as_their_budget_says() {
    let c = Cluster::get().await;
    let r = Rack::new(&c).await;
    r.run("sick", "Running", false).await;
    let path = r.guard("budget", json!({"minAvailable": 1}), 0).await;
    let refused = r.evict("sick").await.refused(429, "TooManyRequests");
    assert_eq!(
        refused["details"]["causes"][0]["message"],
        "The disruption budget budget needs 1 healthy pods and has 0 currently"
    );
    let always = json!({"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}});
    c.admin().merge_patch(&path, &always).await.expect(200);
    r.counted(&path, 0).await;
    r.evict("sick").await.expect(201);
    r.stopped("sick").await;
    let never = json!({"spec": {"unhealthyPodEvictionPolicy": "Never"}});
    c.admin().merge_patch(&path, &never).await.refused(422, "Invalid");
}

#[tokio::test]
async fn two_budgets_are_one_too_many() {
    let c = Cluster::get().await;
    let r = Rack::new(&c).await;
    r.run("one", "Running", true).await;
    for name in ["a", "b"] {
        r.guard(name, json!({"minAvailable": 0}), 1).await;
    }
    let status = r.evict("one").await.expect(500);
    assert!(status["message"].as_str().unwrap().contains("more than one PodDisruptionBudget"), "{status}");
    c.admin().delete(&format!("{}/b", r.budgets())).await.expect(200);
    r.evict("one").await.expect(201);
    r.stopped("one").await;
}

#[tokio::test]
async fn simultaneous_evictions_never_break_the_budget() {
    let c = Cluster::get().await;
    let r = Rack::new(&c).await;
    let names: Vec<String> = (0..8).map(|i| format!("p{i}")).collect();
    for name in &names {
        r.run(name, "Running", true).await;
    }
    r.guard("budget", json!({"minAvailable": 5}), 8).await;
    let answers = futures::future::join_all(names.iter().map(|name| r.evict(name))).await;
    let mut codes: Vec<u16> = answers.iter().map(|a| a.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [201, 201, 201, 429, 429, 429, 429, 429]);
}

/// `kubectl drain` respects a budget, leaves `DaemonSets` alone, and ends when the last Pod is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_drains_a_node() {
    let c = Cluster::get().await;
    for binary in binaries() {
        let r = Rack::new(&c).await;
        let k = Kubectl::new(&c, binary, &r.namespace);
        let set = json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agents"},
            "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}},
                "spec": {"nodeSelector": {"only": r.node}, "containers": [{"name": "c", "image": "example.com/c"}]}}},
        });
        let sets = format!("/apis/apps/v1/namespaces/{}/daemonsets", r.namespace);
        let set = c.admin().post(&sets, &set).await.expect(201);
        let owners = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agents", "uid": set["metadata"]["uid"],
            "controller": true, "blockOwnerDeletion": true}]);
        r.run_owned("agent", "Running", true, &owners).await;
        r.run("one", "Running", true).await;
        let budget = r.guard("budget", json!({"minAvailable": 2}), 2).await;

        let drain = ["drain", &r.node, "--ignore-daemonsets", "--force"];
        let soon = [&drain[..], &["--timeout=2s"]].concat();
        let held = k.run(&soon).await.fails();
        assert!(held.contains("Cannot evict pod as it would violate the pod's disruption budget"), "{held}");
        let node = c.admin().get(&format!("/api/v1/nodes/{}", r.node)).await.expect(200);
        assert_eq!(node["spec"]["unschedulable"], true);
        c.admin().delete(&budget).await.expect(200);

        let kubelet = async {
            wait::until("the pod is stopped", || async {
                let pod = c.admin().get(&r.pod("one")).await;
                if pod.json["metadata"]["deletionTimestamp"].is_string() { Ok(()) } else { Err(pod.text) }
            })
            .await;
            r.stopped("one").await;
        };
        let patient = [&drain[..], &["--timeout=40s"]].concat();
        let (drained, ()) = tokio::join!(k.run(&patient), kubelet);
        let drained = drained.ok();
        assert!(drained.contains("pod/one evicted"), "{drained}");
        let agent = c.admin().get(&r.pod("agent")).await.expect(200);
        assert!(agent["metadata"].get("deletionTimestamp").is_none(), "{agent}");
        k.run(&["uncordon", &r.node]).await.ok();
    }
}
