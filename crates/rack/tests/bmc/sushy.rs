//! sushy-tools' BMC emulator with its fake driver: a third party's reading of DSP0266, with TLS and passwords.
//!
//! What it has and lacks: it offers no sessions at all, so that this is the client's fallback to HTTP Basic; its override is
//! always `Continuous`, whatever is sent; its systems take up to eleven seconds to show another power state; it refuses with
//! plain text here and there.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use metalman::redfish::{Client, Credentials, Endpoint, RedfishError, RedfishMetrics};
use metalman_core::lifecycle::bmc::{BootTarget, PowerAction, PowerState, System};
use rack::process::Process;

const FIRST: &str = "27946b59-9e44-4fa7-8e91-f3527a1ef094";
const SECOND: &str = "7e6d1ef2-6a4b-4a5c-9a87-1c1e7a2d3b01";

/// The emulator: where `METALMAN_TEST_SUSHY` says, else the one that `script/bootstrap` keeps.
fn emulator() -> anyhow::Result<PathBuf> {
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.tools/sushy/bin/sushy-emulator");
    let found = std::env::var_os("METALMAN_TEST_SUSHY").map_or(kept, PathBuf::from);
    ensure!(found.exists(), "{} is missing: script/bootstrap installs sushy-tools from PyPI", found.display());
    Ok(found)
}

struct Sushy {
    process: Process,
    url: String,
    _dir: tempfile::TempDir,
}

impl Sushy {
    /// With two systems behind it, both off.
    fn start() -> anyhow::Result<Self> {
        let emulator = emulator()?;
        let dir = tempfile::tempdir()?;
        let path = |name: &str| dir.path().join(name).display().to_string();
        let certificate = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=sushy"];
        let made = Command::new("openssl")
            .args(certificate)
            .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")])
            .output()
            .context("openssl does not start; install the Debian package openssl")?;
        ensure!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
        // An htpasswd line of admin and hush; the emulator wants bcrypt.
        let hashed = Command::new("htpasswd").args(["-nbB", "admin", "hush"]).output();
        let hashed = hashed.context("htpasswd does not start; install the Debian package apache2-utils")?;
        std::fs::write(path("htpasswd"), String::from_utf8(hashed.stdout)?.trim())?;
        let system = |uuid: &str, name: &str| {
            format!(
                "{{'uuid': '{uuid}', 'name': '{name}', 'power_state': 'Off', 'nics': [], 'external_notifier': False}}"
            )
        };
        let config = format!(
            "SUSHY_EMULATOR_STATE_DIR = '{}'\nSUSHY_EMULATOR_AUTH_FILE = '{}'\nSUSHY_EMULATOR_FAKE_SYSTEMS = [{}, {}]\n",
            dir.path().display(),
            path("htpasswd"),
            system(FIRST, "first"),
            system(SECOND, "second"),
        );
        std::fs::write(path("config.py"), config)?;
        // A port that was free a moment ago: it takes none for "any".
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(emulator);
        command.args([
            "--fake",
            "--interface",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--config",
            &path("config.py"),
        ]);
        command.args(["--ssl-certificate", &path("cert.pem"), "--ssl-key", &path("key.pem")]);
        command.env("PYTHONUNBUFFERED", "1").env_remove("SUSHY_EMULATOR_CONFIG");
        let process = Process::start("sushy-emulator", command)?;
        process.wait_for("its address", Duration::from_mins(1), |line| line.contains("Running on"))?;
        Ok(Self { process, url: format!("https://127.0.0.1:{port}"), _dir: dir })
    }

    fn client(&self, password: &str) -> anyhow::Result<Client> {
        let credentials = Credentials { username: "admin".into(), password: password.into() };
        let endpoint = Endpoint::new(&self.url, Some(credentials), None)?;
        Ok(Client::new(endpoint, RedfishMetrics::default())?)
    }
}

/// Looks until the power is as wanted.
async fn becomes(client: &Client, id: &str, power: &PowerState) -> anyhow::Result<System> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let system = client.observe(Some(id)).await?;
        if system.power.as_ref() == Some(power) {
            return Ok(system);
        }
        if Instant::now() > deadline {
            bail!("{id} shows {:?} and not {power} after 30 s", system.power);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_third_partys_bmc_is_observed_powered_and_overridden() -> anyhow::Result<()> {
    let sushy = Sushy::start()?;
    let client = sushy.client("hush")?;

    let error = client.observe(None).await.unwrap_err();
    assert!(matches!(error, RedfishError::NoSystem { .. }), "{error:?}");
    assert!(error.message().contains(FIRST) && error.message().contains(SECOND), "{}", error.message());

    let system = client.observe(Some(FIRST)).await?;
    assert_eq!(system.power, Some(PowerState::Off));
    assert!(system.certificate.is_some());
    let targets = system.targets.unwrap_or_default();
    assert!(targets.iter().any(|target| target == "Pxe"), "{targets:?}");

    let shown = client.set_boot_override(Some(FIRST), BootTarget::Pxe).await?;
    assert_eq!(shown.target, "Pxe");
    client.power(Some(FIRST), PowerAction::On).await?;
    let system = becomes(&client, FIRST, &PowerState::On).await?;
    assert!(system.boot_override.is_some_and(|shown| shown.is_active() && shown.target == "Pxe"));
    // The other one behind the same endpoint was left alone.
    let other = client.observe(Some(SECOND)).await?;
    assert_eq!(other.power, Some(PowerState::Off));
    assert!(other.boot_override.is_some_and(|shown| shown.target != "Pxe"));

    client.clear_boot_override(Some(FIRST)).await?;
    let system = client.observe(Some(FIRST)).await?;
    assert!(system.boot_override.is_some_and(|shown| !shown.is_active()));
    client.power(Some(FIRST), PowerAction::ForceOff).await?;
    becomes(&client, FIRST, &PowerState::Off).await?;
    // Again is harmless.
    client.power(Some(FIRST), PowerAction::ForceOff).await?;
    client.power(Some(FIRST), PowerAction::On).await?;
    becomes(&client, FIRST, &PowerState::On).await?;
    client.power(Some(FIRST), PowerAction::GracefulShutdown).await?;
    becomes(&client, FIRST, &PowerState::Off).await?;
    client.close().await;
    let log = sushy.process.tail();
    assert!(!log.contains("Traceback"), "{log}");
    Ok(())
}

#[tokio::test]
async fn its_refusals_are_told() -> anyhow::Result<()> {
    let sushy = Sushy::start()?;
    let told = sushy.client("wrong")?.observe(Some(FIRST)).await.unwrap_err().unreachable();
    assert_eq!(told.reason, "CredentialsRefused", "{}", told.message);
    assert!(!told.message.contains("wrong\""), "{}", told.message);
    let endpoint = Endpoint::new(&sushy.url, None, None)?;
    let told = Client::new(endpoint, RedfishMetrics::default())?.observe(Some(FIRST)).await.unwrap_err().unreachable();
    assert_eq!(told.reason, "CredentialsRefused", "{}", told.message);
    let told = sushy.client("hush")?.observe(Some("third")).await.unwrap_err().unreachable();
    assert_eq!(told.reason, "RedfishError", "{}", told.message);
    assert!(told.message.contains("\"third\"") && told.message.contains(FIRST), "{}", told.message);
    Ok(())
}
