//! How a machine reads files and tells of itself: TFTP and HTTP from its own address. Content is read and dropped; only the
//! beginning of a file is kept, for menus.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use metalman_core::tftp::{Mode, Packet, Receiver};
use serde_json::Value;
use tokio::{
    net::{TcpSocket, UdpSocket},
    time::{Instant, timeout, timeout_at},
};

use super::loader::{Fetch, Origin};

/// How much of a file is kept.
const KEPT: usize = 64 << 10;
/// Silence after which a TFTP client sends its last packet again, and how often in a row.
const TFTP_TIMEOUT: Duration = Duration::from_secs(1);
const TFTP_PATIENCE: u32 = 10;
/// The block size that PXE firmware asks for: what fits an Ethernet frame.
const BLKSIZE: u64 = 1468;
/// A client that hears nothing for so long gives up.
const HTTP_PATIENCE: Duration = Duration::from_secs(30);

/// Reads a file; its beginning.
pub(super) async fn fetch(from: Ipv4Addr, fetch: &Fetch, tftp_port: u16) -> Result<Vec<u8>, String> {
    match &fetch.origin {
        Origin::Tftp(server) => tftp(from, SocketAddrV4::new(*server, tftp_port), &fetch.path).await,
        Origin::Http(server) => request(from, *server, &fetch.path, None).await,
    }
}

/// Sends a report: a POST with that body, a GET without one.
pub(super) async fn report(from: Ipv4Addr, base: &str, path: &str, body: Option<&Value>) -> Result<(), String> {
    let Some((Origin::Http(server), _)) = Origin::of_url(base) else {
        return Err(format!("nobody to tell {path}: the kernel was given no metalman.url"));
    };
    request(from, server, path, body.map(Value::to_string)).await.map(drop)
}

async fn tftp(from: Ipv4Addr, server: SocketAddrV4, name: &str) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("TFTP {name}: {error}");
    let socket = UdpSocket::bind(SocketAddrV4::new(from, 0)).await.map_err(failed)?;
    let started = Instant::now();
    let options = [("tsize", 0), ("blksize", BLKSIZE)];
    let mut receiver = Receiver::new(name, Mode::Octet, &options, TFTP_TIMEOUT, Duration::ZERO);
    socket.send_to(receiver.request(), server).await.map_err(failed)?;
    // The server answers from another port, which is the peer from then on (RFC 1350, section 4).
    let (mut peer, mut silences) = (None, 0);
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 2048]);
    while !receiver.finished() {
        let deadline = started + receiver.next_deadline();
        let answer = match timeout_at(deadline, socket.recv_from(&mut buffer)).await {
            Err(_) if silences == TFTP_PATIENCE => return Err(format!("TFTP {name}: no answer")),
            Err(_) => {
                silences += 1;
                Some(receiver.timed_out(started.elapsed()))
            }
            Ok(received) => {
                let (length, sender) = received.map_err(failed)?;
                if sender.ip() != *server.ip() || peer.is_some_and(|peer| peer != sender) {
                    continue;
                }
                peer = Some(sender);
                silences = 0;
                let Ok(packet) = Packet::parse(&buffer[..length]) else { continue };
                let reaction = receiver.packet_received(packet, started.elapsed());
                kept.extend_from_slice(&reaction.data[..reaction.data.len().min(KEPT - kept.len())]);
                reaction.reply.map(|reply| reply.as_ref().to_vec())
            }
        };
        if let Some((code, message)) = receiver.failed() {
            return Err(format!("TFTP {name}: error {code}: {message}"));
        }
        if let Some(answer) = answer {
            socket.send_to(&answer, peer.unwrap_or(server.into())).await.map_err(failed)?;
        }
    }
    Ok(kept)
}

async fn request(from: Ipv4Addr, server: SocketAddrV4, path: &str, body: Option<String>) -> Result<Vec<u8>, String> {
    let failed = |error: String| format!("http://{server}{path}: {error}");
    let connecting = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddrV4::new(from, 0).into())?;
        socket.connect(server.into()).await
    };
    let stream = timeout(HTTP_PATIENCE, connecting).await.map_err(|_| failed("no connection".to_owned()))?;
    let stream = TokioIo::new(stream.map_err(|error| failed(error.to_string()))?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| failed(error.to_string()))?;
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, server.to_string());
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let body = Full::new(Bytes::from(body.unwrap_or_default()));
    let request = request.body(body).map_err(|error| failed(error.to_string()))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
        let status = response.status();
        let mut body = response.into_body();
        let mut kept = Vec::new();
        while let Some(frame) = timeout(HTTP_PATIENCE, body.frame()).await.map_err(|_| failed("silence".to_owned()))? {
            let frame = frame.map_err(|error| failed(error.to_string()))?;
            if let Some(data) = frame.data_ref() {
                kept.extend_from_slice(&data[..data.len().min(KEPT - kept.len())]);
            }
        }
        if status.is_success() { Ok(kept) } else { Err(failed(status.to_string())) }
    };
    // The connection is driven here, so that it ends with the machine's power.
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(timeout(4 * HTTP_PATIENCE, exchange));
    let mut open = true;
    loop {
        tokio::select! {
            ended = &mut exchange => return ended.unwrap_or_else(|_| Err(failed("no end".to_owned()))),
            _ = &mut connection, if open => open = false,
        }
    }
}
