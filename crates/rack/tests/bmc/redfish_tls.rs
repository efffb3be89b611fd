//! TLS as BMCs have it, served by Python's `ssl` (OpenSSL) with certificates that `openssl` makes.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use metalman::redfish::{Client, Clients, Credentials, Endpoint, Fingerprint, Patience, RedfishError, RedfishMetrics};
use metalman_core::lifecycle::bmc::PowerState;
use rack::process::Process;

/// A TLS server with a Redfish service root and a system that is on.
struct Server {
    process: Process,
    port: u16,
    dir: tempfile::TempDir,
}

/// How it speaks: a certificate, the versions of TLS, the cipher suites of TLS 1.2 and older.
struct Speech<'a> {
    certificate: &'a [&'a str],
    versions: (&'a str, &'a str),
    ciphers: &'a str,
}

const ANY: &str = "ALL:@SECLEVEL=0";
const NEW: (&str, &str) = ("TLSv1_2", "TLSv1_3");
const TWELVE: (&str, &str) = ("TLSv1_2", "TLSv1_2");

const RSA2048: &[&str] = &["req", "-x509", "-newkey", "rsa:2048"];
const RSA1024_SHA1: &[&str] =
    &["req", "-x509", "-newkey", "rsa:1024", "-sha1", "-addext", "basicConstraints=critical,CA:TRUE"];
const P256: &[&str] = &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
const ED25519: &[&str] = &["req", "-x509", "-newkey", "ed25519"];
/// X.509 v1, and it expired long ago.
const V1: &[&str] = &["v1"];

fn openssl(dir: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("openssl").args(arguments).current_dir(dir).output();
    let output = output.context("openssl does not start; install the Debian package openssl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "openssl {}: {said}", arguments.join(" "));
    Ok(())
}

/// Makes `cert.pem` and `key.pem`.
fn certificate(dir: &Path, how: &[&str]) -> anyhow::Result<()> {
    if how == V1 {
        let request =
            ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=v1"];
        openssl(dir, &request)?;
        let sign = ["x509", "-req", "-in", "csr.pem", "-signkey", "key.pem", "-sha1", "-days", "1"];
        return openssl(dir, &[&sign[..], &["-extfile", "/dev/null", "-out", "cert.pem"]].concat());
    }
    let rest = ["-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "1", "-subj", "/CN=bmc"];
    openssl(dir, &[how, &rest].concat())
}

impl Server {
    fn start(speech: &Speech<'_>) -> anyhow::Result<Self> {
        Self::again(tempfile::tempdir()?, 0, speech)
    }

    /// At a port that is known, with another certificate.
    fn again(dir: tempfile::TempDir, port: u16, speech: &Speech<'_>) -> anyhow::Result<Self> {
        certificate(dir.path(), speech.certificate)?;
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bmc/tls_server.py");
        let mut command = Command::new("python3");
        command.arg("-u").arg(script).arg(port.to_string()).arg(dir.path());
        command.args([speech.versions.0, speech.versions.1, speech.ciphers]);
        let process = Process::start("tls_server.py", command)?;
        process.wait_for("a port", Duration::from_secs(20), |line| line.starts_with("port "))?;
        let port = process.lines().iter().find_map(|line| line.strip_prefix("port ")?.parse().ok());
        Ok(Self { port: port.context("no port")?, process, dir })
    }

    fn endpoint(&self, pin: Option<Fingerprint>) -> anyhow::Result<Endpoint> {
        let credentials = Credentials { username: "admin".into(), password: "hush".into() };
        Ok(Endpoint::new(&format!("https://127.0.0.1:{}", self.port), Some(credentials), pin)?)
    }

    fn client(&self, pin: Option<Fingerprint>) -> anyhow::Result<Client> {
        Ok(Client::new(self.endpoint(pin)?, RedfishMetrics::default())?)
    }

    /// By `openssl`, not by metalman.
    fn fingerprint(&self) -> anyhow::Result<Fingerprint> {
        let arguments = ["x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256"];
        let output = Command::new("openssl").args(arguments).current_dir(self.dir.path()).output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.trim().rsplit('=').next().unwrap_or_default().parse()?)
    }

    /// The requests that it saw, with what came along of credentials.
    fn requests(&self) -> Vec<String> {
        self.process.lines().into_iter().filter(|line| line.starts_with("request ")).collect()
    }
}

#[tokio::test]
async fn certificates_of_all_ages_are_pinned() -> anyhow::Result<()> {
    let old = ("TLSv1", "TLSv1_2");
    for (certificate, versions) in [
        (RSA2048, NEW),
        (RSA2048, old),
        (V1, NEW),
        (V1, TWELVE),
        (RSA1024_SHA1, TWELVE),
        // TLS 1.3 demands a PSS signature, which is greeted around.
        (RSA1024_SHA1, NEW),
        (P256, NEW),
        (P384, TWELVE),
        (ED25519, NEW),
    ] {
        let what = format!("{certificate:?} {versions:?}");
        let server = Server::start(&Speech { certificate, versions, ciphers: ANY })?;
        let client = server.client(None)?;
        let system = client.observe(None).await.with_context(|| what.clone())?;
        let fingerprint = server.fingerprint()?;
        assert_eq!(system.power, Some(PowerState::On), "{what}");
        assert_eq!(system.certificate, Some(fingerprint.to_string()), "{what}");
        assert_eq!(client.certificate(), Some(fingerprint), "{what}");
        server.client(Some(fingerprint))?.observe(None).await.with_context(|| what)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_changed_certificate_is_refused_before_anything_is_sent() -> anyhow::Result<()> {
    let speech = Speech { certificate: P256, versions: NEW, ciphers: ANY };
    let server = Server::start(&speech)?;
    let clients = Clients::new(RedfishMetrics::default(), Patience::default());
    let unpinned = server.endpoint(None)?;
    let client = clients.client(&unpinned)?;
    client.observe(None).await?;
    let first = server.fingerprint()?;
    // What was seen is pinned in status: the same client goes on.
    let pinned = unpinned.with_pin(Some(first));
    assert!(std::sync::Arc::ptr_eq(&client, &clients.client(&pinned)?));

    let (port, Server { process, dir, .. }) = (server.port, server);
    drop(process);
    let server = Server::again(dir, port, &speech)?;
    let second = server.fingerprint()?;
    for _ in 0..2 {
        let error = clients.client(&pinned)?.observe(None).await.unwrap_err();
        let told = error.unreachable();
        assert!(matches!(error, RedfishError::PinMismatch { .. }), "{error:?}");
        assert_eq!(told.reason, "TLSPinMismatch");
        for words in [first.to_string(), second.to_string(), "status.redfish.certFingerprint".into()] {
            assert!(told.message.contains(&words), "{} lacks {words}", told.message);
        }
    }
    assert_eq!(server.requests(), Vec::<String>::new(), "nothing was sent, and no password");

    // The status field is removed: accepted anew, without a restart.
    let client = clients.client(&unpinned)?;
    let system = client.observe(None).await?;
    assert_eq!(system.certificate, Some(second.to_string()));
    assert!(server.requests().iter().any(|line| line.contains("basic")), "{:?}", server.requests());
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_changes_before_it_was_pinned() -> anyhow::Result<()> {
    let speech = Speech { certificate: P256, versions: NEW, ciphers: ANY };
    let server = Server::start(&speech)?;
    let clients = Clients::new(RedfishMetrics::default(), Patience::default());
    let endpoint = server.endpoint(None)?;
    clients.client(&endpoint)?.observe(None).await?;
    let (port, Server { process, dir, .. }) = (server.port, server);
    drop(process);
    let server = Server::again(dir, port, &speech)?;
    // What the first one was told is not told to the second one; the next look begins anew.
    let error = clients.client(&endpoint)?.observe(None).await.unwrap_err();
    assert!(matches!(error, RedfishError::PinMismatch { .. }), "{error:?}");
    let system = clients.client(&endpoint)?.observe(None).await?;
    assert_eq!(system.certificate, Some(server.fingerprint()?.to_string()));
    Ok(())
}

#[tokio::test]
async fn what_cannot_connect_says_why() -> anyhow::Result<()> {
    let cases = [
        ("static RSA", TWELVE, "AES128-GCM-SHA256:@SECLEVEL=0", "static RSA, DHE or CBC"),
        ("CBC", TWELVE, "ECDHE-RSA-AES128-SHA:@SECLEVEL=0", "static RSA, DHE or CBC"),
        ("DHE", TWELVE, "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", "static RSA, DHE or CBC"),
        ("TLS 1.1", ("TLSv1", "TLSv1_1"), ANY, "only offers an older version (TLS 1.1"),
    ];
    for (what, versions, ciphers, words) in cases {
        let server = Server::start(&Speech { certificate: RSA2048, versions, ciphers })?;
        let error = server.client(None)?.observe(None).await.unwrap_err();
        let told = error.unreachable();
        assert_eq!(told.reason, "TLSError", "{what}: {}", told.message);
        assert!(
            told.message.contains(words) && told.message.contains("update its firmware"),
            "{what}: {}",
            told.message
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_port_that_speaks_something_else_is_told() -> anyhow::Result<()> {
    use tokio::io::AsyncWriteExt;
    for (answer, words) in
        [(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "does not speak TLS"), (b"", "closed the connection")]
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://{}", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // The greeting is read first: what is unread when a socket closes resets the connection.
                let mut greeting = [0; 4096];
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut greeting).await;
                let _ = stream.write_all(answer).await;
            }
        });
        let client = Client::new(Endpoint::new(&url, None, None)?, RedfishMetrics::default())?;
        let told = client.observe(None).await.unwrap_err().unreachable();
        assert_eq!(told.reason, "TLSError", "{}", told.message);
        assert!(told.message.contains(words), "{}", told.message);
    }
    Ok(())
}
