//! Measures a Kubernetes API server from outside, through its kubeconfig: what a control plane of many machines asks
//! of it. Any server will do, so that two can be compared.
//!
//! ```text
//! cargo run --release -p apiserver --example api_bench -- \
//!     --server 'target/release/metalman apiserver --data /tmp/bench' --kubeconfig /tmp/bench/kubeconfig
//! cargo run --release -p apiserver --example api_bench -- --kubeconfig ~/.kube/config
//! ```
//!
//! It creates (and afterwards deletes) objects that carry the label `api-bench=true`, and no others.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool: that is its output")]

mod api;
mod measure;
mod server;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use self::{
    api::{Api, Templates},
    measure::{Figures, Spread},
    server::Server,
};

/// Measures a Kubernetes API server through its kubeconfig.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// The server's kubeconfig. A server started with --server may write it itself.
    #[arg(long, env = "KUBECONFIG")]
    kubeconfig: PathBuf,
    /// The command that runs the server: it is started, killed and started again, and killed in the end.
    #[arg(long)]
    server: Option<String>,
    /// Process of a server that runs already, for its resident memory.
    #[arg(long, conflicts_with = "server")]
    pid: Option<u32>,
    /// Kubeconfig of another server to measure the same way, for comparison (kube-apiserver with etcd).
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Process of the peer.
    #[arg(long, requires = "peer")]
    peer_pid: Option<u32>,
    /// The `CustomResourceDefinition`, as YAML; a machine-like one is built in. Cluster-scoped, with a status.
    #[arg(long, requires_all = ["object", "status"])]
    crd: Option<PathBuf>,
    /// The object, as YAML. Inside its strings, $N is its number, $A and $B are bytes of it, $HA and $HB hexadecimal ones.
    #[arg(long, requires = "crd")]
    object: Option<PathBuf>,
    /// The status that patches set, as YAML `status: …`, with $N inside a string that the schema leaves free.
    #[arg(long, requires = "crd")]
    status: Option<PathBuf>,
    /// How many objects.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=65_000))]
    objects: u32,
    /// Clients that patch at the same time, each with its own connections.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// Watchers at the same time, each with its own connection.
    #[arg(long, default_value_t = 200)]
    watchers: u32,
    /// How many full lists.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    lists: u32,
    /// How many gets.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..))]
    gets: u32,
    /// Seconds of patching.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Events that the watchers are timed with.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    events: u32,
    /// Cold starts (only with --server).
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,
    /// Leave the objects and the definition there.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        bail!("another TLS provider is installed already");
    }
    let templates = Templates::load(options.crd.as_deref(), options.object.as_deref(), options.status.as_deref())?;
    let mut server = match &options.server {
        Some(command) => Some(Server::start(command, &options.kubeconfig).await?.0),
        None => None,
    };
    let pid = server.as_ref().map(Server::pid).or(options.pid);
    let mut figures = run(&options, &options.kubeconfig, pid, &templates).await?;
    if let (Some(server), Some(command)) = (&mut server, &options.server) {
        // With all the data of the run, and after SIGKILL: the recovery is part of the start.
        let mut starts = Vec::new();
        for _ in 0..options.starts {
            server.kill().await?;
            let (again, took) = Server::start(command, &options.kubeconfig).await?;
            *server = again;
            starts.push(took);
            let found = Api::connect(&options.kubeconfig, &templates).await?.count_objects().await?;
            ensure!(found == options.objects as usize, "{found} of {} objects after SIGKILL", options.objects);
        }
        figures.cold_start = Some(Spread::of(starts));
        figures.memory_after_start = server::memory(server.pid()).map(|m| m.resident).ok();
    }
    let peer = match &options.peer {
        Some(kubeconfig) => Some(run(&options, kubeconfig, options.peer_pid, &templates).await?),
        None => None,
    };
    print!("{}", report(&options, &figures, peer.as_ref()));
    for kubeconfig in options.peer.iter().chain([&options.kubeconfig]) {
        clean_up(&options, kubeconfig, &templates).await?;
    }
    if let Some(server) = &mut server {
        server.kill().await?;
    }
    Ok(())
}

async fn clean_up(options: &Options, kubeconfig: &Path, templates: &Arc<Templates>) -> Result<()> {
    if options.keep {
        return Ok(());
    }
    let api = Api::connect(kubeconfig, templates).await?;
    api.delete_objects().await?;
    api.delete_definition().await
}

async fn run(options: &Options, kubeconfig: &Path, pid: Option<u32>, templates: &Arc<Templates>) -> Result<Figures> {
    let step = |what: &str| eprintln!("{}: {what}", kubeconfig.display());
    let api = Api::connect(kubeconfig, templates).await?;
    let version = api.version().await?;
    step(&format!("{version}; installing the definition"));
    api.install_definition().await?;
    api.delete_objects().await?;

    let mut clients = Vec::new();
    for _ in 0..options.clients {
        clients.push(Arc::new(Api::connect(kubeconfig, templates).await?));
    }
    step(&format!("creating {} objects", options.objects));
    let create = measure::create(&clients, options.objects).await?;
    step(&format!("patching from {} clients for {} s", options.clients, options.seconds));
    let (patch, patches_per_second) =
        measure::patch(&clients, options.objects, Duration::from_secs(options.seconds)).await?;
    // After the patches, so that the objects have their status.
    step("reading");
    let (list, list_bytes) = measure::list(&api, options.lists, options.objects).await?;
    let get = measure::get(&api, options.gets, options.objects).await?;
    drop(clients);
    step(&format!("timing {} events at {} watchers", options.events, options.watchers));
    let mut watching = Vec::new();
    for _ in 0..options.watchers {
        watching.push(Api::connect(kubeconfig, templates).await?);
    }
    let watch = measure::watch(&api, watching, options.events, options.objects).await?;
    let memory = pid.map(server::memory).transpose().context("reading the server's memory")?;
    ensure!(list_bytes > 0, "an empty list");
    Ok(Figures {
        version,
        create,
        list,
        list_bytes,
        get,
        patch,
        patches_per_second,
        watch,
        memory,
        memory_after_start: None,
        cold_start: None,
    })
}

/// A row: the figure, the goal, and how to read it from a server's figures (`None`: not measured).
struct Row(String, &'static str, fn(&Figures) -> Option<(String, bool)>);

fn report(options: &Options, ours: &Figures, peer: Option<&Figures>) -> String {
    let (objects, clients, watchers) = (options.objects, options.clients, options.watchers);
    let rows = [
        Row(format!("create {objects} objects from {clients} clients, each"), "", |f| {
            Some((f.create.to_string(), true))
        }),
        Row("full list, median".into(), "< 150 ms", |f| {
            let text = format!("{} ({:.1} MB)", f.list, bytes_as_mb(f.list_bytes));
            Some((text, f.list.median < Duration::from_millis(150)))
        }),
        Row("get, median".into(), "< 1 ms", |f| Some((f.get.to_string(), f.get.median < Duration::from_millis(1)))),
        Row(format!("durable status merge-patches a second from {clients} clients"), "≥ 1,000", |f| {
            Some((format!("{:.0}; each {}", f.patches_per_second, f.patch), f.patches_per_second >= 1_000.0))
        }),
        Row(format!("event at {watchers} watchers, from sending the patch, median"), "≤ 20 ms", |f| {
            f.watch.as_ref().map(|w| (w.from_send.to_string(), w.from_send.median <= Duration::from_millis(20)))
        }),
        Row("the same, from the patch's answer".into(), "", |f| {
            f.watch.as_ref().map(|w| (w.from_answer.to_string(), true))
        }),
        Row("resident memory after all that".into(), "< 300 MB", |f| {
            f.memory.as_ref().map(|m| {
                let text = format!("{:.0} MB (peak {:.0} MB)", bytes_as_mb(m.resident), bytes_as_mb(m.peak));
                (text, m.resident < 300_000_000)
            })
        }),
        Row("cold start after SIGKILL to /readyz, median".into(), "< 1 s", |f| {
            f.cold_start.as_ref().map(|s| (s.to_string(), s.median < Duration::from_secs(1)))
        }),
        Row("resident memory right after that start".into(), "< 300 MB", |f| {
            f.memory_after_start.map(|m| (format!("{:.0} MB", bytes_as_mb(m)), m < 300_000_000))
        }),
    ];
    let cell = |read: Option<(String, bool)>| match read {
        Some((text, true)) => text,
        Some((text, false)) => format!("**{text}: missed**"),
        None => "not measured".into(),
    };
    let mut lines = vec![format!("Server: {}. {}.", ours.version, server::machine()), String::new()];
    let mut line = |cells: [&str; 3], other: Option<String>| {
        let mut line = format!("| {} |", cells.join(" | "));
        line.extend(other.map(|text| format!(" {text} |")));
        lines.push(line);
    };
    line(["figure", "goal", "measured"], peer.map(|p| format!("peer: {}", p.version)));
    line(["---"; 3], peer.map(|_| "---".into()));
    for Row(figure, goal, read) in rows {
        line([&figure, goal, &cell(read(ours))], peer.map(|p| cell(read(p))));
    }
    if peer.is_none() {
        lines.extend([String::new(), "peer: none (--peer names the kubeconfig of one)".into()]);
    }
    lines.join("\n") + "\n"
}

#[expect(clippy::cast_precision_loss, reason = "for people, with one digit after the point")]
fn bytes_as_mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
