//! What machines report, with the clients that report it: curl as an installer has it, and cloud-init's own webhook handler;
//! and what is left of it when metalman is killed right after it answered.

use std::{path::Path, process::Stdio};

use anyhow::{Context, ensure};
use metalman_core::dhcp::{MessageType, code};
use nix::sys::signal::Signal;
use rack::{
    layout,
    netns::Namespace,
    site::{Site, machine},
};
use serde_json::{Value, json};

use crate::dhcp_peers::{Segment, Teller, message};

const FLAGS: &[&str] = &["--serve-url=http://10.0.0.1:8880"];
const URL: &str = "http://10.0.0.1:8880";

/// A server, a machine that is registered, and one that is not, on one segment.
struct Net {
    server: Namespace,
    client: Namespace,
    stranger: Namespace,
}

impl Net {
    fn new() -> anyhow::Result<Self> {
        let (server, client) = (Namespace::new("server")?, Namespace::new("client")?);
        let stranger = Namespace::new("stranger")?;
        server.veth("c0", &client, "eth0")?;
        server.veth("s0", &stranger, "eth0")?;
        server.bridge("br0", &["c0", "s0"])?;
        server.address("br0", "10.0.0.1/24")?;
        client.address("eth0", "10.0.0.11/24")?;
        stranger.address("eth0", "10.0.0.66/24")?;
        Ok(Self { server, client, stranger })
    }
}

/// Sends a report and returns the status.
fn report(from: &Namespace, path: &str, arguments: &[&str]) -> anyhow::Result<u16> {
    let url = format!("{URL}{path}");
    let mut command = from.command("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--output", "/dev/null"]);
    let output = command.args(["--write-out", "%{http_code}", &url]).args(arguments).output();
    let output = output.context("curl does not start; install the Debian package curl")?;
    let refusal = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "curl {path} {arguments:?}: {} {refusal}", output.status);
    Ok(String::from_utf8(output.stdout)?.parse()?)
}

/// The Machine, without an image: reports need none.
fn n1() -> Value {
    machine("n1", "02:00:00:00:00:11", "10.0.0.11/24", "10.0.0.1", "registry.example/netboot:1")
}

fn status(site: &Site<'_>) -> anyhow::Result<Value> {
    let machine: Value = serde_json::from_str(&site.kubectl(&["get", "machine", "n1", "-o", "json"], "")?)?;
    Ok(machine["status"].clone())
}

/// Status, reason and message of a condition.
fn condition(status: &Value, type_: &str) -> (String, String) {
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == type_);
    let text = |field: &str| found.and_then(|found| found[field].as_str()).unwrap_or_default();
    (format!("{}/{}", text("status"), text("reason")), text("message").to_owned())
}

/// The steps of the boot, each with its message.
fn steps(status: &Value) -> Vec<(String, String)> {
    let steps = status["boot"]["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    steps.iter().map(|step| (text(&step["name"]), text(&step["message"]))).collect()
}

#[test]
fn the_installers_report_completes_a_pending_repave_and_survives_a_kill() -> anyhow::Result<()> {
    let net = Net::new()?;
    let mut site = Site::start(&net.server, FLAGS)?;
    let mut asked = n1();
    asked["spec"]["operations"] = json!({ "repaveCounter": 1 });
    site.register(&[asked])?;
    assert_eq!(report(&net.stranger, "/pxe/disable", &[])?, 404);
    assert_eq!(report(&net.client, "/pxe/disable", &["--head"])?, 405);
    assert!(status(&site)?["operations"]["repaveCounter"].is_null(), "whoever is nobody changes nothing");

    let started = r#"{"step": "InstallerStarted", "message": "installer 1"}"#;
    assert_eq!(report(&net.client, "/boot/event", &["--data", started])?, 200);
    assert_eq!(report(&net.client, "/pxe/disable", &[])?, 200);
    let mut site = site.restart(Signal::SIGKILL, FLAGS, |_| Ok(()))?;
    let seen = status(&site)?;
    assert_eq!(seen["operations"]["repaveCounter"], 1, "{seen:#}");
    let expected = ("True/Succeeded".to_owned(), "image=registry.example/netboot:1".to_owned());
    assert_eq!(condition(&seen, "Repaved"), expected, "{seen:#}");
    let names: Vec<String> = steps(&seen).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["InstallerStarted", "Installed"], "{seen:#}");

    // Again, and by POST: welcome, and nothing changes.
    site.eventually("an answer", |_| report(&net.client, "/pxe/disable", &[]).ok().filter(|code| *code == 200))?;
    assert_eq!(report(&net.client, "/pxe/disable", &["--data", ""])?, 200);
    let again = status(&site)?;
    assert_eq!((&again["operations"], steps(&again)), (&seen["operations"], steps(&seen)));

    // The next one is asked for, and reported.
    site.kubectl(
        &["patch", "machine", "n1", "--type=merge", "-p", r#"{"spec":{"operations":{"repaveCounter":5}}}"#],
        "",
    )?;
    assert_eq!(report(&net.client, "/pxe/disable", &[])?, 200);
    assert_eq!(status(&site)?["operations"]["repaveCounter"], 5);
    Ok(())
}

#[test]
fn progress_of_a_boot_is_on_the_machine() -> anyhow::Result<()> {
    let net = Net::new()?;
    let images = tempfile::tempdir()?;
    let files: &[(&str, &[u8])] = &[
        ("metadata.yaml", b"dhcpBootImageName: shimx64.efi\n"),
        ("shimx64.efi", b"not really"),
        ("vmlinuz-6.1", b"nor this"),
        ("initrd", b""),
    ];
    layout::pack_files(files, images.path(), "1")?;
    let mut site = Site::start(&net.server, FLAGS)?;
    let mut boots = n1();
    boots["spec"]["pxe"]["image"] = format!("oci:{}:1", images.path().display()).into();
    site.register(&[boots])?;
    site.eventually("image", |_| report(&net.client, "/shimx64.efi", &[]).ok().filter(|code| *code == 200))?;
    for path in ["/vmlinuz-6.1", "/initrd", "/vmlinuz-6.1"] {
        assert_eq!(report(&net.client, path, &[])?, 200);
    }
    for percent in 0..=100 {
        let event = format!(r#"{{"step": "ImageWriting", "percent": {percent}, "message": "/dev/vda"}}"#);
        assert_eq!(report(&net.client, "/boot/event", &["--json", &event])?, 202);
    }
    let all = [("Bootloader", "shimx64.efi"), ("Kernel", "vmlinuz-6.1"), ("ImageWriting", "100 %: /dev/vda")];
    let all = all.map(|(name, message)| (name.to_owned(), message.to_owned()));
    site.eventually("steps", |site| (steps(&status(site).ok()?) == all).then_some(()))?;

    let failed = r#"{"step": "Failed", "message": "no disk has the serial S3Z"}"#;
    assert_eq!(report(&net.client, "/boot/event", &["--data", failed])?, 200);
    let told = status(&site)?;
    assert_eq!(told["boot"]["problem"], "installer: no disk has the serial S3Z", "{told:#}");

    let large = images.path().join("large");
    std::fs::write(&large, vec![b' '; 65_537])?;
    let large = format!("@{}", large.display());
    assert_eq!(report(&net.client, "/boot/event", &["--data-binary", &large])?, 413);
    assert_eq!(report(&net.client, "/boot/event", &["--data", "{}"])?, 400);
    assert_eq!(report(&net.client, "/cloudinit/log", &[])?, 405);
    Ok(())
}

/// Firmware asks both replicas through a relay, and fetches from the first.
#[test]
fn two_replicas_that_see_the_same_boot_write_one_timeline() -> anyhow::Result<()> {
    const MAC: &str = "02:00:00:00:00:11";
    let segment = Segment::new()?;
    let (first, second) = (segment.host("first", Some("10.0.0.1/24"))?, segment.host("second", Some("10.0.0.2/24"))?);
    let (relay, client) = (segment.host("relay", Some("10.0.0.3/24"))?, segment.host("n1", Some("10.0.0.11/24"))?);
    let images = tempfile::tempdir()?;
    let files: &[(&str, &[u8])] =
        &[("metadata.yaml", b"dhcpBootImageName: shimx64.efi\n"), ("shimx64.efi", b"x"), ("vmlinuz", b"y")];
    layout::pack_files(files, images.path(), "1")?;
    let root = format!("--layout-root={}", images.path().display());
    let mut leader = Site::start(&first, &["--serve-url=http://10.0.0.1:8880", &root])?;
    let mut boots = n1();
    boots["spec"]["pxe"]["image"] = format!("oci:{}:1", images.path().display()).into();
    leader.register(&[boots])?;
    let mut other = leader.join(&second, "second", &["--serve-url=http://10.0.0.2:8880", &root])?;
    let teller = Teller::relay(&relay, "10.0.0.3")?;
    let discovers = |xid: u32, to: &str| {
        let mut discover = message(MessageType::Discover, MAC, xid);
        discover.giaddr = std::net::Ipv4Addr::new(10, 0, 0, 3);
        discover.options.push(code::VENDOR_CLASS, b"PXEClient:Arch:00007:UNDI:003016");
        discover.options.push(code::CLIENT_ARCHITECTURES, &7_u16.to_be_bytes());
        teller.say(&discover, to)?;
        Ok::<_, anyhow::Error>(!teller.hear(xid, 1, std::time::Duration::from_millis(500)).is_empty())
    };
    let mut xid = 0;
    for (site, at) in [(&mut leader, "10.0.0.1"), (&mut other, "10.0.0.2")] {
        // An offer shows that the image is here.
        site.eventually("an offer", |_| {
            xid += 1;
            discovers(xid, at).ok()?.then_some(())
        })?;
    }
    let names =
        |site: &Site<'_>| Some(steps(&status(site).ok()?).into_iter().map(|(name, _)| name).collect::<Vec<_>>());
    leader.eventually("the first step", |site| (names(site)? == ["DHCP"]).then_some(()))?;
    for path in ["/shimx64.efi", "/vmlinuz"] {
        assert_eq!(report(&client, path, &[])?, 200);
    }
    let fetched = ["DHCP", "Bootloader", "Kernel"];
    leader.eventually("a timeline", |site| (names(site)? == fetched).then_some(()))?;
    let told = steps(&status(&leader)?);
    assert_eq!(told[0].1, format!("{MAC}, x64-uefi"), "{told:?}");

    // The next boot: what the second replica writes of it changes nothing, whenever it does.
    assert!(discovers(1001, "10.0.0.1")? && discovers(1001, "10.0.0.2")?);
    leader.eventually("the next boot", |site| (names(site)? == ["DHCP"]).then_some(()))?;
    for path in ["/shimx64.efi", "/vmlinuz"] {
        assert_eq!(report(&client, path, &[])?, 200);
    }
    leader.eventually("its timeline", |site| (names(site)? == fetched).then_some(()))?;
    Ok(())
}

/// Reports stages and modules as cloud-init does, by its own code.
const STAGES: &str = r#"
import sys
from cloudinit import reporting
from cloudinit.reporting import events

reporting.update_configuration({"metalman": {"type": "webhook", "endpoint": sys.argv[1], "timeout": 30, "retries": 3}})
for stage in sys.argv[2:]:
    name, _, failing = stage.partition("!")
    with events.ReportEventStack(name, "running modules for " + name, reporting_enabled=True) as parent:
        for module in ("config-write-files", "config-runcmd"):
            with events.ReportEventStack(module, "running " + module, parent=parent) as child:
                if module == failing:
                    child.result = events.status.FAIL
reporting.flush_events()
"#;

/// Runs cloud-init's reporting on the machine for these stages; one may name, after `!`, the module that fails.
fn cloud_init(from: &Namespace, stages: &[&str]) -> anyhow::Result<()> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/cloud-init");
    let unpacked = std::env::var_os("METALMAN_TEST_CLOUD_INIT").map_or(kept, Into::into);
    let packages = unpacked.join("usr/lib/python3/dist-packages");
    ensure!(packages.exists(), "there is no {}: run script/bootstrap", packages.display());
    let mut command = from.command("/usr/bin/python3");
    command.arg("-c").arg(STAGES).arg(format!("{URL}/cloudinit/log")).args(stages);
    command.env("PYTHONPATH", packages).env("NO_PROXY", "*").stdin(Stdio::null());
    let output = command.output().context("python3 does not start; install the Debian package python3")?;
    let said = String::from_utf8_lossy(&output.stderr);
    // A handler that cannot post says so, and exits well.
    ensure!(output.status.success() && !said.contains("Failed posting"), "cloud-init: {} {said}", output.status);
    Ok(())
}

#[test]
fn cloud_inits_own_webhook_handler_reports_to_metalman() -> anyhow::Result<()> {
    let net = Net::new()?;
    let mut site = Site::start(&net.server, FLAGS)?;
    site.register(&[n1()])?;
    cloud_init(&net.client, &["init-network", "modules-config"])?;
    let seen = status(&site)?;
    let (state, message) = condition(&seen, "CloudInitDone");
    assert_eq!(state, "False/Running", "{seen:#}");
    assert!(message.starts_with("modules-config: SUCCESS"), "{message}");

    cloud_init(&net.client, &["modules-final"])?;
    // Whatever was answered is there after a kill.
    let site = site.restart(Signal::SIGKILL, FLAGS, |_| Ok(()))?;
    let seen = status(&site)?;
    assert_eq!(condition(&seen, "CloudInitDone").0, "True/Succeeded", "{seen:#}");
    let last = steps(&seen).pop().context("a step")?;
    assert!(last.0 == "CloudInit" && last.1.starts_with("modules-final: SUCCESS"), "{last:?}");

    // The next boot's first stage begins anew, and a module fails.
    let mut site = site;
    site.eventually("an answer", |_| report(&net.client, "/pxe/disable", &[]).ok().filter(|code| *code == 200))?;
    cloud_init(&net.client, &["init-network", "modules-config!config-runcmd"])?;
    let seen = status(&site)?;
    let (state, message) = condition(&seen, "CloudInitDone");
    assert_eq!(state, "False/Failed", "{seen:#}");
    assert!(message.starts_with("modules-config/config-runcmd: FAIL"), "{message}");
    Ok(())
}
