//! Two replicas against one API server: one leads; the other takes over; both live through the API server's absence.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};
use nix::sys::signal::Signal;

use crate::{
    process::{Server, client, eventually, get, metric},
    standalone::{leases_valid, machine},
};

/// `metalman apiserver` alone, with what metalman needs installed.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) kubeconfig: PathBuf,
    address: String,
}

impl Cluster {
    pub(crate) async fn start(dir: &Path) -> Self {
        let mut server = Self::serve(dir, "127.0.0.1:0");
        let address = server.logged("API server listens")["address"].as_str().expect("an address").to_owned();
        let kubeconfig = dir.join("api/kubeconfig");
        let client = client(&kubeconfig).await;
        metalman::standalone::install(&client, "unbounded-kube").await.expect("installed");
        Self { server, client, kubeconfig, address }
    }

    fn serve(dir: &Path, listen: &str) -> Server {
        Server::start(["apiserver", "--data", dir.join("api").to_str().expect("text"), "--listen", listen])
    }

    /// Starts it again where it was.
    fn restart(&mut self, dir: &Path) {
        self.server = Self::serve(dir, &self.address);
        self.server.logged("API server listens");
    }
}

/// A replica with short times: a takeover takes seconds, and still leaves room for a busy machine.
pub(crate) fn replica(kubeconfig: &Path, more: &[&str]) -> Server {
    let mut args = vec![
        "serve-pxe",
        "--kubeconfig",
        kubeconfig.to_str().expect("text"),
        "--bind-address=127.0.0.1",
        "--http-port=0",
        "--health-port=0",
        "--dhcp-port=0",
        "--tftp-port=0",
        "--leader-elect-lease-duration=4s",
        "--leader-elect-renew-deadline=3s",
        "--leader-elect-retry-period=300ms",
    ];
    args.extend(more);
    Server::start(args)
}

fn leads(health: &str) -> bool {
    metric(health, "metalman_leader") == Some(1.0)
}

async fn holder(client: &Client) -> Option<String> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), "unbounded-kube");
    leases.get("metalman").await.ok()?.spec?.holder_identity.filter(|h| !h.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_the_other_takes_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(dir.path()).await;
    let mut replicas = [replica(&cluster.kubeconfig, &[]), replica(&cluster.kubeconfig, &[])];
    let health = [replicas[0].health(), replicas[1].health()];
    for address in &health {
        eventually("both ready", async || get(address, "/readyz").filter(|(code, _)| *code == 200)).await;
    }
    let first = eventually("one leads", async || (0..2).find(|i| leads(&health[*i]))).await;
    let old = holder(&cluster.client).await.expect("held");
    // Watched over more than a lease duration: never both.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        assert!(!leads(&health[1 - first]), "two leaders");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(leads(&health[first]), "leadership is kept");

    // Killed: the other waits the lease out, and goes on with the work.
    replicas[first].signal(Signal::SIGKILL);
    replicas[first].wait();
    eventually("the other leads", async || leads(&health[1 - first]).then_some(())).await;
    let new = holder(&cluster.client).await.expect("held");
    assert_ne!(old, new);
    let machines = Api::all(cluster.client.clone());
    machines.create(&PostParams::default(), &machine("n1", "aa:bb:cc:dd:ee:01", "192.0.2.10")).await.expect("made");
    leases_valid(&cluster.client, "n1", "Valid").await;

    // Stopped: the Lease is given back, and a third takes it without waiting.
    let [a, b] = replicas;
    let survivor = if first == 0 { b } else { a };
    let mut third = replica(&cluster.kubeconfig, &[]);
    let third_health = third.health();
    let log = survivor.stop();
    assert!(log.contains("lease released"), "{log}");
    let begun = Instant::now();
    eventually("the third leads", async || leads(&third_health).then_some(())).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "no waiting for a released lease: {:?}", begun.elapsed());
    let lease: Api<Lease> = Api::namespaced(cluster.client.clone(), "unbounded-kube");
    let spec = lease.get("metalman").await.expect("a lease").spec.expect("a spec");
    assert_eq!(spec.lease_transitions, Some(2));
    assert_eq!(spec.lease_duration_seconds, Some(4));
    third.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_elect_and_select_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(dir.path()).await;
    let (mut plain, mut site) =
        (replica(&cluster.kubeconfig, &[]), replica(&cluster.kubeconfig, &["--site", "rack-7"]));
    let health = [plain.health(), site.health()];
    for address in &health {
        eventually("each leads its site", async || leads(address).then_some(())).await;
    }
    let machines = Api::all(cluster.client.clone());
    let mut labelled = machine("labelled", "aa:bb:cc:dd:ee:01", "192.0.2.10");
    labelled.metadata.labels = Some([("unbounded-cloud.io/site".to_owned(), "rack-7".to_owned())].into());
    machines.create(&PostParams::default(), &labelled).await.expect("made");
    machines.create(&PostParams::default(), &machine("plain", "aa:bb:cc:dd:ee:01", "192.0.2.10")).await.expect("made");
    // The same addresses at another site are no duplicates.
    leases_valid(&cluster.client, "labelled", "Valid").await;
    leases_valid(&cluster.client, "plain", "Valid").await;
    for address in &health {
        eventually("one each", async || metric(address, "metalman_inventory_macs").filter(|n| (*n - 1.0).abs() < 0.1))
            .await;
    }
    plain.stop();
    site.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn lives_through_the_api_servers_absence() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut cluster = Cluster::start(dir.path()).await;
    let machines = Api::all(cluster.client.clone());
    machines.create(&PostParams::default(), &machine("n1", "aa:bb:cc:dd:ee:01", "192.0.2.10")).await.expect("made");
    let mut replica = replica(&cluster.kubeconfig, &[]);
    let health = replica.health();
    eventually("leads", async || leads(&health).then_some(())).await;

    cluster.server.signal(Signal::SIGKILL);
    cluster.server.wait();
    let stale = "metalman_watch_staleness_seconds{resource=\"machines\"}";
    eventually("staleness shows", async || metric(&health, stale).filter(|seconds| *seconds > 0.0)).await;
    eventually("steps down without a renewal", async || (!leads(&health)).then_some(())).await;
    assert_eq!(get(&health, "/readyz"), Some((200, "ok".into())), "machines are still served");
    assert_eq!(metric(&health, "metalman_inventory_macs"), Some(1.0), "from the cache");

    cluster.restart(dir.path());
    eventually("the watch works again", async || metric(&health, stale).filter(|seconds| *seconds == 0.0)).await;
    machines.create(&PostParams::default(), &machine("n2", "aa:bb:cc:dd:ee:02", "192.0.2.11")).await.expect("made");
    eventually("n2 is served", async || metric(&health, "metalman_inventory_macs").filter(|n| (*n - 2.0).abs() < 0.1))
        .await;
    leases_valid(&cluster.client, "n2", "Valid").await;
    assert!(metric(&health, "metalman_watch_restarts_total{resource=\"machines\"}").is_some_and(|n| n >= 1.0));
    replica.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_leader_does_not_lead_when_it_wakes_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(dir.path()).await;
    let mut first = replica(&cluster.kubeconfig, &[]);
    let first_health = first.health();
    eventually("the first leads", async || leads(&first_health).then_some(())).await;
    let mut second = replica(&cluster.kubeconfig, &[]);
    let second_health = second.health();

    first.signal(Signal::SIGSTOP);
    eventually("the second takes over", async || leads(&second_health).then_some(())).await;
    first.signal(Signal::SIGCONT);
    // From its very first answer on.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        assert!(!leads(&first_health), "the old leader woke up leading");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(leads(&second_health));
    first.logged("leadership lost");
    first.stop();
    second.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_api_server_ends_the_term_in_time_and_a_second_signal_ends_all() {
    let dir = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(dir.path()).await;
    let mut replicas = [replica(&cluster.kubeconfig, &[]), replica(&cluster.kubeconfig, &["--site", "rack-7"])];
    let health = [replicas[0].health(), replicas[1].health()];
    for address in &health {
        eventually("leads", async || leads(address).then_some(())).await;
    }
    // It takes connections and says nothing: worse than being away.
    cluster.server.signal(Signal::SIGSTOP);
    let begun = Instant::now();
    for address in &health {
        eventually("steps down", async || (!leads(address)).then_some(())).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "within the lease duration: {:?}", begun.elapsed());
    assert_eq!(get(&health[0], "/readyz"), Some((200, "ok".into())));

    replicas[1].signal(Signal::SIGTERM);
    replicas[1].logged("stopping; a second signal ends at once");
    replicas[1].signal(Signal::SIGTERM);
    let ended = replicas[1].wait();
    // Asked twice, or done before the second question.
    assert!(matches!(ended.code(), Some(0 | 1)), "{ended}");

    cluster.server.signal(Signal::SIGCONT);
    eventually("leads again", async || leads(&health[0]).then_some(())).await;
    let [first, _] = replicas;
    first.stop();
}
