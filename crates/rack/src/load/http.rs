//! An HTTP/1.1 client that reads one large file: GET, Content-Length checked, content read and dropped or hashed.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use metalman_core::netboot::hex;
use nix::sys::socket::{MsgFlags, recv};
use serde::Serialize;
use socket2::{Domain, Socket, Type};

use super::{LoadError, usage};

const BUFFER: usize = 512 << 10;
/// A machine that hears nothing for so long gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// What becomes of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Copied out of the kernel, as every real client does.
    Read,
    /// Dropped inside the kernel (`MSG_TRUNC`): the cheapest possible client, which leaves the cores to the server.
    Discard,
    /// Read and hashed.
    Hash,
}

/// What is read.
#[derive(Debug, Clone)]
pub struct Request {
    /// The server.
    pub server: SocketAddrV4,
    /// Path and query.
    pub path: String,
    /// What to do with the content.
    pub content: Content,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Received {
    /// Octets of content.
    pub bytes: u64,
    /// Of the content, in hexadecimal; only when hashed.
    pub sha256: Option<String>,
}

/// What many clients saw together.
#[derive(Debug, Clone, Serialize)]
pub struct Load {
    /// How many read at once.
    pub clients: u32,
    /// Octets of content, all together.
    pub bytes: u64,
    /// From the first connection to the last octet.
    pub seconds: f64,
    /// 10^6 octets a second.
    pub mb_per_second: f64,
    /// CPU seconds of the server and its children, when its process is known.
    pub server_cpu_seconds: Option<f64>,
    /// 10^6 octets for each of these.
    pub mb_per_cpu_second: Option<f64>,
}

/// Reads one file from the address `from`.
pub fn read(request: &Request, from: Ipv4Addr) -> Result<Received, LoadError> {
    let mut stream = connect(request.server, from)?;
    let head = format!("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", request.path, request.server);
    stream.write_all(head.as_bytes()).map_err(LoadError::io("send to", &request.server))?;
    let (length, body) = response_head(&mut stream, request)?;

    let mut hash = (request.content == Content::Hash).then(|| digest::Context::new(&digest::SHA256));
    if let Some(hash) = &mut hash {
        hash.update(&body);
    }
    let mut bytes = body.len() as u64;
    let mut buffer = vec![0; BUFFER];
    while bytes < length {
        let most = usize::try_from(length - bytes).unwrap_or(BUFFER).min(BUFFER);
        let got = if request.content == Content::Discard {
            recv(stream.as_raw_fd(), &mut buffer[..most], MsgFlags::MSG_TRUNC).map_err(std::io::Error::from)
        } else {
            stream.read(&mut buffer[..most])
        };
        let got = got.map_err(LoadError::io("receive from", &request.server))?;
        if got == 0 {
            return Err(protocol(request, &format!("{bytes} octets instead of {length}")));
        }
        if let Some(hash) = &mut hash {
            hash.update(&buffer[..got]);
        }
        bytes += got as u64;
    }
    Ok(Received { bytes, sha256: hash.map(|hash| hex(hash.finish().as_ref())) })
}

/// Lets `clients` read the same file at once, `rounds` times each, from `from`, `from + 1` and so on.
pub fn load(
    request: &Request,
    from: Ipv4Addr,
    clients: u32,
    rounds: u32,
    server: Option<u32>,
) -> Result<Load, LoadError> {
    let cpu = |pid: Option<u32>| pid.map(usage::cpu_seconds).transpose();
    let before = cpu(server)?;
    let start = Instant::now();
    let bytes = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..clients)
            .map(|client| {
                let from = Ipv4Addr::from(u32::from(from).wrapping_add(client));
                scope.spawn(move || {
                    (0..rounds).try_fold(0, |bytes, _| Ok::<u64, LoadError>(bytes + read(request, from)?.bytes))
                })
            })
            .collect();
        readers.into_iter().try_fold(0, |bytes, reader| match reader.join() {
            Ok(read) => Ok::<u64, LoadError>(bytes + read?),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let server_cpu_seconds = before.zip(cpu(server)?).map(|(before, after)| after - before);
    #[allow(clippy::cast_precision_loss)]
    let megabytes = bytes as f64 / 1e6;
    Ok(Load {
        clients,
        bytes,
        seconds,
        mb_per_second: megabytes / seconds,
        server_cpu_seconds,
        mb_per_cpu_second: server_cpu_seconds.map(|cpu| megabytes / cpu.max(0.01)),
    })
}

fn connect(server: SocketAddrV4, from: Ipv4Addr) -> Result<TcpStream, LoadError> {
    let failed = |source| LoadError::Io { operation: "connect TCP", object: format!("{server} from {from}"), source };
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(failed)?;
    socket.bind(&SocketAddrV4::new(from, 0).into()).map_err(failed)?;
    socket.connect(&server.into()).map_err(failed)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    Ok(stream)
}

/// The content's length, and what of it came along with the head.
fn response_head(stream: &mut TcpStream, request: &Request) -> Result<(u64, Vec<u8>), LoadError> {
    const LONGEST: usize = 16 << 10;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    let end = loop {
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let got = stream.read(&mut buffer).map_err(LoadError::io("receive from", &request.server))?;
        if got == 0 || head.len() > LONGEST {
            return Err(protocol(request, "no response head"));
        }
        head.extend_from_slice(&buffer[..got]);
    };
    let body = head.split_off(end + 4);
    let text = String::from_utf8_lossy(&head);
    let mut lines = text.lines();
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(protocol(request, status));
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    match length {
        Some(length) => Ok((length, body)),
        None => Err(protocol(request, "no Content-Length")),
    }
}

fn protocol(request: &Request, what: &str) -> LoadError {
    LoadError::Protocol { server: request.server.to_string(), what: format!("{}: {what}", request.path) }
}

#[cfg(test)]
mod tests;
