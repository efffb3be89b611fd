//! A real metalman on a network of its own: `serve-pxe --standalone` with its state in a temporary folder, and a way to give
//! it Machines.
//!
//! Invariants: a [`Site`] that was returned is ready (`/readyz`); dropping it ends the process and removes its folder.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{binary, netns::Namespace, process::Process};

/// How long anything of a site may take on a busy machine. Nothing waits this long unless it fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Between looks at something that has no event to wait for.
const LOOK: Duration = Duration::from_millis(20);

/// Where the health port of a site listens inside its namespace.
const HEALTH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// A running metalman.
#[derive(Debug)]
pub struct Site<'n> {
    namespace: &'n Namespace,
    process: Process,
    health: SocketAddr,
    /// Shared with the replicas of the same cluster.
    dir: Arc<TempDir>,
}

impl<'n> Site<'n> {
    /// Starts `serve-pxe` with an embedded control plane and these further flags, and waits until it is ready. Ports are the
    /// defaults (in their own namespace they are free), the API server listens on every address.
    pub fn start(namespace: &'n Namespace, flags: &[&str]) -> anyhow::Result<Self> {
        let dir = Arc::new(tempfile::tempdir()?);
        let state = dir.path().join("state").display().to_string();
        let flags = [&["--standalone", &state, "--standalone-listen=0.0.0.0:6443"], flags].concat();
        Self::launch(namespace, dir, "first", &flags)
    }

    /// Starts another replica for the same cluster; the first one's serve address must be reachable from its namespace. In
    /// the same namespace it needs ports of its own, and `--health-port` among the flags is understood.
    pub fn join(&self, namespace: &'n Namespace, name: &str, flags: &[&str]) -> anyhow::Result<Self> {
        let kubeconfig = self.kubeconfig().display().to_string();
        Self::launch(namespace, self.dir.clone(), name, &[&["--kubeconfig", &kubeconfig], flags].concat())
    }

    fn launch(namespace: &'n Namespace, dir: Arc<TempDir>, name: &str, flags: &[&str]) -> anyhow::Result<Self> {
        let mut command = namespace.command(binary("metalman")?);
        // Nothing of the caller's environment may configure the server under test.
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("METALMAN_") || text.starts_with("KUBE") || text == "RUST_LOG" {
                command.env_remove(&variable);
            }
        }
        command.arg("serve-pxe").arg("--cache-dir").arg(dir.path().join(format!("cache-{name}"))).args(flags);
        command.args(["--log-format", "json"]);
        let health_port = flags.iter().find_map(|flag| flag.strip_prefix("--health-port="));
        let health = match health_port {
            Some(port) => SocketAddr::new(HEALTH.ip(), port.parse().context("--health-port")?),
            None => HEALTH,
        };
        let process = Process::start(&format!("metalman {name}"), command)?;
        let mut site = Self { namespace, process, health, dir };
        let ready = site.eventually("readiness", |site| site.get("/readyz").filter(|(code, _)| *code == 200));
        ready.map(drop)?;
        Ok(site)
    }

    /// Ends it with that signal, does something to its folders, and starts it again on them with these flags instead.
    pub fn restart(
        mut self,
        signal: Signal,
        flags: &[&str],
        meanwhile: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        self.process.signal(signal);
        self.process.wait(PATIENCE)?;
        meanwhile(self.dir.path())?;
        let state = self.dir.path().join("state").display().to_string();
        let flags = [&["--standalone", &state, "--standalone-listen=0.0.0.0:6443"], flags].concat();
        Self::launch(self.namespace, self.dir.clone(), "first", &flags)
    }

    /// Where the first replica of the site keeps its images.
    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("cache-first")
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("state/kubeconfig")
    }

    /// A folder that lives as long as the site.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The namespace that it runs in.
    pub fn namespace(&self) -> &'n Namespace {
        self.namespace
    }

    /// The server itself.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Runs kubectl as the administrator and returns what it printed.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        let mut command = self.namespace.command(kubectl()?);
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(arguments).env_remove("KUBECONFIG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("kubectl does not start")?;
        let mut pipe = child.stdin.take().context("a pipe to kubectl")?;
        let written = thread::scope(|scope| {
            let writer = scope.spawn(move || pipe.write_all(input.as_bytes()));
            let output = child.wait_with_output();
            let _ = writer.join();
            output
        });
        let output = written?;
        ensure!(
            output.status.success(),
            "kubectl {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Creates or changes objects.
    pub fn apply(&self, objects: &[Value]) -> anyhow::Result<()> {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        self.kubectl(&["apply", "--validate=false", "-f", "-"], &list.to_string()).map(drop)
    }

    /// Creates Machines and waits until this replica serves that many MAC addresses more.
    pub fn register(&mut self, machines: &[Value]) -> anyhow::Result<()> {
        const SERVED: &str = "metalman_inventory_macs";
        let leases = |machine: &Value| machine["spec"]["pxe"]["dhcpLeases"].as_array().map_or(0, Vec::len);
        let wanted =
            self.metric(SERVED).unwrap_or(0.0) + f64::from(u32::try_from(machines.iter().map(leases).sum::<usize>())?);
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": machines });
        self.kubectl(&["create", "--validate=false", "-f", "-"], &list.to_string())?;
        self.metric_reaches(SERVED, wanted)
    }

    /// A GET at the health port: status and body. None while nobody answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let at = self.health;
        let mut stream = self.namespace.run(|| TcpStream::connect_timeout(&at, PATIENCE)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let code = answer.split(' ').nth(1)?.parse().ok()?;
        Some((code, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// The value of a metric, by its name with its labels, as in `metalman_dhcp_received_total{type="discover"}`.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until a metric is at least that.
    pub fn metric_reaches(&mut self, name: &str, least: f64) -> anyhow::Result<()> {
        self.eventually(&format!("{name} of at least {least}"), |site| {
            site.metric(name).filter(|value| *value >= least)
        })
        .map(drop)
    }

    /// Polls until there is something; fails with what was waited for and what the server said.
    pub fn eventually<T>(&mut self, what: &str, mut probe: impl FnMut(&Self) -> Option<T>) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = probe(self) {
                return Ok(found);
            }
            if let Some(status) = self.process.ended() {
                bail!("metalman ended ({status}) before {what}; it said:\n{}", self.process.tail());
            }
            if Instant::now() > deadline {
                bail!("no {what} within {PATIENCE:?}; metalman said:\n{}", self.process.tail());
            }
            thread::sleep(LOOK);
        }
    }
}

/// A Machine with one NIC, to be changed further as wanted. `address` is such as `10.0.0.11/24`.
pub fn machine(name: &str, mac: &str, address: &str, gateway: &str, image: &str) -> Value {
    let (ipv4, prefix) = address.split_once('/').unwrap_or((address, "24"));
    let ones: u32 = prefix.parse().unwrap_or(24);
    let mask = Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - ones).unwrap_or(0));
    json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": name },
        "spec": { "pxe": {
            "image": image,
            "dhcpLeases": [{
                "mac": mac, "ipv4": ipv4, "subnetMask": mask.to_string(), "gateway": gateway, "dns": [gateway],
            }],
        } },
    })
}

/// The kubectl to use: `METALMAN_TEST_KUBECTL`, else the one that `script/bootstrap` keeps.
fn kubectl() -> anyhow::Result<PathBuf> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/kubectl");
    let found = std::env::var_os("METALMAN_TEST_KUBECTL").map_or(kept, PathBuf::from);
    ensure!(found.exists(), "there is no {}: run script/bootstrap", found.display());
    Ok(found)
}
