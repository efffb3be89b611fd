//! `serve-pxe --standalone`: a control plane and its controller from nothing.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use metalman_core::api::{
    Machine,
    conditions::{Condition, LEASES_VALID, find},
};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::process::{Server, client, eventually, get, metric, run, stderr, stdout};

pub(crate) fn machine(name: &str, mac: &str, ipv4: &str) -> Machine {
    serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": name },
        "spec": { "pxe": {
            "image": "registry.example/netboot:1",
            "dhcpLeases": [{ "mac": mac, "ipv4": ipv4, "subnetMask": "255.255.255.0", "gateway": "192.0.2.1" }],
        } },
    }))
    .expect("a machine")
}

/// Starts a standalone instance on ports of its own.
fn start(dir: &Path) -> Server {
    let state = dir.join("state");
    Server::start([
        "serve-pxe",
        "--standalone",
        state.to_str().expect("text"),
        "--cache-dir",
        dir.join("cache").to_str().expect("text"),
        "--bind-address=127.0.0.1",
        "--standalone-listen=127.0.0.1:0",
        "--http-port=0",
        "--health-port=0",
        "--dhcp-port=0",
        "--tftp-port=0",
    ])
}

/// The `LeasesValid` condition once it has that reason.
pub(crate) async fn leases_valid(client: &Client, name: &str, reason: &str) -> Condition {
    let api: Api<Machine> = Api::all(client.clone());
    eventually(&format!("LeasesValid of {name} is {reason}"), async || {
        let status = api.get(name).await.ok()?.status?;
        find(&status.conditions, LEASES_VALID).filter(|c| c.reason == reason).cloned()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_refused_duplicate() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = start(dir.path());
    let (health, http) = (server.health(), server.http());
    eventually("ready", async || get(&health, "/readyz").filter(|(code, _)| *code == 200)).await;
    let (code, text) = get(&health, "/readyz?verbose").expect("an answer");
    assert_eq!(code, 200);
    for check in ["[+]machines-synced ok", "[+]http-bound ok", "[+]cluster-facts-looked-up ok"] {
        assert!(text.contains(check), "{text}");
    }
    assert_eq!(get(&health, "/healthz"), Some((200, "ok".into())));
    assert_eq!(get(&http, "/healthz"), Some((200, "ok".into())));

    let kubeconfig = dir.path().join("state/kubeconfig");
    let mode = kubeconfig.metadata().expect("a kubeconfig").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the administrator's key is nobody else's to read");
    let client = client(&kubeconfig).await;
    let api: Api<Machine> = Api::all(client.clone());

    // The facts come from the same places as in any cluster.
    let facts = server.logged("facts about the cluster that machines are told");
    for fact in ["apiserver_url_source", "ca_source", "kubernetes_version_source", "cluster_dns_source"] {
        assert_eq!(facts[fact], "discovered", "{facts}");
    }

    let post = PostParams::default();
    api.create(&post, &machine("older", "aa:bb:cc:dd:ee:01", "192.0.2.10")).await.expect("made");
    assert_eq!(leases_valid(&client, "older", "Valid").await.status.as_str(), "True");
    eventually("counted", async || metric(&health, "metalman_inventory_macs").filter(|n| (*n - 1.0).abs() < 0.1)).await;

    // Creation times are whole seconds: the younger Machine is also the second by name.
    api.create(&post, &machine("younger", "AA-BB-CC-DD-EE-01", "192.0.2.11")).await.expect("made");
    let refused = leases_valid(&client, "younger", "Duplicate").await;
    assert_eq!(refused.status.as_str(), "False");
    assert!(refused.message.contains("older"), "{}", refused.message);
    assert_eq!(leases_valid(&client, "older", "Warning").await.status.as_str(), "True");
    eventually("counted as duplicate", async || {
        metric(&health, "metalman_inventory_duplicates").filter(|n| (*n - 1.0).abs() < 0.1)
    })
    .await;

    api.delete("older", &DeleteParams::default()).await.expect("deleted");
    assert_eq!(leases_valid(&client, "younger", "Valid").await.status.as_str(), "True");

    // Another site's Machine is none of this instance's.
    let mut elsewhere = machine("elsewhere", "aa:bb:cc:dd:ee:01", "192.0.2.11");
    elsewhere.metadata.labels = Some([("unbounded-cloud.io/site".to_owned(), "rack-7".to_owned())].into());
    api.create(&post, &elsewhere).await.expect("made");
    let stays = api.get("younger").await.expect("read").status.expect("a status");
    assert_eq!(find(&stays.conditions, LEASES_VALID).map(|c| c.reason.as_str()), Some("Valid"));

    let log = server.stop();
    assert!(log.contains("lease released"), "another replica need not wait: {log}");
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
    for secret in ["PRIVATE KEY", "client-key-data", "Bearer "] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn state_survives_and_the_command_line_works_on_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = start(dir.path());
    server.logged("control plane ready: use it with this kubeconfig");
    let kubeconfig = dir.path().join("state/kubeconfig");
    let kubeconfig = kubeconfig.to_str().expect("text");
    let register = |name: &str, more: &[&str]| {
        let mut args =
            vec!["machine", "register", name, "--kubeconfig", kubeconfig, "--image", "registry.example/netboot:1"];
        args.extend(more);
        run(&args)
    };
    let made = register("n1", &["--mac", "aa:bb:cc:dd:ee:01", "--ipv4", "192.0.2.10/24", "--site", "rack-7"]);
    assert_eq!(
        (made.status.code(), stdout(&made).as_str()),
        (Some(0), "machine.unbounded-cloud.io/n1 registered\n"),
        "{}",
        stderr(&made)
    );

    // The API server names the field; the command passes that on.
    let broken =
        register("n2", &["--mac", "aa:bb:cc:dd:ee:02", "--ipv4", "192.0.2.11", "--subnet-mask", "255.0.255.0"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(stderr(&broken).contains("spec.pxe.dhcpLeases[0].subnetMask"), "{}", stderr(&broken));
    let again = register("n1", &["--mac", "aa:bb:cc:dd:ee:01", "--ipv4", "192.0.2.10/24"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("already exists"), "{}", stderr(&again));
    let tried = register("n3", &["--mac", "aa:bb:cc:dd:ee:03", "--ipv4", "192.0.2.12/24", "--dry-run", "-o", "json"]);
    assert_eq!(tried.status.code(), Some(0), "{}", stderr(&tried));
    assert!(stdout(&tried).contains("\"subnetMask\": \"255.255.255.0\""), "{}", stdout(&tried));

    let list = |more: &[&str]| {
        let mut args = vec!["machine", "list", "--kubeconfig", kubeconfig];
        args.extend(more);
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output
    };
    let table = stdout(&list(&[]));
    assert!(
        table.starts_with(
            "NAME   PHASE    HOST         K8S VERSION   POWER    STEP     SITE     AGE\n\
             n1     <none>   192.0.2.10   <none>        <none>   <none>   rack-7"
        ),
        "{table}"
    );
    assert_eq!(stdout(&list(&["-o", "name"])), "machine.unbounded-cloud.io/n1\n");
    assert_eq!(stdout(&list(&["-o", "name", "--site", "rack-8"])), "");
    assert_eq!(stderr(&list(&["--site", "rack-8"])), "No machines found\n");
    let parsed: serde_json::Value =
        serde_json::from_str(&stdout(&list(&["-o", "json", "-l", "unbounded-cloud.io/site=rack-7"]))).expect("JSON");
    assert_eq!((&parsed["kind"], &parsed["items"][0]["metadata"]["name"]), (&json!("List"), &json!("n1")));
    assert!(stdout(&list(&["-o", "yaml"])).contains("name: n1"));
    let missing = run(&["machine", "status", "n9", "--kubeconfig", kubeconfig]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("\"n9\" not found"), "{}", stderr(&missing));

    // A second instance on the same folder is refused; the first is not disturbed.
    let mut second = start(dir.path());
    assert_eq!(second.wait().code(), Some(1), "{}", second.log());
    assert!(second.log().contains("state"), "names the folder: {}", second.log());
    server.signal(Signal::SIGKILL);
    server.wait();
    let mut server = start(dir.path());
    server.logged("control plane ready: use it with this kubeconfig");
    assert_eq!(
        stdout(&list(&["-o", "name"])),
        "machine.unbounded-cloud.io/n1\n",
        "an acknowledged write survives kill -9"
    );
    let begun = std::time::Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(10), "stops promptly: {:?}", begun.elapsed());
}

#[test]
fn a_taken_port_is_told_before_anything_starts() {
    let dir = tempfile::tempdir().expect("a folder");
    let taken_tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken_tcp.local_addr().expect("an address").port().to_string();
    let state = dir.path().join("state");
    for (flag, other) in [("--http-port", "--health-port"), ("--health-port", "--http-port")] {
        let output = run(&[
            "serve-pxe",
            "--standalone",
            state.to_str().expect("text"),
            "--bind-address=127.0.0.1",
            flag,
            &port,
            other,
            "0",
        ]);
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(flag) && error.contains(&port) && error.contains("choose another port"), "{error}");
        assert!(!state.exists(), "no state was made");
    }
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let state_text = state.to_str().expect("text");
    let ports = ["--http-port=0", "--health-port=0", "--dhcp-port", &port];
    let output = run(&[&["serve-pxe", "--standalone", state_text, "--bind-address=127.0.0.1"], &ports[..]].concat());
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("--dhcp-port") && error.contains(&port) && error.contains("stop the DHCP server"),
        "{error}"
    );
    let port = taken_tcp.local_addr().expect("an address").port().to_string();
    let output = run(&["apiserver", "--data", state.to_str().expect("text"), "--listen", &format!("127.0.0.1:{port}")]);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
}
