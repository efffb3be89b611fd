//! metalman under exactly the ServiceAccount and the RBAC that ship, enforced by the API server.

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Node, Pod, Secret, Service, ServiceAccount},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{AuthInfo, Kubeconfig, NamedAuthInfo},
};
use metalman_core::api::{Machine, labels};
use serde_json::json;

use crate::{
    process::{client_of, eventually, get, metric},
    replicas::{Cluster, replica},
    standalone::{leases_valid, machine},
};

/// The cluster's kubeconfig with the controller's token in place of the administrator's certificate.
async fn controller_kubeconfig(cluster: &Cluster) -> Kubeconfig {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), labels::DEFAULT_NAMESPACE);
    let request = TokenRequest {
        spec: TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() },
        ..TokenRequest::default()
    };
    let answer = accounts
        .create_token_request(labels::CONTROLLER_SERVICE_ACCOUNT, &PostParams::default(), &request)
        .await
        .expect("a token");
    let token = answer.status.expect("a token").token;
    let mut kubeconfig = Kubeconfig::read_from(&cluster.kubeconfig).expect("a kubeconfig");
    let user = kubeconfig.auth_infos[0].name.clone();
    kubeconfig.auth_infos = vec![NamedAuthInfo {
        name: user,
        auth_info: Some(AuthInfo { token: Some(token.into()), ..AuthInfo::default() }),
        ..NamedAuthInfo::default()
    }];
    kubeconfig
}

fn code<T: std::fmt::Debug>(outcome: kube::Result<T>) -> u16 {
    match outcome {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn works_with_the_role_that_ships_and_can_do_no_more() {
    let dir = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(dir.path()).await;
    let kubeconfig = controller_kubeconfig(&cluster).await;
    let path = dir.path().join("controller.kubeconfig");
    std::fs::write(&path, to_yaml(&kubeconfig)).expect("written");

    let mut server = replica(&path, &[]);
    let health = server.health();
    eventually("ready", async || get(&health, "/readyz").filter(|(code, _)| *code == 200)).await;
    eventually("leads", async || (metric(&health, "metalman_leader") == Some(1.0)).then_some(())).await;
    let machines: Api<Machine> = Api::all(cluster.client.clone());
    machines.create(&PostParams::default(), &machine("n1", "aa:bb:cc:dd:ee:01", "192.0.2.10")).await.expect("made");
    leases_valid(&cluster.client, "n1", "Valid").await;
    let facts = server.logged("facts about the cluster that machines are told");
    for fact in ["apiserver_url_source", "ca_source", "kubernetes_version_source", "cluster_dns_source"] {
        assert_eq!(facts[fact], "discovered", "{facts}");
    }
    let log = server.stop();
    assert!(!log.contains("orbidden"), "nothing it does is refused: {log}");

    let limited = client_of(kubeconfig).await;
    beyond_the_role(&limited).await;
    drains_but_deletes_nothing(&cluster.client, &limited).await;
}

/// The Role is enough for `--drain`, and no more than that.
async fn drains_but_deletes_nothing(admin: &Client, limited: &Client) {
    let object = |value| serde_json::from_value(value).expect("an object");
    let nodes: Api<Node> = Api::all(admin.clone());
    nodes.create(&PostParams::default(), &object(json!({ "metadata": { "name": "n1" } }))).await.expect("a Node");
    let pod = json!({ "metadata": { "name": "a" },
        "spec": { "nodeName": "n1", "containers": [{ "name": "c", "image": "example.com/c" }] } });
    let pod: Pod = serde_json::from_value(pod).expect("a Pod");
    let pods: Api<Pod> = Api::default_namespaced(admin.clone());
    pods.create(&PostParams::default(), &pod).await.expect("a Pod");

    let settings = metalman::drain::Settings::default();
    let pass = metalman::drain::pass(limited, "n1", &settings).await.expect("a pass");
    assert_eq!((pass.left, pass.why.as_str()), (1, "default/a: ending"));
    metalman::drain::uncordon(limited, "n1").await.expect("uncordoned");
    let theirs: Api<Pod> = Api::default_namespaced(limited.clone());
    assert_eq!(code(theirs.delete("a", &DeleteParams::default()).await), 403, "evicted, never deleted");
    assert_eq!(code(theirs.create(&PostParams::default(), &pod).await), 403);
}

/// What a thief of the controller's token must not get.
async fn beyond_the_role(client: &Client) {
    let (list, post) = (ListParams::default(), PostParams::default());
    let own = labels::DEFAULT_NAMESPACE;
    let machines: Api<Machine> = Api::all(client.clone());
    machines.list(&list).await.expect("its work");
    let merge = PatchParams::default();
    let spec = Patch::Merge(json!({ "spec": { "pxe": { "image": "evil:1" } } }));
    assert_eq!(code(machines.patch("n1", &merge, &spec).await), 403, "no Machine's spec");
    assert_eq!(code(machines.delete("n1", &DeleteParams::default()).await), 403);
    assert_eq!(code(machines.create(&post, &machine("n2", "aa:bb:cc:dd:ee:02", "192.0.2.11")).await), 403);

    let secrets: Api<Secret> = Api::namespaced(client.clone(), own);
    assert_eq!(code(secrets.list(&list).await), 403, "Secrets by name only");
    assert_eq!(code(secrets.get("bmc").await), 404, "which is its own to read, and absent");
    let foreign: Api<Secret> = Api::namespaced(client.clone(), "kube-system");
    assert_eq!(code(foreign.get("bmc").await), 403);
    let public: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-public");
    public.get("cluster-info").await.expect("its work");
    assert_eq!(code(public.list(&list).await), 403, "that one ConfigMap only");
    let services: Api<Service> = Api::namespaced(client.clone(), "kube-system");
    services.get("kube-dns").await.expect("its work");
    assert_eq!(code(services.get("other").await), 403);
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), own);
    let token = TokenRequest::default();
    let outcome = accounts.create_token_request(labels::CONTROLLER_SERVICE_ACCOUNT, &post, &token).await;
    assert_eq!(code(outcome), 403, "no token of its own to keep for ever");
    let nodes: Api<Node> = Api::all(client.clone());
    nodes.list(&list).await.expect("its work");
    assert_eq!(code(nodes.delete("n1", &DeleteParams::default()).await), 403);
}

fn to_yaml(kubeconfig: &Kubeconfig) -> String {
    // JSON is YAML, and writes every string as one.
    serde_json::to_string(kubeconfig).expect("a kubeconfig")
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_without_the_cluster_facts_and_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(dir.path()).await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "kube-public");
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), "kube-system");
    let map = maps.get("cluster-info").await.expect("published");
    maps.delete("cluster-info", &DeleteParams::default()).await.expect("deleted");
    services.delete("kube-dns", &DeleteParams::default()).await.expect("deleted");

    let mut server = replica(&cluster.kubeconfig, &["--cluster-dns", "10.0.0.10"]);
    let health = server.health();
    eventually("ready all the same", async || get(&health, "/readyz").filter(|(code, _)| *code == 200)).await;
    server.logged("a fact about the cluster is not published");
    let from = |fact: &str, source: &str| {
        metric(&health, &format!("metalman_cluster_fact{{fact=\"{fact}\",source=\"{source}\"}}"))
    };
    assert_eq!(from("apiserver_url", "fallback"), Some(1.0), "{:?}", get(&health, "/metrics"));
    assert_eq!(from("cluster_dns", "flag"), Some(1.0));
    assert_eq!(from("kubernetes_version", "discovered"), Some(1.0));

    // Published later: taken up without a restart.
    let mut fresh = ConfigMap { data: map.data, ..ConfigMap::default() };
    fresh.metadata.name = Some("cluster-info".into());
    maps.create(&PostParams::default(), &fresh).await.expect("made");
    eventually("discovered", async || (from("apiserver_url", "discovered") == Some(1.0)).then_some(())).await;
    assert_eq!(from("apiserver_url", "fallback"), Some(0.0));
    server.stop();
}
