//! What the DHCP tests share: a segment with hosts on it, the programs that play peers, and a client that says exactly what a
//! test wants to be said.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use metalman_core::{
    api::MacAddr,
    dhcp::{Message, MessageType, Options, code},
};
use rack::{
    netns::Namespace,
    process::Process,
    site::{PATIENCE, machine},
};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

/// How long a client listens before silence counts as silence. No test passes because this is long.
pub(crate) const SILENCE: Duration = Duration::from_millis(600);

/// Hosts on one switch.
pub(crate) struct Segment {
    switch: Namespace,
    ports: std::cell::Cell<u32>,
}

impl Segment {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let switch = Namespace::new("switch")?;
        switch.bridge("br0", &[])?;
        Ok(Self { switch, ports: 0.into() })
    }

    /// Plugs a host in by an interface of that name.
    pub(crate) fn plug(&self, host: &Namespace, interface: &str) -> anyhow::Result<()> {
        let port = self.ports.replace(self.ports.get() + 1);
        let port = format!("p{port}");
        self.switch.veth(&port, host, interface)?;
        Ok(self.switch.plug(&port, "br0")?)
    }

    /// A new host with an `eth0`; its address is such as `10.0.0.1/24`.
    pub(crate) fn host(&self, label: &str, address: Option<&str>) -> anyhow::Result<Namespace> {
        let host = Namespace::new(label)?;
        self.plug(&host, "eth0")?;
        if let Some(address) = address {
            host.address("eth0", address)?;
        }
        Ok(host)
    }

    /// A new host with an `eth0` of that hardware address and without an IP address.
    pub(crate) fn client(&self, mac: &str) -> anyhow::Result<Namespace> {
        let host = self.host("client", None)?;
        host.mac("eth0", mac)?;
        Ok(host)
    }
}

/// A Machine on 10.0.0.0/24, or wherever its address is.
pub(crate) fn lease(name: &str, mac: &str, address: &str) -> Value {
    let gateway = address.rsplit_once('.').map_or("10.0.0.1".to_owned(), |(network, _)| format!("{network}.1"));
    machine(name, mac, address, &gateway, "registry.example/netboot:1")
}

/// The path of a peer.
pub(crate) fn peer(program: &str, package: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
    found.with_context(|| format!("{program} is not installed: apt-get install {package}"))
}

/// What both clients call when something happens: says it, and sets the address so that renewals can be sent.
const SCRIPT: &str = r#"#!/bin/sh
case "$reason$1" in
  BOUND | REBOOT | RENEW | REBIND | bound | renew)
    ip address replace "${new_ip_address:-$ip}/24" dev "$interface" ;;
  RELEASE | EXPIRE | FAIL | STOP | deconfig)
    ip address flush dev "$interface" ;;
esac
echo "EVENT reason=$reason$1 ip=${new_ip_address:-$ip} server=${new_dhcp_server_identifier:-$serverid}" \
  "router=${new_routers:-$router} dns=${new_domain_name_servers:-$dns} host=${new_host_name:-$hostname}" \
  "domain=${new_domain_name:-$domain} ntp=${new_ntp_servers:-$ntpsrv} mtu=${new_interface_mtu:-$mtu}" \
  "mask=${new_subnet_mask:-$subnet} lease=${new_dhcp_lease_time:-$lease}"
"#;

fn script(dir: &Path) -> io::Result<PathBuf> {
    let path = dir.join("script");
    std::fs::write(&path, SCRIPT)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// dhclient on `eth0`, in the foreground. `leases` is what it remembers from before.
pub(crate) fn dhclient(host: &Namespace, dir: &Path, leases: &str, more: &[&str]) -> anyhow::Result<Process> {
    // A copy: where AppArmor confines the installed one, it may not read this folder.
    let program = dir.join("dhclient");
    std::fs::copy(peer("dhclient", "isc-dhcp-client")?, &program)?;
    let (config, remembered) = (dir.join("dhclient.conf"), dir.join("dhclient.leases"));
    std::fs::write(
        &config,
        "timeout 60; initial-interval 1; retry 1; request subnet-mask, routers, domain-name-servers, host-name, domain-name, \
         ntp-servers, interface-mtu;",
    )?;
    std::fs::write(&remembered, leases)?;
    let mut command = host.command(program);
    command.args(["-4", "-d", "-v"]).args(more);
    for (flag, path) in [("-sf", script(dir)?), ("-cf", config), ("-lf", remembered), ("-pf", dir.join("pid"))] {
        command.arg(flag).arg(path);
    }
    command.arg("eth0");
    Ok(Process::start("dhclient", command)?)
}

/// busybox' udhcpc on `eth0`, in the foreground.
pub(crate) fn udhcpc(host: &Namespace, dir: &Path, more: &[&str]) -> anyhow::Result<Process> {
    let mut command = host.command(peer("busybox", "busybox-static")?);
    command.args(["udhcpc", "-f", "-i", "eth0", "-T", "1", "-t", "60", "-s"]).arg(script(dir)?).args(more);
    command.args(["-O", "hostname", "-O", "domain", "-O", "ntpsrv", "-O", "mtu"]);
    Ok(Process::start("udhcpc", command)?)
}

/// tcpdump on `eth0` of everything DHCP and ARP, listening already.
pub(crate) fn capture(host: &Namespace) -> anyhow::Result<Process> {
    let mut command = host.command(peer("tcpdump", "tcpdump")?);
    command.args(["-l", "-n", "-e", "-vv", "-i", "eth0", "udp port 67 or udp port 68 or arp"]);
    let process = Process::start("tcpdump", command)?;
    process.wait_for("capture", PATIENCE, |line| line.contains("listening on"))?;
    Ok(process)
}

/// The ISC relay from `eth0` to a server behind `eth1`.
pub(crate) fn isc_relay(host: &Namespace, server: &str) -> anyhow::Result<Process> {
    let mut command = host.command(peer("dhcrelay", "isc-dhcp-relay")?);
    command.args(["-4", "-d", "--no-pid", "-a", "-id", "eth0", "-iu", "eth1", server]);
    let process = Process::start("dhcrelay", command)?;
    process.wait_for("socket", PATIENCE, |line| line.contains("Sending on   Socket/fallback"))?;
    Ok(process)
}

/// dnsmasq in the foreground with these flags and nothing else.
pub(crate) fn dnsmasq(host: &Namespace, flags: &[&str]) -> anyhow::Result<Process> {
    let mut command = host.command(peer("dnsmasq", "dnsmasq-base")?);
    command.args(["--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file=", "--log-dhcp"]);
    command.arg("--log-facility=-").args(flags);
    let process = Process::start("dnsmasq", command)?;
    process.wait_for("DHCP", PATIENCE, |line| line.contains("DHCP"))?;
    Ok(process)
}

/// A client, or a relay, that says what it is told to say.
pub(crate) struct Teller {
    socket: UdpSocket,
}

impl Teller {
    /// On `eth0` of that host, as a client: port 68, broadcasts.
    pub(crate) fn client(host: &Namespace) -> anyhow::Result<Self> {
        Self::open(host, "0.0.0.0:68", Some("eth0"))
    }

    /// As a relay on that address.
    pub(crate) fn relay(host: &Namespace, address: &str) -> anyhow::Result<Self> {
        Self::open(host, &format!("{address}:67"), None)
    }

    fn open(host: &Namespace, at: &str, interface: Option<&str>) -> anyhow::Result<Self> {
        let at: SocketAddr = at.parse()?;
        let socket = host.run(|| -> io::Result<Socket> {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_broadcast(true)?;
            if let Some(name) = interface {
                socket.bind_device(Some(name.as_bytes()))?;
            }
            socket.bind(&at.into())?;
            Ok(socket)
        })?;
        Ok(Self { socket: socket.into() })
    }

    pub(crate) fn say(&self, message: &Message, to: &str) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        message.encode_into(&mut bytes, 1400);
        self.say_bytes(&bytes, to)
    }

    pub(crate) fn say_bytes(&self, bytes: &[u8], to: &str) -> anyhow::Result<()> {
        let to: SocketAddrV4 = format!("{to}:67").parse()?;
        self.socket.send_to(bytes, to)?;
        Ok(())
    }

    /// The replies to this transaction within the time, each with its source.
    pub(crate) fn hear(&self, xid: u32, wanted: usize, patience: Duration) -> Vec<(Message, SocketAddrV4)> {
        let deadline = Instant::now() + patience;
        let mut heard = Vec::new();
        while heard.len() < wanted {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.socket.set_read_timeout(Some(left)).is_err() {
                break;
            }
            let mut bytes = [0; 2048];
            let Ok((length, SocketAddr::V4(from))) = self.socket.recv_from(&mut bytes) else { continue };
            if let Ok(message) = Message::parse(&bytes[..length])
                && message.xid == xid
                && message.op == 2
            {
                heard.push((message, from));
            }
        }
        heard
    }

    /// Says it and expects one reply.
    pub(crate) fn ask(&self, message: &Message, to: &str) -> anyhow::Result<(Message, SocketAddrV4)> {
        self.say(message, to)?;
        match self.hear(message.xid, 1, PATIENCE).pop() {
            Some(reply) => Ok(reply),
            None => bail!("no reply to {message:?}"),
        }
    }

    /// Says it and expects that nobody replies.
    pub(crate) fn ask_in_vain(&self, message: &Message, to: &str) -> anyhow::Result<()> {
        self.say(message, to)?;
        match self.hear(message.xid, 1, SILENCE).pop() {
            None => Ok(()),
            Some(reply) => bail!("silence was due, and not {reply:?}"),
        }
    }
}

/// A message of a client that asks for replies by broadcast.
pub(crate) fn message(kind: MessageType, mac: &str, xid: u32) -> Message {
    let mac: MacAddr = mac.parse().expect("a MAC address");
    let mut chaddr = [0; 16];
    chaddr[..6].copy_from_slice(&mac.octets());
    let mut options = Options::default();
    options.push(code::MESSAGE_TYPE, &[kind.code()]);
    Message {
        op: 1,
        htype: 1,
        hlen: 6,
        hops: 0,
        xid,
        secs: 0,
        flags: 0x8000,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        siaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        chaddr,
        sname: [0; 64],
        file: [0; 128],
        options,
    }
}

/// The REQUEST that takes up an offer.
pub(crate) fn request(mac: &str, xid: u32, server: &str, address: &str) -> Message {
    let mut message = message(MessageType::Request, mac, xid);
    for (code, address) in [(code::SERVER_IDENTIFIER, server), (code::REQUESTED_ADDRESS, address)] {
        message.options.push(code, &address.parse::<Ipv4Addr>().expect("an address").octets());
    }
    message
}

/// The server identifier of a reply.
pub(crate) fn server_of(message: &Message) -> String {
    let octets = message.options.get(code::SERVER_IDENTIFIER).and_then(|value| <[u8; 4]>::try_from(value).ok());
    octets.map(|octets| Ipv4Addr::from(octets).to_string()).unwrap_or_default()
}

/// Runs a command to its end and returns what it printed, whatever its status.
pub(crate) fn output(mut command: Command) -> anyhow::Result<(bool, String)> {
    let output = command.output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}
