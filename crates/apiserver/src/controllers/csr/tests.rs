//! The signer over a real store: what is there already, what comes, what somebody else changes meanwhile.

use std::{path::Path, time::Duration};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use tokio::task::JoinHandle;

use super::*;
use crate::store::Stored;

fn csr(name: &str, organization: &str) -> Value {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "system:node:n1");
    params.distinguished_name.push(DnType::OrganizationName, organization);
    let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": STANDARD.encode(pem), "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "usages": ["digital signature", "client auth"],
        },
    })
}

fn key(name: &str) -> Key {
    Key { resource: Arc::from(REQUESTS), namespace: Arc::from(""), name: Arc::from(name) }
}

struct Running {
    store: Store,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(store: Store, dir: &Path) -> Self {
        let pki = Arc::new(Pki::open(dir, &[], Timestamp::now()).unwrap());
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(store.clone(), pki, stop.clone()));
        Self { store, stop, task }
    }
    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.task).await.expect("it stops").unwrap();
    }
}

async fn create(store: &Store, csr: Value) -> Arc<Stored> {
    store.commit(key(object::name(&csr)), Precondition::Absent, Change::Put(csr)).await.unwrap()
}

async fn approve(store: &Store, name: &str) {
    let stored = store.get(&key(name)).unwrap();
    let mut csr = stored.object();
    csr["status"]["conditions"] = json!([{"type": "Approved", "status": "True"}]);
    store.commit(key(name), Precondition::Revision(stored.revision), Change::Put(csr)).await.unwrap();
}

/// The request once it satisfies `wanted`, from a watch with a deadline.
async fn until(store: &Store, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut watcher = store.watch(REQUESTS, None, store.revision()).unwrap();
    let wait = async {
        loop {
            if let Some(found) = store.get(&key(name)).map(|s| s.object()).filter(&wanted) {
                return found;
            }
            watcher.next().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the controller acts")
}

fn signed(csr: &Value) -> bool {
    csr.pointer("/status/certificate").is_some()
}

#[tokio::test]
async fn approved_requests_are_signed_whenever_they_were_approved() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    create(&store, csr("before", "system:nodes")).await;
    approve(&store, "before").await;
    let running = Running::start(store.clone(), dir.path());
    let before = until(&store, "before", signed).await;
    let pem = STANDARD.decode(before["status"]["certificate"].as_str().unwrap()).unwrap();
    assert!(pem.starts_with(b"-----BEGIN CERTIFICATE-----"));
    assert_eq!(before["status"]["conditions"][0]["type"], "Approved", "the rest of the status stays");

    create(&store, csr("after", "system:nodes")).await;
    create(&store, csr("never", "system:nodes")).await;
    approve(&store, "after").await;
    until(&store, "after", signed).await;
    assert!(!signed(&store.get(&key("never")).unwrap().object()), "nobody approved it");

    create(&store, csr("bad", "ops")).await;
    approve(&store, "bad").await;
    let bad = until(&store, "bad", |c| c["status"]["conditions"].as_array().is_some_and(|l| l.len() == 2)).await;
    assert_eq!(bad["status"]["conditions"][1]["message"], "subject organization is not system:nodes");
    assert!(!signed(&bad));
    running.end().await;
}

#[tokio::test]
async fn concurrent_changes_are_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let running = Running::start(store.clone(), dir.path());
    for i in 0..20 {
        let name = format!("c{i}");
        create(&store, csr(&name, "system:nodes")).await;
        approve(&store, &name).await;
        // Somebody labels it at the same time as the controller signs it; each retries on conflict.
        loop {
            let stored = store.get(&key(&name)).unwrap();
            let mut csr = stored.object();
            csr["metadata"]["labels"] = json!({"seen": "true"});
            match store.commit(key(&name), Precondition::Revision(stored.revision), Change::Put(csr)).await {
                Ok(_) => break,
                Err(CommitError::Stale { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let done = until(&store, &name, signed).await;
        assert_eq!(done["metadata"]["labels"]["seen"], "true");
    }
    running.end().await;
}

#[tokio::test]
async fn a_deleted_request_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let running = Running::start(store.clone(), dir.path());
    let stored = create(&store, csr("gone", "system:nodes")).await;
    store.commit(key("gone"), Precondition::Revision(stored.revision), Change::Delete(stored.object())).await.unwrap();
    // Work goes on afterwards.
    create(&running.store, csr("next", "system:nodes")).await;
    approve(&running.store, "next").await;
    until(&store, "next", signed).await;
    assert!(store.get(&key("gone")).is_none());
    running.end().await;
}
