//! The server under test, in a process of its own, so that it can be killed.
//!
//! The test binary runs itself again with only [`server_process`] selected and an environment that tells it what to serve.
//! No other binary must be built first, and what runs is the library of this very build.

use std::{
    env,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use apiserver::server::{ApiServer, Config};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{http::Caller, raw::Wire};

/// How long anything may take that has no bound of its own.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Tells the child its data folder.
const FOLDER: &str = "APISERVER_FAULTS_FOLDER";
/// Tells the child its address.
const LISTEN: &str = "APISERVER_FAULTS_LISTEN";
/// What the child says when it serves.
const SERVING: &str = "serving on ";

/// Not a test of its own: the body of the child process. In an ordinary run of all tests it has nothing to serve.
#[test]
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the parent reads both")]
fn server_process() {
    let (Some(folder), Ok(listen)) = (env::var_os(FOLDER), env::var(LISTEN)) else { return };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(env::var("RUST_LOG").unwrap_or_else(|_| "warn".to_owned()))
        .init();
    // The parent holds the other end: when it is gone, however it ended, so is this process.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(3);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let outcome: Result<(), Box<dyn std::error::Error>> = runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let config =
            Config { data_dir: folder.into(), listen: listen.parse()?, names: Vec::new(), advertise_url: None };
        let server = ApiServer::start(config).await?;
        println!("{SERVING}{}", server.local_addr());
        let stop = CancellationToken::new();
        let signalled = stop.clone();
        tokio::spawn(async move {
            terminate.recv().await;
            signalled.cancel();
        });
        server.run(stop).await?;
        Ok(())
    });
    if let Err(error) = outcome {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        eprintln!("error: {message}");
        std::process::exit(1);
    }
}

/// A data folder and an address, served by one process after the other.
pub(crate) struct Site {
    root: tempfile::TempDir,
    pub(crate) listen: SocketAddr,
    _held: UdpSocket,
    /// Shell commands to run before the server, in its process.
    pub(crate) prepare: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        // A second call finds it installed, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (listen, held) = free_address();
        Self { root: tempfile::tempdir().unwrap(), listen, _held: held, prepare: String::new() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.root.path().join("stderr")
    }

    /// What the servers of this site wrote to their standard error.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    fn spawn(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        Command::new("sh")
            .args(["-c", &format!("{}\nexec \"$@\"", self.prepare), "sh"])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "child::server_process", "--nocapture"])
            .env(FOLDER, self.data())
            .env(LISTEN, self.listen.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Starts a server and waits until it serves.
    pub(crate) async fn start(&self) -> Server {
        let mut process = self.spawn();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        loop {
            let line = timeout(DEADLINE, lines.next_line()).await.expect("the server starts in time").unwrap();
            let line = line.unwrap_or_else(|| panic!("the server did not start: {}", self.log()));
            // The test harness of the child says things before, partly on the same line.
            if line.contains(SERVING) {
                break;
            }
        }
        let parent = process.stdin.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(process.id().unwrap()).unwrap());
        let kubeconfig = self.read(&self.data().join("kubeconfig"), pid);
        Server { process, _pipes: (parent, lines), pid, address: self.listen, kubeconfig, log: self.log_file() }
    }

    /// Reads a file as the server sees it, which may have mounted something of its own.
    fn read(&self, path: &Path, pid: Pid) -> String {
        let seen = format!("/proc/{pid}/root{}", path.display());
        std::fs::read_to_string(&seen).unwrap_or_else(|e| panic!("{seen}: {e}; {}", self.log()))
    }

    /// Starts a server and kills it, perhaps before it serves.
    pub(crate) async fn killed_while_starting(&self, after: Duration) {
        let mut process = self.spawn();
        // Not a wait for something: the moment of the kill is what the test varies.
        tokio::time::sleep(after).await;
        process.kill().await.unwrap();
    }

    /// Starts a server that must refuse to; what it says.
    pub(crate) async fn refusal(&self) -> String {
        let before = self.log().len();
        let mut process = self.spawn();
        // Waiting would close it and with that end the server.
        let _parent = process.stdin.take();
        let status = timeout(DEADLINE, process.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("not refused: {}", self.log())).unwrap();
        let said = self.log()[before..].to_owned();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(!said.contains("panicked at"), "{said}");
        said
    }
}

/// A free port below the range from which the kernel takes ports for outgoing connections: between a kill and the restart
/// no client's connection can get it (not even by connecting to itself). The same port of UDP, held meanwhile, keeps other
/// tests away.
fn free_address() -> (SocketAddr, UdpSocket) {
    let start = std::process::id().wrapping_mul(7919) % 12_000;
    (0..12_000)
        .map(|i| u16::try_from(20_000 + (start + i) % 12_000).unwrap())
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find_map(|address| {
            let held = UdpSocket::bind(address).ok()?;
            TcpListener::bind(address).ok()?;
            Some((address, held))
        })
        .expect("a free port")
}

/// A running server.
pub(crate) struct Server {
    process: Child,
    /// The process ends with its standard input, which `Child::wait` would close, and its test harness needs its output.
    _pipes: (ChildStdin, Lines<BufReader<ChildStdout>>),
    pid: Pid,
    pub(crate) address: SocketAddr,
    kubeconfig: String,
    log: PathBuf,
}

impl Server {
    /// Its administrator.
    pub(crate) async fn admin(&self) -> Caller {
        Caller::admin(&self.kubeconfig).await
    }
    /// Its port, with the administrator's certificate.
    pub(crate) async fn wire(&self) -> Wire {
        Wire::admin(&self.kubeconfig, self.address).await
    }
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.process.start_kill().unwrap();
        self.process.wait().await.unwrap();
    }
    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        kill(self.pid, Signal::SIGTERM).unwrap();
    }
    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        timeout(DEADLINE, self.process.wait()).await.expect("the server ends in time").unwrap()
    }

    /// Open file descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap().count()
    }
    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Answers somebody new quickly, reads and writes, and has not panicked.
    pub(crate) async fn healthy(&self, after: &str) {
        let check = async {
            let admin = self.admin().await;
            assert_eq!(admin.get("/readyz").await.code, 200, "after {after}");
            let maps = "/api/v1/namespaces/default/configmaps";
            let map =
                serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "probe-"}});
            let made = admin.post(maps, &map).await.expect(201);
            let path = format!("{maps}/{}", made["metadata"]["name"].as_str().unwrap());
            assert_eq!(admin.get(&path).await.expect(200), made);
            admin.delete(&path).await.expect(200);
        };
        timeout(Duration::from_secs(5), check).await.unwrap_or_else(|_| panic!("too slow after {after}"));
        let log = String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned();
        assert!(!log.contains("panicked at"), "after {after}: {log}");
    }
}

/// Looks until it is true; panics at the deadline.
pub(crate) async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !look() {
        assert!(begun.elapsed() < DEADLINE, "gave up waiting until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
