//! TFTP: a metalman, a client in a namespace of its own, and the wire between them.

mod clients;
mod impaired;
mod many;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    process::Output,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use metalman_core::tftp::{Mode, Packet, Receiver};
use rack::{
    layout::pack_files,
    link::{Config, Impairment, Link},
    netns::Namespace,
    site::{PATIENCE, Site, machine},
};
use tempfile::TempDir;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Also the server's.
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Below 12 machines, from here on.
const FIRST_CLIENT: u8 = 11;

/// Two namespaces with a wire. Fields are dropped in this order.
struct Wire {
    link: Option<Link>,
    server: Namespace,
    client: Namespace,
}

impl Wire {
    fn clean() -> anyhow::Result<Self> {
        let (server, client) = (Namespace::new("server")?, Namespace::new("client")?);
        server.veth("eth0", &client, "eth0")?;
        Self { link: None, server, client }.addressed()
    }

    fn bad(impairment: Impairment, seed: u64) -> anyhow::Result<Self> {
        let (server, client) = (Namespace::new("server")?, Namespace::new("client")?);
        let link = server.run(|| Link::start(Config::symmetric("eth0", "far", impairment, seed)))?;
        server.ip(&format!("link set far netns {} name eth0", client.path().display()))?;
        server.up("eth0")?;
        client.up("eth0")?;
        Self { link: Some(link), server, client }.addressed()
    }

    fn addressed(self) -> anyhow::Result<Self> {
        for address in [SERVER, SECOND] {
            self.server.address("eth0", &format!("{address}/24"))?;
        }
        for host in FIRST_CLIENT..FIRST_CLIENT + 12 {
            self.client.address("eth0", &format!("10.0.0.{host}/24"))?;
        }
        Ok(self)
    }

    /// A metalman whose image has these files, for twelve machines that all are `client`.
    fn site(&self, files: &[(&str, &[u8])]) -> anyhow::Result<(Site<'_>, TempDir)> {
        let layout = tempfile::tempdir()?;
        let metadata: (&str, &[u8]) = ("metadata.yaml", b"dhcpBootImageName: boot.efi\n");
        let boot: (&str, &[u8]) = ("boot.efi", b"never executed");
        pack_files(&[files, &[metadata, boot]].concat(), layout.path(), "1")?;
        let image = format!("oci:{}:1", layout.path().display());
        let mut site = Site::start(&self.server, &[&format!("--serve-url=http://{SERVER}:8880")])?;
        let machines: Vec<_> = (FIRST_CLIENT..FIRST_CLIENT + 12)
            .map(|host| {
                let (mac, address) = (format!("02:00:00:00:00:{host:02x}"), format!("10.0.0.{host}/24"));
                machine(&format!("m{host}"), &mac, &address, &SERVER.to_string(), &image)
            })
            .collect();
        site.register(&machines)?;
        let first = files[0].0;
        site.eventually("the image", |_| self.read(SERVER, FIRST_CLIENT, first, &[]).ok())?;
        Ok((site, layout))
    }

    /// Reads a file as the machine at 10.0.0.`host`, with a client of this house.
    fn read(&self, server: Ipv4Addr, host: u8, name: &str, options: &[(&'static str, u64)]) -> anyhow::Result<Vec<u8>> {
        let socket = self.client.run(|| UdpSocket::bind((Ipv4Addr::new(10, 0, 0, host), 0)))?;
        let began = Instant::now();
        let mut receiver = Receiver::new(name, Mode::Octet, options, Duration::from_secs(1), began.elapsed());
        let mut at = SocketAddr::from((server, 69));
        socket.send_to(receiver.request(), at)?;
        let (mut content, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while !receiver.finished() {
            ensure!(began.elapsed() < PATIENCE, "{name}: {} bytes in {PATIENCE:?}", content.len());
            let pause = receiver.next_deadline().saturating_sub(began.elapsed());
            socket.set_read_timeout(Some(pause.max(Duration::from_millis(1))))?;
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    ensure!(from.ip() == server, "{server} was asked and {from} answered");
                    at = from;
                    let reaction = receiver.packet_received(Packet::parse(&buffer[..length])?, began.elapsed());
                    content.extend_from_slice(reaction.data);
                    if let Some(reply) = reaction.reply {
                        socket.send_to(reply.as_ref(), at)?;
                    }
                }
                Err(_) => drop(socket.send_to(&receiver.timed_out(began.elapsed()), at)?),
            }
            if let Some((code, message)) = receiver.failed() {
                bail!("{name}: error {code}, {message}");
            }
        }
        Ok(content)
    }

    /// Runs a client of that Debian package in a folder; SERVER stands for the address.
    fn run(&self, package: &str, program: &str, arguments: &[&str], folder: &Path) -> anyhow::Result<Output> {
        let arguments = arguments.iter().map(|argument| argument.replace("SERVER", &SERVER.to_string()));
        let output = self.client.command(program).args(arguments).current_dir(folder).output()?;
        // nsenter's own code for a program that is not there.
        ensure!(output.status.code() != Some(127), "{program} does not start; install the Debian package {package}");
        Ok(output)
    }

    /// Runs a client that fetches something into the file `got`.
    fn fetch(&self, package: &str, program: &str, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let folder = tempfile::tempdir()?;
        let output = self.run(package, program, arguments, folder.path())?;
        std::fs::read(folder.path().join("got")).with_context(|| format!("{program} {arguments:?}: {output:?}"))
    }
}

/// Content in which every block differs.
fn content(size: usize) -> Vec<u8> {
    (0..=size as u64 / 8).flat_map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).take(size).collect()
}

/// SHA-256, which failures print instead of megabytes.
fn digest(content: &[u8]) -> String {
    rack::layout::sha256(content)
}

/// Every client, with the options that it has, fetching `NAME` into `got`.
const CLIENTS: [(&str, &str, &[&str]); 7] = [
    ("curl", "curl", &["-sS", "-o", "got", "--tftp-blksize", "1468", "tftp://SERVER/NAME"]),
    ("curl", "curl", &["-sS", "-o", "got", "--tftp-no-options", "tftp://SERVER/NAME"]),
    ("atftp", "atftp", &["--get", "-r", "NAME", "-l", "got", "SERVER"]),
    (
        "atftp",
        "atftp",
        &["--get", "--option", "blksize 1024", "--option", "windowsize 8", "-r", "NAME", "-l", "got", "SERVER"],
    ),
    ("tftp-hpa", "tftp", &["-m", "octet", "SERVER", "-c", "get", "NAME", "got"]),
    ("busybox-static", "busybox", &["tftp", "-g", "-r", "NAME", "-l", "got", "SERVER"]),
    ("busybox-static", "busybox", &["tftp", "-g", "-b", "1400", "-r", "NAME", "-l", "got", "SERVER"]),
];

/// Has every client fetch a file and compares.
fn all_clients_fetch(wire: &Wire, name: &str, expected: &[u8]) -> anyhow::Result<()> {
    for (package, program, arguments) in CLIENTS {
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.replace("NAME", name)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let got = wire.fetch(package, program, &arguments)?;
        ensure!(
            digest(&got) == digest(expected),
            "{program} {arguments:?}: {} of {} bytes, or others",
            got.len(),
            expected.len()
        );
    }
    Ok(())
}
