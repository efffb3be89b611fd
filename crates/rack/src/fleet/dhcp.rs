//! The DHCP of all machines of a fleet: one socket, that of a simulated relay or of an interface, and whose answer is whose.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use metalman_core::dhcp::{CLIENT_PORT, Message, MessageType, Options, SMALLEST_MAX_PAYLOAD, code};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    loader::Origin,
    machine::{Asker, Lease},
};

/// How long firmware waits for an answer: as often, and each time so long. RFC 2131, 4.1 has it wait longer.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(4)];
/// The flag by which a client without an address asks for a broadcast (RFC 2131, section 2).
const BROADCAST: u16 = 0x8000;

/// How machines reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// By a relay with this address, which must be one of this host; the server answers to its port 67.
    Relay(Ipv4Addr),
    /// By broadcast on this interface.
    Broadcast(String),
}

/// The clients.
#[derive(Debug)]
pub(super) struct Clients {
    socket: Arc<UdpSocket>,
    servers: Vec<SocketAddrV4>,
    relay: Option<Ipv4Addr>,
    waiting: Arc<Waiting>,
    next: AtomicU32,
    _stop: DropGuard,
}

type Waiting = Mutex<HashMap<u32, mpsc::UnboundedSender<Message>>>;

/// Takes its transaction out of the list when the machine loses power in the middle.
struct Transaction<'a> {
    waiting: &'a Waiting,
    xid: u32,
    replies: mpsc::UnboundedReceiver<Message>,
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.xid);
    }
}

impl Clients {
    /// Needs a tokio runtime.
    pub(super) fn start(link: &Link, servers: Vec<SocketAddrV4>, seed: u64) -> anyhow::Result<Self> {
        let (socket, servers, relay) = match link {
            Link::Relay(relay) => {
                let at = SocketAddrV4::new(*relay, metalman_core::dhcp::SERVER_PORT);
                let socket = bound(at, None).with_context(|| format!("the relay's socket at {at}"))?;
                (socket, servers, Some(*relay))
            }
            Link::Broadcast(interface) => {
                let at = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
                let socket =
                    bound(at, Some(interface)).with_context(|| format!("a socket for broadcasts on {interface}"))?;
                // One broadcast reaches all that listen on a port.
                let mut ports: Vec<_> = servers.iter().map(SocketAddrV4::port).collect();
                ports.dedup();
                let everybody = |port| SocketAddrV4::new(Ipv4Addr::BROADCAST, port);
                (socket, ports.into_iter().map(everybody).collect(), None)
            }
        };
        let (socket, waiting, stop) = (Arc::new(socket), Arc::new(Waiting::default()), CancellationToken::new());
        let delivering = deliver(socket.clone(), waiting.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(delivering));
        // Transactions of two fleets on one segment differ, and those of one fleet do not repeat.
        let next = AtomicU32::new(u32::try_from((seed ^ (seed >> 32)) & 0xffff_ffff).unwrap_or_default());
        Ok(Self { socket, servers, relay, waiting, next, _stop: stop.drop_guard() })
    }

    /// DISCOVER, OFFER, REQUEST, ACK.
    pub(super) async fn exchange(&self, mac: [u8; 6], asker: Asker) -> Result<Lease, String> {
        let (told, replies) = mpsc::unbounded_channel();
        let xid = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(xid, told);
        let mut transaction = Transaction { waiting: &self.waiting, xid, replies };

        let discover = self.message(MessageType::Discover, mac, xid, asker);
        let offer = self.ask(&discover, MessageType::Offer, &mut transaction).await?;
        let mut request = self.message(MessageType::Request, mac, xid, asker);
        // RFC 2131, 4.3.2: a client that selects names the server and the address.
        let server = offer.options.get(code::SERVER_IDENTIFIER).unwrap_or_default();
        request.options.push(code::SERVER_IDENTIFIER, server);
        request.options.push(code::REQUESTED_ADDRESS, &offer.yiaddr.octets());
        let ack = self.ask(&request, MessageType::Ack, &mut transaction).await?;
        Ok(Lease { address: ack.yiaddr, boot: boot(&ack, asker) })
    }

    async fn ask(&self, message: &Message, wanted: MessageType, from: &mut Transaction<'_>) -> Result<Message, String> {
        let mut packet = Vec::new();
        message.encode_into(&mut packet, SMALLEST_MAX_PAYLOAD);
        for wait in WAITS {
            for server in &self.servers {
                self.socket.send_to(&packet, server).await.map_err(|error| format!("DHCP cannot be sent: {error}"))?;
            }
            let deadline = Instant::now() + wait;
            while let Ok(Some(reply)) = timeout_at(deadline, from.replies.recv()).await {
                match reply.message_type() {
                    Some(kind) if kind == wanted => return Ok(reply),
                    Some(MessageType::Nak) => return Err("the DHCP server said no".to_owned()),
                    _ => {}
                }
            }
        }
        Err(format!("no {wanted:?}"))
    }

    fn message(&self, kind: MessageType, mac: [u8; 6], xid: u32, asker: Asker) -> Message {
        let mut options = Options::default();
        options.push(code::MESSAGE_TYPE, &[kind.code()]);
        options.push(code::MAX_MESSAGE_SIZE, &1472_u16.to_be_bytes());
        options.push(code::PARAMETER_REQUEST_LIST, &[1, 3, 6, 12, 15, 28, 51, 54, 60, 66, 67]);
        let (class, architecture): (&[u8], u16) = match asker {
            Asker::Pxe => (b"PXEClient:Arch:00007:UNDI:003016", 7),
            Asker::UefiHttp => (b"HTTPClient:Arch:00016:UNDI:003016", 16),
            Asker::System => (b"", 0),
        };
        if asker != Asker::System {
            options.push(code::VENDOR_CLASS, class);
            options.push(code::CLIENT_ARCHITECTURES, &architecture.to_be_bytes());
        }
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&mac);
        Message {
            op: 1,
            htype: 1,
            hlen: 6,
            hops: u8::from(self.relay.is_some()),
            xid,
            secs: 0,
            flags: if self.relay.is_some() { 0 } else { BROADCAST },
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: self.relay.unwrap_or(Ipv4Addr::UNSPECIFIED),
            chaddr,
            sname: [0; 64],
            file: [0; 128],
            options,
        }
    }
}

/// What the firmware is told to boot: a file and its TFTP server (RFC 2131, section 2; RFC 2132, 9.4 and 9.5), or a URL.
fn boot(ack: &Message, asker: Asker) -> Option<(Origin, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
    let file = ack.options.get(code::BOOT_FILE).map_or_else(|| text(&ack.file), text);
    if file.is_empty() {
        return None;
    }
    match asker {
        Asker::System => None,
        Asker::UefiHttp => Origin::of_url(&file),
        Asker::Pxe => {
            let named = ack.options.get(code::TFTP_SERVER_NAME).and_then(|name| text(name).parse().ok());
            let server = if ack.siaddr.is_unspecified() { named? } else { ack.siaddr };
            Some((Origin::Tftp(server), file))
        }
    }
}

fn bound(at: SocketAddrV4, interface: Option<&str>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    if let Some(interface) = interface {
        socket.set_reuse_address(true)?;
        socket.set_broadcast(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    // A thousand machines may be switched on at once.
    let _ = socket.set_recv_buffer_size(4 << 20);
    socket.bind(&at.into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// Hands every reply to the machine whose transaction it answers.
async fn deliver(socket: Arc<UdpSocket>, waiting: Arc<Waiting>) {
    let mut buffer = vec![0; 2048];
    loop {
        let Ok((length, _)) = socket.recv_from(&mut buffer).await else {
            // An ICMP error of a server that is restarting.
            continue;
        };
        let Ok(reply) = Message::parse(&buffer[..length]) else { continue };
        if reply.op == 2
            && let Some(machine) = waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&reply.xid)
        {
            let _ = machine.send(reply);
        }
    }
}
