//! A real metalman, and the BMCs that it powers Machines by: whole operations, from the counter that asks to what the BMC
//! was told.

mod credentials;
mod cycle;
mod deletion;
mod failover;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

use anyhow::Context as _;
use rack::{
    bmc::{Bmc, Config, Profile, ResetType},
    netns::Namespace,
    site::{Site, machine},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Patience that suits a BMC which is quick.
const QUICK: [&str; 6] = [
    "--serve-url=http://10.0.0.1:8880",
    "--bmc-poll-period=200ms",
    "--bmc-idle-poll-period=1s",
    "--power-settle-time=300ms",
    "--power-retry-period=3s",
    "--power-timeout=15s",
];

/// Where BMCs are, in a network of their own, and what they run on. Machine 1 asks from there too.
struct Rig {
    namespace: Namespace,
    runtime: Runtime,
}

impl Rig {
    fn new() -> anyhow::Result<Self> {
        let namespace = Namespace::new("lifecycle")?;
        namespace.ip("link add eth0 type dummy").or_else(|_| namespace.ip("link add eth0 type bridge"))?;
        for address in ["10.0.0.1/24", "10.0.0.11/24"] {
            namespace.address("eth0", address)?;
        }
        namespace.up("eth0")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { namespace, runtime })
    }

    /// A BMC inside, its systems switched on.
    fn bmc(&self, config: Config) -> anyhow::Result<Bmc> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = self.namespace.run(|| TcpListener::bind(address))?;
        listener.set_nonblocking(true)?;
        let systems = config.systems;
        let bmc = self.runtime.block_on(async { Bmc::serve(tokio::net::TcpListener::from_std(listener)?, config) })?;
        for system in 0..systems {
            bmc.reset(system, ResetType::On);
        }
        Ok(bmc)
    }

    /// A plain BMC inside, its system switched on.
    fn plain(&self) -> anyhow::Result<Bmc> {
        self.bmc(Config::new(Profile::plain()))
    }

    /// A site with the Secret of all BMCs.
    fn site(&self, more: &[&str]) -> anyhow::Result<Site<'_>> {
        let site = Site::start(&self.namespace, &[&QUICK[..], more].concat())?;
        site.apply(&[secret("secret")])?;
        Ok(site)
    }
}

fn secret(password: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "bmc", "namespace": "unbounded-kube" },
        "stringData": { "password": password },
    })
}

/// Machine number `n`: that system behind that BMC.
fn powered(n: u8, bmc: &Bmc, system: usize, image: &str) -> Value {
    let mut machine =
        machine(&format!("m{n}"), &format!("02:00:00:00:00:0{n}"), &format!("10.0.0.1{n}/24"), "10.0.0.1", image);
    machine["spec"]["pxe"]["redfish"] = json!({
        "url": bmc.url(), "username": "admin", "deviceID": bmc.system_id(system),
        "passwordRef": { "name": "bmc", "namespace": "unbounded-kube" },
    });
    machine
}

/// An image that there is, in that folder.
fn image(folder: &Path) -> anyhow::Result<String> {
    let files: &[(&str, &[u8])] = &[("metadata.yaml", b"dhcpBootImageName: grub.efi\n"), ("grub.efi", b"GRUB")];
    let layout = folder.join("layout");
    std::fs::create_dir_all(&layout)?;
    rack::layout::pack_files(files, &layout, "1")?;
    Ok(format!("oci:{}:1", layout.display()))
}

const NO_IMAGE: &str = "registry.example/netboot:1";

/// The status of a Machine.
fn status(site: &Site<'_>, name: &str) -> Option<Value> {
    let text = site.kubectl(&["get", "machine", name, "-o", "json"], "").ok()?;
    let machine: Value = serde_json::from_str(&text).ok()?;
    Some(machine["status"].clone())
}

/// A condition as `status/reason: message`.
fn condition(status: &Value, type_: &str) -> Option<String> {
    let condition = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)?;
    let word = |key: &str| condition[key].as_str().unwrap_or_default();
    Some(format!("{}/{}: {}", word("status"), word("reason"), word("message")))
}

/// Waits until a Machine's status is as wanted, and shows the last one when it never is.
fn wait(site: &mut Site<'_>, name: &str, what: &str, is_it: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let mut seen = Value::Null;
    let outcome = site.eventually(&format!("{name} {what}"), |site| {
        seen = status(site, name)?;
        is_it(&seen).then(|| seen.clone())
    });
    outcome.with_context(|| format!("its status was {seen:#}"))
}

fn wait_for_condition(site: &mut Site<'_>, name: &str, type_: &str, words: &str) -> anyhow::Result<Value> {
    let begins = |status: &Value| condition(status, type_).is_some_and(|text| text.contains(words));
    wait(site, name, &format!("with {type_} {words}"), begins)
}

/// Raises a Machine's counters to these.
fn ask(site: &Site<'_>, name: &str, operations: &Value) -> anyhow::Result<()> {
    let patch = json!({ "spec": { "operations": operations } });
    site.kubectl(&["patch", "machine", name, "--type=merge", "-p", &patch.to_string()], "").map(drop)
}

/// The power commands that a system was told, in order.
fn resets(bmc: &Bmc, system: usize) -> Vec<ResetType> {
    bmc.resets().iter().filter(|reset| reset.system == system).map(|reset| reset.reset).collect()
}

/// Waits until the BMC has so many sessions.
fn wait_for_sessions(site: &mut Site<'_>, bmc: &Bmc, wanted: usize) -> anyhow::Result<()> {
    site.eventually(&format!("{wanted} sessions"), |_| (bmc.sessions() == wanted).then_some(()))
        .with_context(|| format!("there are {}", bmc.sessions()))
}
