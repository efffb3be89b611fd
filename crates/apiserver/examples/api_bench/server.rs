//! The server as a process: starting it until it is ready, killing it, and what it takes of memory.

use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::api;

const DEADLINE: Duration = Duration::from_mins(1);

/// A server that this tool started; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pid: u32,
}

/// In bytes.
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

impl Server {
    /// Starts it, and says how long it took until /readyz was answered.
    pub(crate) async fn start(command: &str, kubeconfig: &Path) -> Result<(Self, Duration)> {
        let start = Instant::now();
        // `exec`, so that the process is the server and not a shell around it.
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {command}"))?;
        let pid = child.id().context("the server has no process id")?;
        while !ready(kubeconfig).await {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}");
            }
            ensure!(start.elapsed() < DEADLINE, "the server is not ready");
            sleep(Duration::from_millis(2)).await;
        }
        Ok((Self { child, pid }, start.elapsed()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Not being ready has many forms: no kubeconfig yet, nobody listening, 503.
async fn ready(kubeconfig: &Path) -> bool {
    let Ok(client) = api::client(kubeconfig).await else { return false };
    let Ok(request) = http::Request::get("/readyz").body(kube::client::Body::empty()) else { return false };
    client.send(request).await.is_ok_and(|answer| answer.status().is_success())
}

pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|l| l.strip_prefix(name)).context("no such field in its status")?;
        let kibibytes: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    };
    Ok(Memory { resident: field("VmRSS")?, peak: field("VmHWM")? })
}

/// What the figures were measured on: client and server share it.
pub(crate) fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|l| l.strip_prefix("model name")).map_or("", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("Client and server on one machine: {cores} × {model}")
}
