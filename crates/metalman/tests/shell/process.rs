//! The real binary as a child process: started with its state in a temporary folder, read through its log, stopped for good
//! when the test ends.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use kube::{Client, config::Kubeconfig};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// How long anything may take on a busy machine. Nothing waits this long unless it fails.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The binary under test, with nothing of this process's environment that it would listen to.
pub(crate) fn metalman() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metalman"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("METALMAN_") || name_text.starts_with("KUBE") || name_text == "RUST_LOG" {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    metalman().args(args).stdin(Stdio::null()).output().expect("the binary runs")
}

/// What a finished command said on standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a finished command said on standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Polls until there is something, or fails with what was waited for.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts the binary, logging JSON.
    pub(crate) fn start<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Self {
        let mut child = metalman()
            .args(args)
            .args(["--log-format", "json", "--log-level", "info,kube_client=off"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, sink) = (child.stderr.take().expect("piped"), log.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                sink.lock().expect("not poisoned").push(line);
            }
        });
        Self { child, log }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("not poisoned").join("\n")
    }

    /// The first log line with that message.
    pub(crate) fn logged(&mut self, message: &str) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found =
                self.log.lock().expect("not poisoned").iter().find_map(|line| {
                    serde_json::from_str::<Value>(line).ok().filter(|value| value["message"] == message)
                });
            if let Some(found) = found {
                return found;
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "ended with {ended:?} before {message:?}:\n{}", self.log());
            assert!(Instant::now() < deadline, "no {message:?} in\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The health port's address.
    pub(crate) fn health(&mut self) -> String {
        self.logged("metalman serves")["health"].as_str().expect("an address").to_owned()
    }

    /// The HTTP boot port's address.
    pub(crate) fn http(&mut self) -> String {
        self.logged("metalman serves")["http"].as_str().expect("an address").to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")), signal).expect("a child");
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks for an end, and expects a clean one.
    pub(crate) fn stop(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let status = self.wait();
        assert!(status.success(), "{status}:\n{}", self.log());
        self.log()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "--- log of the server ---\n{}", self.log());
        }
    }
}

/// A client for a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    client_of(kubeconfig).await
}

/// A client for a kubeconfig in memory.
pub(crate) async fn client_of(kubeconfig: Kubeconfig) -> Client {
    // Fails when another test of this process was first, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    metalman::client::from_kubeconfig(kubeconfig, None).await.expect("a client").client
}

/// A plain GET: status and body. None while nobody answers.
pub(crate) fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let code = answer.split(' ').nth(1)?.parse().ok()?;
    Some((code, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

/// A metric's value, by its full name with labels.
pub(crate) fn metric(address: &str, name: &str) -> Option<f64> {
    let (_, text) = get(address, "/metrics")?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}
