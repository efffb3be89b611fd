//! A TCP relay that fails as told: for servers that die in the middle of an answer, or fall silent.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::netns::Namespace;

/// What becomes of connections.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The first so many end after so many bytes of answer.
    Cut {
        /// How many connections.
        connections: usize,
        /// Bytes to the client.
        after: usize,
    },
    /// Every one is taken, and nothing ever answers.
    Silence,
}

/// A relay. Its threads end with the process.
#[derive(Debug)]
pub struct Proxy {
    cut: Arc<AtomicUsize>,
}

impl Proxy {
    /// Relays from one address of the namespace to another.
    pub fn start(namespace: &Namespace, listen: &str, upstream: &str, fault: Fault) -> anyhow::Result<Self> {
        let upstream: SocketAddr = upstream.parse()?;
        let listener = namespace.run(|| TcpListener::bind(listen))?;
        let cut = Arc::new(AtomicUsize::new(0));
        let counter = cut.clone();
        // Sockets belong to the namespace of the thread that makes them.
        let entered = std::fs::File::open(namespace.path())?;
        thread::spawn(move || {
            nix::sched::setns(&entered, nix::sched::CloneFlags::CLONE_NEWNET).expect("entering an open namespace");
            let mut silent = Vec::new();
            for client in listener.incoming().map_while(Result::ok) {
                match fault {
                    Fault::Silence => silent.push(client),
                    Fault::Cut { connections, after } => {
                        let limit = (counter.load(Ordering::SeqCst) < connections).then_some(after);
                        let Ok(server) = TcpStream::connect(upstream) else { continue };
                        relay(client, server, limit, counter.clone());
                    }
                }
            }
        });
        Ok(Self { cut })
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.cut.load(Ordering::SeqCst)
    }
}

fn relay(client: TcpStream, server: TcpStream, limit: Option<usize>, cuts: Arc<AtomicUsize>) {
    let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
    thread::spawn(move || pump(from_client, to_server, None));
    thread::spawn(move || {
        if pump(server, client, limit) {
            cuts.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// Copies until one side ends or the limit is reached; whether it was.
fn pump(mut from: TcpStream, mut to: TcpStream, limit: Option<usize>) -> bool {
    let mut buffer = vec![0; 64 << 10];
    let mut left = limit.unwrap_or(usize::MAX);
    while left > 0 {
        let most = left.min(buffer.len());
        match from.read(&mut buffer[..most]) {
            Ok(n) if n > 0 && to.write_all(&buffer[..n]).is_ok() => left -= n,
            _ => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    left == 0
}
