//! The cluster under test, and plain HTTP to it: tests look at status codes, headers and bodies, not at a client's view.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use apiserver::server::{ApiServer, Config};
use http::{HeaderMap, Method, Request};
use kube::{
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The environment variable that names another cluster's kubeconfig.
pub(crate) const KUBECONFIG: &str = "METALMAN_CONFORMANCE_KUBECONFIG";

/// An embedded server on a thread of its own, ended and removed on drop.
struct Embedded {
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// The cluster under test.
pub(crate) struct Cluster {
    embedded: Option<Embedded>,
    folder: tempfile::TempDir,
    kubeconfig: PathBuf,
    config: kube::Config,
    admin: Caller,
    undo: Mutex<Vec<String>>,
}

/// Somebody who calls the API.
#[derive(Clone)]
pub(crate) struct Caller {
    client: kube::Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body as JSON, `Null` when it is not.
    pub(crate) json: Value,
}

impl Answer {
    /// Panics with the whole answer unless the code is as expected.
    #[track_caller]
    pub(crate) fn expect(self, code: u16) -> Value {
        assert_eq!(self.code, code, "unexpected answer: {} {}", self.code, self.text);
        self.json
    }
    /// The same for a failure: checks code, reason and that it is a `Status`.
    #[track_caller]
    pub(crate) fn refused(self, code: u16, reason: &str) -> Value {
        let status = self.expect(code);
        assert_eq!(status["kind"], "Status", "{status}");
        assert_eq!(status["apiVersion"], "v1", "{status}");
        assert_eq!(status["status"], "Failure", "{status}");
        assert_eq!(status["code"], code, "{status}");
        assert_eq!(status["reason"], reason, "{status}");
        status
    }
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.headers.get_all("warning").iter().map(|v| v.to_str().unwrap().to_owned()).collect()
    }
}

/// The fields that a `Status` names as causes.
pub(crate) fn causes(status: &Value) -> Vec<&str> {
    status["details"]["causes"].as_array().into_iter().flatten().filter_map(|c| c["field"].as_str()).collect()
}

/// A name that no other test and no other run uses.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{prefix}-{:x}-{:x}{count:x}", std::process::id(), nanos & 0xff_ffff_ffff)
}

impl Cluster {
    pub(crate) async fn get() -> Self {
        // A second call finds it installed, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let (embedded, kubeconfig) = if let Some(file) = std::env::var_os(KUBECONFIG) {
            (None, PathBuf::from(file))
        } else {
            let (embedded, kubeconfig) = start_embedded(folder.path().join("data"));
            (Some(embedded), kubeconfig)
        };
        let parsed = Kubeconfig::read_from(&kubeconfig).unwrap();
        let config = kube::Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap();
        let admin = Caller::new(config.clone());
        Self { embedded, folder, kubeconfig, config, admin, undo: Mutex::default() }
    }

    pub(crate) fn admin(&self) -> &Caller {
        &self.admin
    }
    pub(crate) fn client(&self) -> kube::Client {
        self.admin.client.clone()
    }
    pub(crate) fn kubeconfig(&self) -> &std::path::Path {
        &self.kubeconfig
    }
    /// A folder for files of the test.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn without_credentials(&self) -> kube::Config {
        let mut config = self.config.clone();
        config.auth_info = kube::config::AuthInfo::default();
        config
    }
    pub(crate) fn anonymous(&self) -> Caller {
        Caller::new(self.without_credentials())
    }
    pub(crate) fn with_token(&self, token: &str) -> Caller {
        let mut config = self.without_credentials();
        config.auth_info.token = Some(token.to_owned().into());
        Caller::new(config)
    }
    /// PEM certificate and key.
    pub(crate) fn with_certificate(&self, certificate: &str, key: &str) -> Caller {
        use base64::Engine as _;
        let b64 = |s: &str| base64::engine::general_purpose::STANDARD.encode(s);
        let mut config = self.without_credentials();
        config.auth_info.client_certificate_data = Some(b64(certificate));
        config.auth_info.client_key_data = Some(b64(key).into());
        Caller::new(config)
    }

    /// Removes what `path` names when the test ends (an embedded server vanishes as a whole).
    pub(crate) fn undo(&self, path: impl Into<String>) {
        self.undo.lock().unwrap().push(path.into());
    }
    /// A new namespace.
    pub(crate) async fn namespace(&self) -> String {
        let name = unique("conf");
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.admin.post("/api/v1/namespaces", &body).await.expect(201);
        self.undo(format!("/api/v1/namespaces/{name}"));
        name
    }
    /// A `ServiceAccount` with a token of its own, and a caller who uses it.
    pub(crate) async fn account(&self, namespace: &str) -> (String, Caller) {
        let name = unique("sa");
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        self.admin.post(&accounts, &body).await.expect(201);
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let token = self.admin.post(&format!("{accounts}/{name}/token"), &request).await.expect(201);
        let caller = self.with_token(token["status"]["token"].as_str().unwrap());
        (name, caller)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(embedded) = &mut self.embedded {
            embedded.stop.cancel();
            let ended = embedded.thread.take().unwrap().join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked while it stopped");
            return;
        }
        let paths = std::mem::take(&mut *self.undo.lock().unwrap());
        let config = self.config.clone();
        // Drop is not async, and the test's runtime may be the current thread's: clean up on another one.
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let admin = Caller::new(config);
                for path in paths.iter().rev() {
                    admin.delete(path).await;
                }
            });
        });
        assert!(cleaner.join().is_ok() || std::thread::panicking(), "what the test made could not be removed");
    }
}

fn start_embedded(data_dir: PathBuf) -> (Embedded, PathBuf) {
    let kubeconfig = data_dir.join("kubeconfig");
    let stop = CancellationToken::new();
    let (started, wait) = std::sync::mpsc::channel();
    let token = stop.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async move {
            let listen = SocketAddr::from(([127, 0, 0, 1], 0));
            let config = Config { data_dir, listen, names: Vec::new(), advertise_url: None };
            let server = ApiServer::start(config).await.expect("the embedded server starts");
            started.send(()).unwrap();
            server.run(token).await.expect("the embedded server ends cleanly");
        });
    });
    wait.recv().expect("the embedded server starts");
    (Embedded { stop, thread: Some(thread) }, kubeconfig)
}

impl Caller {
    fn new(mut config: kube::Config) -> Self {
        // 429 and 503 are answers that tests look at.
        config.default_retry = false;
        Self { client: kube::Client::try_from(config).unwrap() }
    }
    /// A request with headers and a raw body.
    pub(crate) async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.send(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect_bytes().await.unwrap().to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { code: parts.status.as_u16(), headers: parts.headers, text, json }
    }
    async fn send(&self, method: Method, path: &str, content_type: &str, body: &Value) -> Answer {
        self.call(method, path, &[("content-type", content_type)], body.to_string().into_bytes()).await
    }
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], Vec::new()).await
    }
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        self.call(Method::GET, path, &[("accept", accept)], Vec::new()).await
    }
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", body).await
    }
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, "application/json", body).await
    }
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, &[], Vec::new()).await
    }
    pub(crate) async fn delete_with(&self, path: &str, options: &Value) -> Answer {
        self.send(Method::DELETE, path, "application/json", options).await
    }
    pub(crate) async fn json_patch(&self, path: &str, patch: &Value) -> Answer {
        self.send(Method::PATCH, path, "application/json-patch+json", patch).await
    }
    pub(crate) async fn merge_patch(&self, path: &str, patch: &Value) -> Answer {
        self.send(Method::PATCH, path, "application/merge-patch+json", patch).await
    }
    pub(crate) async fn strategic_patch(&self, path: &str, patch: &Value) -> Answer {
        self.send(Method::PATCH, path, "application/strategic-merge-patch+json", patch).await
    }
    /// Server-side apply; `query` begins with `?fieldManager=`.
    pub(crate) async fn apply(&self, path: &str, query: &str, object: &Value) -> Answer {
        self.send(Method::PATCH, &format!("{path}{query}"), "application/apply-patch+yaml", object).await
    }
    /// An open watch.
    pub(crate) async fn watch(&self, path: &str) -> super::watches::Stream {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        super::watches::Stream::new(self.client.send(request).await.unwrap())
    }
}
