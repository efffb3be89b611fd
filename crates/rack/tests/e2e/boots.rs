//! The ways to boot.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rack::{
    netns::Namespace,
    qemu::{Boot, Hardware, Vm},
    site::{Site, machine},
};
use tempfile::TempDir;

use crate::{
    image,
    networks::{OneSegment, Routed, TAP},
};

/// From power-on to userspace: about 20 s under emulation on an idle machine.
const BOOT: Duration = Duration::from_secs(170);

const MAC: &str = "52:54:00:77:00:11";

#[test]
fn pxe_over_tftp_in_interface_mode() {
    let network = OneSegment::new().unwrap();
    let mut site = Site::start(&network.metalman, &["--dhcp-interface=eth0"]).unwrap();
    let boot = BootTest {
        test: "pxe-tftp",
        boot: Boot::Pxe,
        address: "10.77.0.11/24",
        gateway: "10.77.0.1",
        kernel_from: "tftp,10.77.0.1",
        architecture: "x64-uefi",
    };
    boot.run(&mut site, &network.rack);
}

#[test]
fn http_boot_in_interface_mode() {
    let network = OneSegment::new().unwrap();
    let mut site = Site::start(&network.metalman, &["--dhcp-interface=eth0"]).unwrap();
    let boot = BootTest {
        test: "http",
        boot: Boot::Http,
        address: "10.77.0.11/24",
        gateway: "10.77.0.1",
        kernel_from: "http,10.77.0.1:8880",
        architecture: "x64-uefi-http",
    };
    boot.run(&mut site, &network.rack);
}

#[test]
fn pxe_through_a_relay() {
    let network = Routed::new().unwrap();
    let mut site = Site::start(&network.metalman, &["--serve-url=http://10.78.0.1:8880"]).unwrap();
    let boot = BootTest {
        test: "pxe-relay",
        boot: Boot::Pxe,
        address: "10.79.0.11/24",
        gateway: "10.79.0.1",
        kernel_from: "tftp,10.78.0.1",
        architecture: "x64-uefi",
    };
    boot.run(&mut site, &network.rack);
}

/// One way to boot, and what the machine must know in the end.
struct BootTest {
    test: &'static str,
    boot: Boot,
    address: &'static str,
    gateway: &'static str,
    /// Where GRUB takes the kernel from, as it spells it.
    kernel_from: &'static str,
    architecture: &'static str,
}

impl BootTest {
    fn run(&self, site: &mut Site<'_>, rack: &Namespace) {
        let folder = TempDir::new().unwrap();
        let image = image::build(folder.path()).unwrap();
        // The other Machine has the same image: what the first one sees must be its own all the same.
        let other = self.address.replace(".11/", ".12/");
        let mut booted = machine("server-17", MAC, self.address, self.gateway, &image);
        booted["spec"]["pxe"]["dhcpLeases"][0]["hostname"] = "r1-server-17".into();
        site.register(&[booted, machine("server-18", "52:54:00:77:00:12", &other, self.gateway, &image)]).unwrap();
        let ready = ["wait", "--for=condition=ImageReady", "--timeout=60s", "machine/server-17", "machine/server-18"];
        site.kubectl(&ready, "").unwrap();
        let digest = site.kubectl(&["get", "machine", "server-17", "-o=jsonpath={.status.image.digest}"], "").unwrap();
        assert!(digest.starts_with("sha256:"), "{digest:?}");

        let hardware = Hardware {
            name: self.test.into(),
            mac: MAC.into(),
            tap: TAP.into(),
            boot: self.boot,
            log: Some(log(self.test)),
            show: false,
        };
        let mut vm = Vm::start(&hardware, |program| rack.command(program)).unwrap();
        let address = self.address.split('/').next().unwrap_or_default();
        let done = format!("METALMAN-DEMO machine=server-17 address={address} hostname=r1-server-17 done");
        let fatal = |line: &str| line.contains("METALMAN-DEMO FAILED") || line.contains("Kernel panic");
        vm.wait_for("the machine's own name from userspace", BOOT, |line| line == done, fatal).unwrap();

        let console = vm.lines();
        for said in [
            format!("METALMAN-DEMO grub: server-17 fetches its kernel from {}", self.kernel_from),
            format!("METALMAN-DEMO userspace machine=server-17 firmware={}", self.architecture),
            format!("METALMAN-DEMO hello server-17: your address is {address}, your image {digest}"),
        ] {
            assert!(console.iter().any(|line| line.starts_with(&said)), "no line {said:?} in\n{}", console.join("\n"));
        }
    }
}

/// Where the console of a test is kept.
fn log(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e");
    fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{test}.console"))
}
