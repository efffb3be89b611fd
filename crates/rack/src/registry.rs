//! Debian's `docker-registry` in a namespace: open or with passwords, with TLS or without.
//!
//! Invariants: a [`Registry`] that was returned answers; dropping it ends the process and removes its images.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::{netns::Namespace, process::Process};

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a registry is protected.
#[derive(Debug, Clone, Copy, Default)]
pub struct Protection<'a> {
    /// The only user, with the password.
    pub user: Option<(&'a str, &'a str)>,
    /// A certificate from a CA of its own.
    pub tls: bool,
}

/// A running registry.
#[derive(Debug)]
pub struct Registry<'n> {
    namespace: &'n Namespace,
    process: Process,
    address: SocketAddr,
    dir: TempDir,
}

impl<'n> Registry<'n> {
    /// Starts one at an address of the namespace.
    pub fn start(namespace: &'n Namespace, address: &str, protection: Protection<'_>) -> anyhow::Result<Self> {
        let address: SocketAddr = address.parse()?;
        let dir = tempfile::tempdir()?;
        let path = |name: &str| dir.path().join(name);
        let mut http = format!("  addr: {address}\n");
        if protection.tls {
            certificates(dir.path(), &address.ip().to_string())?;
            let (certificate, key) = (path("certificate.pem"), path("key.pem"));
            let (certificate, key) = (certificate.display(), key.display());
            http = format!("{http}  tls:\n    certificate: {certificate}\n    key: {key}\n");
        }
        let mut auth = String::new();
        if let Some((user, password)) = protection.user {
            let made = Command::new("htpasswd").args(["-nbB", user, password]).output();
            let made = made.context("htpasswd does not start; install the Debian package apache2-utils")?;
            fs::write(path("htpasswd"), made.stdout)?;
            auth = format!("auth:\n  htpasswd:\n    realm: rack\n    path: {}\n", path("htpasswd").display());
        }
        let configuration = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp:\n{http}{auth}",
            path("images").display()
        );
        fs::write(path("registry.yml"), configuration)?;
        let mut command = namespace.command("docker-registry");
        command.arg("serve").arg(path("registry.yml"));
        ensure!(Path::new("/usr/bin/docker-registry").exists(), "install the Debian package docker-registry");
        let process = Process::start("docker-registry", command)?;
        let mut registry = Self { namespace, process, address, dir };
        let deadline = Instant::now() + PATIENCE;
        while registry.namespace.run(|| TcpStream::connect(registry.address)).is_err() {
            if registry.process.ended().is_some() || Instant::now() > deadline {
                bail!("docker-registry does not answer; it said:\n{}", registry.process.tail());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }

    /// Its CA, when it has TLS.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("trusted/ca.crt")
    }

    /// Pushes an image of a layout with skopeo, with these further flags. Returns the digest of what was pushed.
    pub fn push(&self, layout: &Path, tag: &str, name: &str, flags: &[&str]) -> anyhow::Result<String> {
        let digest = self.dir.path().join("pushed");
        let trusted = self.dir.path().join("trusted");
        let mut command = self.namespace.command("skopeo");
        command.args(["copy", "--quiet", "--digestfile"]).arg(&digest);
        if trusted.exists() {
            command.arg("--dest-cert-dir").arg(trusted);
        } else {
            command.arg("--dest-tls-verify=false");
        }
        command.args(flags).arg(format!("oci:{}:{tag}", layout.display()));
        command.arg(format!("docker://{}/{name}", self.address));
        let output = command.output().context("skopeo does not start; install the Debian package skopeo")?;
        ensure!(output.status.success(), "skopeo copy: {}", String::from_utf8_lossy(&output.stderr));
        Ok(fs::read_to_string(digest)?.trim().to_owned())
    }

    /// The file that holds a blob.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.dir.path().join("images/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A CA, and a certificate for that address.
fn certificates(dir: &Path, address: &str) -> anyhow::Result<()> {
    let (ca_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key)?;
    let certificate = CertificateParams::new(vec![address.to_owned()])?.signed_by(&key, &Issuer::new(ca, ca_key))?;
    // skopeo wants the CA alone in a folder.
    fs::create_dir(dir.join("trusted"))?;
    fs::write(dir.join("trusted/ca.crt"), ca_certificate.pem())?;
    fs::write(dir.join("certificate.pem"), certificate.pem())?;
    fs::write(dir.join("key.pem"), key.serialize_pem())?;
    Ok(())
}
