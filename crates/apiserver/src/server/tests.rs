//! The server as a whole, over TLS, with a client that nobody here wrote.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, time::Duration};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceAccount};
use kube::{
    Api as Kube, Client,
    api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::{io::AsyncReadExt, net::TcpStream, task::JoinHandle, time::timeout};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    url: String,
    kubeconfig: String,
    stop: CancellationToken,
    task: JoinHandle<Result<(), std::io::Error>>,
}

fn config(dir: &Path) -> Config {
    Config {
        data_dir: dir.to_owned(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        names: Vec::new(),
        advertise_url: None,
    }
}

impl Running {
    async fn start(dir: &Path) -> Self {
        let server = ApiServer::start(config(dir)).await.expect("starts");
        let (url, kubeconfig) = (server.url().to_owned(), server.admin_kubeconfig());
        let stop = CancellationToken::new();
        let task = tokio::spawn(server.run(stop.clone()));
        Self { url, kubeconfig, stop, task }
    }
    async fn client(&self) -> Client {
        client(&self.kubeconfig).await
    }
    async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.expect("stops in time").expect("no panic").expect("no error");
    }
}

async fn client_config(kubeconfig: &str) -> kube::Config {
    // Other tests of this process may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let parsed = Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
    kube::Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.expect("usable")
}

async fn client(kubeconfig: &str) -> Client {
    Client::try_from(client_config(kubeconfig).await).expect("a client")
}

fn map(name: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([("k".into(), "v".into())])),
        ..ConfigMap::default()
    }
}

fn code(error: &kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        other => panic!("not an answer: {other}"),
    }
}

#[tokio::test]
async fn a_new_cluster_has_what_every_cluster_has() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let running = Running::start(dir.path()).await;
    let client = running.client().await;
    let namespaces = Kube::<Namespace>::all(client.clone()).list(&ListParams::default()).await.expect("namespaces");
    let names: Vec<_> = namespaces.items.iter().filter_map(|n| n.metadata.name.as_deref()).collect();
    assert_eq!(names, ["default", "kube-node-lease", "kube-public", "kube-system"]);
    let dns = Kube::<Service>::namespaced(client.clone(), "kube-system").get("kube-dns").await.expect("kube-dns");
    assert_eq!(dns.spec.expect("spec").cluster_ip.as_deref(), Some("10.96.0.10"));
    Kube::<Service>::namespaced(client.clone(), "default").get("kubernetes").await.expect("kubernetes");
    let info = Kube::<ConfigMap>::namespaced(client.clone(), "kube-public").get("cluster-info").await.expect("info");
    let text = info.data.expect("data").remove("kubeconfig").expect("a kubeconfig");
    assert!(text.contains(&running.url) && !text.contains("client-key"));
    // Made by a controller a moment later.
    let accounts = Kube::<ServiceAccount>::namespaced(client.clone(), "default");
    let made = async {
        while accounts.get_opt("default").await.expect("an answer").is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, made).await.expect("the default ServiceAccount");
    let version = client.apiserver_version().await.expect("version");
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "35"));
    running.stop().await;
}

#[tokio::test]
async fn the_kubeconfig_is_private() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let server = ApiServer::start(config(dir.path())).await.expect("starts");
    let path = dir.path().join("kubeconfig");
    let mode = std::fs::metadata(&path).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&path).expect("readable"), server.admin_kubeconfig());
    assert!(server.url().ends_with(&server.local_addr().port().to_string()));
}

#[tokio::test]
async fn strangers_are_anonymous_and_foreign_credentials_refused() {
    let (dir, other) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let running = Running::start(dir.path()).await;
    let mut anonymous = client_config(&running.kubeconfig).await;
    anonymous.auth_info = kube::config::AuthInfo::default();
    let client = Client::try_from(anonymous.clone()).expect("a client");
    let maps = Kube::<ConfigMap>::namespaced(client, "default");
    let refused = maps.list(&ListParams::default()).await.expect_err("anonymous");
    assert_eq!(code(&refused), 403);
    let foreign = ApiServer::start(config(other.path())).await.expect("starts").admin_kubeconfig();
    let mut mixed = client_config(&running.kubeconfig).await;
    mixed.auth_info = client_config(&foreign).await.auth_info;
    let client = Client::try_from(mixed).expect("a client");
    let refused = Kube::<ConfigMap>::namespaced(client, "default").list(&ListParams::default()).await;
    assert_eq!(code(&refused.expect_err("a certificate of another CA")), 401);
    anonymous.auth_info.token = Some("a.b.c".to_owned().into());
    let client = Client::try_from(anonymous).expect("a client");
    let refused = Kube::<ConfigMap>::namespaced(client, "default").list(&ListParams::default()).await;
    assert_eq!(code(&refused.expect_err("a token of nobody")), 401);
    running.stop().await;
}

#[tokio::test]
async fn a_watch_resumes_across_a_restart() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let first = Running::start(dir.path()).await;
    let maps = Kube::<ConfigMap>::namespaced(first.client().await, "default");
    let seen = maps.create(&PostParams::default(), &map("seen")).await.expect("created");
    maps.create(&PostParams::default(), &map("missed")).await.expect("created");
    let change = serde_json::json!({"data": {"k": "w"}});
    maps.patch("seen", &PatchParams::default(), &Patch::Merge(change)).await.expect("patched");
    first.stop().await;

    let second = Running::start(dir.path()).await;
    let maps = Kube::<ConfigMap>::namespaced(second.client().await, "default");
    let version = seen.metadata.resource_version.expect("a version");
    let mut events = maps.watch(&WatchParams::default(), &version).await.expect("a watch").boxed();
    let mut names = Vec::new();
    while names.len() < 2 {
        match timeout(PATIENCE, events.try_next()).await.expect("in time").expect("an event") {
            Some(WatchEvent::Added(m)) => names.push(format!("added {}", m.metadata.name.expect("a name"))),
            Some(WatchEvent::Modified(m)) => names.push(format!("modified {}", m.metadata.name.expect("a name"))),
            other => panic!("{other:?}"),
        }
        // The controllers' ConfigMaps are events like any other.
        names.retain(|n| !n.contains("kube-root-ca"));
    }
    assert_eq!(names, ["added missed", "modified seen"]);
    second.stop().await;
}

#[tokio::test]
async fn stopping_ends_watches() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let running = Running::start(dir.path()).await;
    let maps = Kube::<ConfigMap>::namespaced(running.client().await, "default");
    let mut events = maps.watch(&WatchParams::default(), "0").await.expect("a watch").boxed();
    maps.create(&PostParams::default(), &map("a")).await.expect("created");
    timeout(PATIENCE, events.try_next()).await.expect("in time").expect("an event");
    running.stop().await;
    let rest = async { while let Ok(Some(_)) = events.try_next().await {} };
    timeout(PATIENCE, rest).await.expect("the watch ended");
}

#[tokio::test]
async fn half_open_connections_do_not_keep_others_out() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let running = Running::start(dir.path()).await;
    let address = running.url.trim_start_matches("https://").to_owned();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(&address).await.expect("connects"));
    }
    let maps = Kube::<ConfigMap>::namespaced(running.client().await, "default");
    maps.create(&PostParams::default(), &map("a")).await.expect("created");
    running.stop().await;
    let mut byte = [0];
    for mut connection in silent {
        let read = timeout(PATIENCE, connection.read(&mut byte)).await.expect("closed by the stop");
        assert!(matches!(read, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn a_taken_port_is_reported_before_anything_is_made() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let data = dir.path().join("data");
    let config = Config { listen: holder.local_addr().expect("an address"), ..config(&data) };
    let e = ApiServer::start(config).await.err().expect("the port is taken");
    assert!(matches!(e, StartError::Bind { .. }), "{e}");
    assert!(!data.exists());
}

#[tokio::test]
async fn a_locked_folder_is_reported() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let first = ApiServer::start(config(dir.path())).await.expect("starts");
    let before = std::fs::read_to_string(dir.path().join("kubeconfig")).expect("written");
    let e = ApiServer::start(config(dir.path())).await.err().expect("locked");
    assert!(matches!(e, StartError::Store(crate::store::OpenError::Locked { .. })), "{e}");
    assert_eq!(std::fs::read_to_string(dir.path().join("kubeconfig")).expect("still there"), before);
    drop(first);
}

#[tokio::test]
async fn it_starts_though_the_address_of_its_dns_was_given_away() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let first = Running::start(dir.path()).await;
    let services = Kube::<Service>::namespaced(first.client().await, "kube-system");
    services.delete("kube-dns", &kube::api::DeleteParams::default()).await.expect("deleted");
    let other = serde_json::json!({
        "metadata": {"name": "other"}, "spec": {"clusterIP": "10.96.0.10", "ports": [{"port": 53}]},
    });
    let other = serde_json::from_value(other).expect("a Service");
    services.create(&PostParams::default(), &other).await.expect("created");
    first.stop().await;
    let second = Running::start(dir.path()).await;
    let services = Kube::<Service>::namespaced(second.client().await, "kube-system");
    assert!(services.get_opt("kube-dns").await.expect("an answer").is_none());
    second.stop().await;
}

#[tokio::test]
async fn a_controller_that_ends_ends_the_server() {
    async fn fault(work: impl Future<Output = ()> + Send + 'static) -> String {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut server = ApiServer::start(config(dir.path())).await.expect("starts");
        server.tasks.spawn("doomed", work);
        let run = server.run(CancellationToken::new());
        let ended = timeout(PATIENCE, run).await.expect("in time").expect_err("nobody told it to stop");
        // All is closed behind it: the folder can be opened again.
        ApiServer::start(config(dir.path())).await.expect("starts again");
        ended.to_string()
    }
    assert_eq!(fault(async { panic!("as told") }).await, "the task \"doomed\" panicked");
    assert_eq!(fault(async {}).await, "the task \"doomed\" ended unexpectedly");
}

#[tokio::test]
async fn the_embedded_router_is_one_users() {
    use tower::ServiceExt;
    let dir = tempfile::tempdir().expect("temporary folder");
    let server = ApiServer::start(config(dir.path())).await.expect("starts");
    let router = server.router(UserInfo { username: "nobody".into(), ..UserInfo::default() });
    let request = http::Request::get("/api/v1/secrets").body(axum::body::Body::empty()).expect("a request");
    assert_eq!(router.oneshot(request).await.expect("infallible").status(), 403);
}

#[test]
fn urls() {
    let url = |a: &str| default_url(a.parse().expect("an address"));
    assert_eq!(url("0.0.0.0:6443"), "https://127.0.0.1:6443");
    assert_eq!(url("192.0.2.1:1"), "https://192.0.2.1:1");
    assert_eq!(url("[::]:2"), "https://[::1]:2");
    assert_eq!(url("[2001:db8::1]:3"), "https://[2001:db8::1]:3");
}
