//! A network with servers on one side and a fleet behind a relay on the other, and the image that it installs.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    time::Duration,
};

use rack::{
    bmc::{BootSource, Credentials, Profile, Timings},
    fleet::{Behaviour, Bmcs, Config, JOURNAL, Link, Network, manifest::Registration},
    layout,
    netns::Namespace,
};
use serde_json::Value;

/// Patience that suits BMCs which are quick.
pub(crate) const QUICK: [&str; 5] = [
    "--bmc-poll-period=500ms",
    "--bmc-idle-poll-period=1m",
    "--power-settle-time=300ms",
    "--power-retry-period=5s",
    "--power-timeout=30s",
];

/// The machines' end of the wire.
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 2);
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 0, 0);
const MACHINES: Ipv4Addr = Ipv4Addr::new(10, 64, 128, 0);
const BMCS: Ipv4Addr = Ipv4Addr::new(10, 65, 0, 0);

/// The menu: installs what is to be installed, and leaves the rest to the disk.
const MENU: &str = r#"
{{- if gt .Machine.Spec.Operations.RepaveCounter .Machine.Status.Operations.RepaveCounter -}}
set root=http,{{ trimPrefix "http://" .ServeURL }}
linux /vmlinuz metalman.url={{ .ServeURL }} metalman.image={{ .ServeURL }}/disk.img
initrd /initrd.gz
{{- else -}}
exit 1
{{- end }}
"#;

/// A switch with hosts.
pub(crate) struct Yard {
    switch: Namespace,
    /// Where fleets live.
    pub(crate) machines: Namespace,
}

impl Yard {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (switch, machines) = (Namespace::new("switch")?, Namespace::new("machines")?);
        switch.bridge("br0", &[])?;
        switch.veth("machines", &machines, "eth0")?;
        switch.plug("machines", "br0")?;
        machines.address("eth0", &format!("{RELAY}/16"))?;
        // All machines' and BMCs' addresses are local to this end; servers reach them through one neighbour, as they reach a
        // relayed network.
        machines.ip("route add local 10.64.128.0/17 dev lo")?;
        machines.ip("route add local 10.65.0.0/16 dev lo")?;
        Ok(Self { switch, machines })
    }

    /// A host for a metalman: number 1 is 10.64.0.1; 2 is the machines'.
    pub(crate) fn server(&self, number: u8) -> anyhow::Result<Namespace> {
        let server = Namespace::new("server")?;
        let port = format!("server{number}");
        self.switch.veth(&port, &server, "eth0")?;
        self.switch.plug(&port, "br0")?;
        server.address("eth0", &format!("10.64.0.{number}/16"))?;
        server.ip(&format!("route add 10.64.128.0/17 via {RELAY}"))?;
        server.ip(&format!("route add 10.65.0.0/16 via {RELAY}"))?;
        Ok(server)
    }

    /// A fleet of machines without anything on their disks, behind plain BMCs over HTTP, served by 10.64.0.1.
    pub(crate) fn fleet(machines: u32, first: u32) -> Config {
        let quick = Duration::from_millis(100);
        Config {
            machines,
            prefix: "m".to_owned(),
            first,
            network: Network {
                servers: vec![Ipv4Addr::new(10, 64, 0, 1)],
                http_port: 8880,
                dhcp_port: 67,
                tftp_port: 69,
                link: Link::Relay(RELAY),
                first: after(MACHINES, 1 + first),
                subnet_mask: MASK,
                gateway: RELAY,
            },
            bmcs: Bmcs {
                first: SocketAddrV4::new(after(BMCS, 1 + first), 8000),
                profiles: vec![Profile::plain()],
                systems: 1,
                tls: false,
                credentials: Credentials { username: "admin".to_owned(), password: "secret".to_owned() },
                timings: Timings { power_on: quick, power_off: quick, post: 3 * quick, shutdown: None },
                delay: Duration::ZERO,
                dead: 0,
                faulty: 0,
                chaos: 0,
                journal: JOURNAL,
            },
            order: vec![BootSource::Disk, BootSource::Pxe, BootSource::UefiHttp],
            behaviour: Behaviour::default(),
            running: false,
            nodes: None,
            seed: 1,
        }
    }
}

fn after(first: Ipv4Addr, count: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(first.to_bits() + count)
}

/// Registers with an image that there is, in that folder.
pub(crate) fn registration(folder: &Path, site: Option<&str>) -> anyhow::Result<Registration> {
    let layout = folder.join("layout");
    let content = |byte: u8, size: usize| vec![byte; size];
    let (boot, http) = (content(1, 100 << 10), content(2, 100 << 10));
    let (kernel, initrd, disk) = (content(3, 1 << 20), content(4, 1 << 20), content(5, 2 << 20));
    let files: &[(&str, &[u8])] = &[
        ("metadata.yaml", b"bootFiles: {x64-uefi: boot.efi, x64-uefi-http: http.efi}\n"),
        ("boot.efi", &boot),
        ("http.efi", &http),
        ("grub/grub.cfg.tmpl", MENU.as_bytes()),
        ("vmlinuz", &kernel),
        ("initrd.gz", &initrd),
        ("disk.img", &disk),
    ];
    if !layout.exists() {
        std::fs::create_dir_all(&layout)?;
        layout::pack_files(files, &layout, "1")?;
    }
    Ok(Registration {
        image: format!("oci:{}:1", layout.display()),
        site: site.map(str::to_owned),
        namespace: "unbounded-kube".to_owned(),
    })
}

/// A condition as `status/reason: message`.
pub(crate) fn condition(status: &Value, type_: &str) -> Option<String> {
    let condition = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)?;
    let word = |key: &str| condition[key].as_str().unwrap_or_default();
    Some(format!("{}/{}: {}", word("status"), word("reason"), word("message")))
}

/// Whether its image is there.
pub(crate) fn has_image(status: &Value) -> bool {
    condition(status, "ImageReady").is_some_and(|text| text.starts_with("True"))
}

/// Whether the reboot of that number is done, with nothing left of it.
pub(crate) fn rebooted(status: &Value, counter: i64) -> bool {
    status["operations"]["rebootCounter"] == counter && condition(status, "PoweredOff").is_none()
}
