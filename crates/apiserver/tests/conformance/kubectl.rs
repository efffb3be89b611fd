//! The real kubectl binaries.

use std::{ffi::OsString, io::Write as _, path::PathBuf, process::Stdio, time::Duration};

use super::cluster::Cluster;

/// A kubectl binary bound to a cluster.
pub(crate) struct Kubectl<'a> {
    cluster: &'a Cluster,
    binary: PathBuf,
    namespace: String,
    home: PathBuf,
}

/// Its output.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Standard output of a success; panics with everything otherwise.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "kubectl failed: {self:#?}");
        self.stdout
    }
    /// Standard error of a failure.
    #[track_caller]
    pub(crate) fn fails(self) -> String {
        assert_ne!(self.code, 0, "kubectl should have failed: {self:#?}");
        self.stderr
    }
}

/// The binaries to test with: a current one, and the oldest that is promised to work.
pub(crate) fn binaries() -> Vec<PathBuf> {
    ["METALMAN_TEST_KUBECTL", "METALMAN_TEST_KUBECTL_OLD"]
        .iter()
        .map(|variable| {
            let path = std::env::var_os(variable)
                .unwrap_or_else(|| panic!("{variable} names no kubectl: run the tests through script/test"));
            let path = PathBuf::from(path);
            assert!(path.exists(), "{variable}={} does not exist: run script/bootstrap", path.display());
            path
        })
        .collect()
}

impl<'a> Kubectl<'a> {
    pub(crate) fn new(cluster: &'a Cluster, binary: PathBuf, namespace: &str) -> Self {
        // kubectl caches discovery by server address below HOME: each test has its own.
        let home = cluster.folder().join(format!("home-{}", super::cluster::unique("k")));
        std::fs::create_dir_all(&home).unwrap();
        Self { cluster, binary, namespace: namespace.to_owned(), home }
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.binary);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin")))
            .env("HOME", &self.home)
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .args(["--namespace", &self.namespace])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let child = self.command(arguments).spawn().unwrap();
        finish(child, arguments).await
    }
    /// With environment variables.
    pub(crate) async fn run_env(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        let child = self.command(arguments).envs(variables.iter().copied()).spawn().unwrap();
        finish(child, arguments).await
    }
    /// With a manifest on standard input (`-f -` must be among the arguments).
    pub(crate) async fn pipe(&self, arguments: &[&str], manifest: &str) -> Output {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(manifest.as_bytes()).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let child = self.command(arguments).stdin(Stdio::from(file)).spawn().unwrap();
        finish(child, arguments).await
    }
    /// Left running; killed on drop.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> tokio::process::Child {
        self.command(arguments).spawn().unwrap()
    }
}

async fn finish(child: tokio::process::Child, arguments: &[&str]) -> Output {
    let output = tokio::time::timeout(Duration::from_mins(1), child.wait_with_output())
        .await
        .unwrap_or_else(|_| panic!("kubectl {arguments:?} did not end within a minute"))
        .unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
