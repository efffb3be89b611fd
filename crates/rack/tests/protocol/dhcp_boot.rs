//! What firmware is offered: a boot file of its own for each architecture, out of the Machine's image.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::Context;
use metalman_core::dhcp::{Message, MessageType, code};
use rack::{
    layout,
    netns::Namespace,
    site::{PATIENCE, Site},
};

use crate::dhcp_peers::{Segment, Teller, lease, message, request};

const MAC: &str = "02:00:00:00:00:71";

fn text(message: &Message, code: u8) -> String {
    let value = message.options.get(code).unwrap_or_default();
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

fn file(message: &Message) -> String {
    String::from_utf8_lossy(&message.file).trim_end_matches('\0').to_owned()
}

/// What that boot program says in every message.
fn says(mut message: Message, class: &str, architecture: u16) -> Message {
    message.options.push(code::VENDOR_CLASS, class.as_bytes());
    message.options.push(code::CLIENT_ARCHITECTURES, &architecture.to_be_bytes());
    message.options.push(code::PARAMETER_REQUEST_LIST, &[1, 3, 6, 60, 66, 67]);
    message
}

/// A GET of that path, from that host.
fn get(host: &Namespace, at: &str, path: &str) -> anyhow::Result<String> {
    let at: SocketAddr = at.parse()?;
    let mut stream = host.run(|| TcpStream::connect_timeout(&at, PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").context("an answer")?.1.to_owned())
}

#[test]
fn each_firmware_is_offered_its_own_file() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (server, client) = (segment.host("server", Some("10.0.0.1/24"))?, segment.client(MAC)?);
    let images = tempfile::tempdir()?;
    let metadata = "bootFiles: {x86-bios: bios.0, x64-uefi: grub/x64.efi, x64-uefi-http: http.efi, ipxe: menu.ipxe}\n";
    let files: [(&str, &[u8]); 6] = [
        ("metadata.yaml", metadata.as_bytes()),
        ("bios.0", b"bios"),
        ("grub/x64.efi", b"uefi"),
        ("http.efi", b"http"),
        ("menu.ipxe", b"ipxe"),
        ("who.tmpl", b"{{ .Machine.Name }} on {{ .Arch }}"),
    ];
    layout::pack_files(&files, images.path(), "v1")?;
    let mut site = Site::start(&server, &["--dhcp-interface=eth0"])?;
    let mut machine = lease("n1", MAC, "10.0.0.11/24");
    machine["spec"]["pxe"]["image"] = format!("oci:{}:v1", images.path().display()).into();
    site.register(&[machine])?;
    site.metric_reaches("metalman_leader", 1.0)?;
    let teller = Teller::client(&client)?;

    // Silence until the image is here; then, in the order in which one machine might come: each kind of client.
    let asks = [
        ("PXEClient:Arch:00000:UNDI:002001", 0, "bios.0", "PXEClient", "x86-bios"),
        ("PXEClient:Arch:00007:UNDI:003016", 7, "grub/x64.efi", "PXEClient", "x64-uefi"),
        ("HTTPClient:Arch:00016:UNDI:003001", 16, "http://10.0.0.1:8880/http.efi", "HTTPClient", "x64-uefi-http"),
    ];
    let first = says(message(MessageType::Discover, MAC, 1), asks[0].0, asks[0].1);
    site.eventually("offer to firmware", |_| {
        teller.say(&first, "255.255.255.255").ok()?;
        (!teller.hear(1, 1, Duration::from_millis(100)).is_empty()).then_some(())
    })?;
    client.address("eth0", "10.0.0.11/24")?;
    for (xid, (class, architecture, expected, answered, name)) in (10..).step_by(2).zip(asks) {
        let discover = says(message(MessageType::Discover, MAC, xid), class, architecture);
        let (offer, _) = teller.ask(&discover, "255.255.255.255")?;
        let (ack, _) = teller
            .ask(&says(request(MAC, xid + 1, "10.0.0.1", "10.0.0.11"), class, architecture), "255.255.255.255")?;
        assert_eq!(ack.message_type(), Some(MessageType::Ack));
        for reply in [&offer, &ack] {
            let named = [file(reply), text(reply, code::BOOT_FILE)];
            assert!(named.iter().all(|named| named == expected || named.is_empty()), "{named:?}");
            assert!(named.iter().any(|named| named == expected), "{named:?}");
            assert_eq!(text(reply, code::VENDOR_CLASS), answered);
            assert_eq!(reply.siaddr.to_string(), "10.0.0.1");
        }
        // Templates see what the firmware said of itself.
        assert_eq!(get(&client, "10.0.0.1:8880", "/who")?, format!("n1 on {name}"));
    }

    let mut ipxe = says(message(MessageType::Discover, MAC, 30), "PXEClient:Arch:00007:UNDI:003010", 7);
    ipxe.options.push(code::USER_CLASS, b"iPXE");
    let (offer, _) = teller.ask(&ipxe, "255.255.255.255")?;
    let named = [file(&offer), text(&offer, code::BOOT_FILE)];
    assert!(named.iter().any(|named| named.ends_with("menu.ipxe")), "{named:?}");

    let arm = says(message(MessageType::Discover, MAC, 31), "PXEClient:Arch:00011:UNDI:003000", 11);
    teller.ask_in_vain(&arm, "255.255.255.255")?;
    site.metric_reaches("metalman_dhcp_ignored_total{reason=\"no_boot_file\"}", 1.0)
}
