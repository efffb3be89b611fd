//! Bytes on the wire: requests that no client library would send.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{child::DEADLINE, http::configuration};

/// A way to the server's TLS port.
#[derive(Clone)]
pub(crate) struct Wire {
    tls: ClientConfig,
    address: SocketAddr,
}

/// An answer, as far as it matters.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) head: String,
    /// Only read for failures.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The failure's `Status`, checked for form.
    #[track_caller]
    pub(crate) fn status(&self, of: &str) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        let status: Value = serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} without a Status: {}{text:?}\n{of}", self.code, self.head));
        let well_formed = status["kind"] == "Status"
            && status["apiVersion"] == "v1"
            && status["status"] == "Failure"
            && status["code"] == self.code
            && status["message"].as_str().is_some_and(|m| !m.is_empty())
            && status["reason"].as_str().is_some_and(|m| !m.is_empty());
        assert!(well_formed, "{status}\n{of}");
        assert!(self.head.to_lowercase().contains("content-type: application/json"), "{}\n{of}", self.head);
        status
    }
}

impl Wire {
    pub(crate) async fn admin(kubeconfig: &str, address: SocketAddr) -> Self {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let config = configuration(kubeconfig).await;
        let mut roots = RootCertStore::empty();
        for der in config.root_cert.unwrap() {
            roots.add(CertificateDer::from(der)).unwrap();
        }
        let certificate = BASE64_STANDARD.decode(config.auth_info.client_certificate_data.unwrap()).unwrap();
        let chain = CertificateDer::pem_slice_iter(&certificate).map(Result::unwrap).collect();
        let key = kube::config::Kubeconfig::from_yaml(kubeconfig).unwrap().auth_infos.remove(0).auth_info.unwrap();
        let key = serde_json::to_value(key).unwrap()["client-key-data"].as_str().unwrap().to_owned();
        let key = PrivateKeyDer::from_pem_slice(&BASE64_STANDARD.decode(key).unwrap()).unwrap();
        let tls = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
        Self { tls, address }
    }

    /// The port, without TLS.
    pub(crate) async fn tcp(&self) -> TcpStream {
        timeout(DEADLINE, TcpStream::connect(self.address)).await.expect("connected in time").unwrap()
    }
    /// A TLS connection for HTTP/1.1.
    pub(crate) async fn tls(&self) -> TlsStream<TcpStream> {
        self.handshake(&[]).await
    }
    /// A TLS connection for HTTP/2, before the preface.
    pub(crate) async fn h2(&self) -> TlsStream<TcpStream> {
        let stream = self.handshake(&[b"h2"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        stream
    }
    async fn handshake(&self, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        let mut config = self.tls.clone();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        let name = ServerName::from(self.address.ip());
        let connect = TlsConnector::from(Arc::new(config)).connect(name, self.tcp().await);
        timeout(DEADLINE, connect).await.expect("handshake in time").unwrap()
    }

    /// Sends the bytes and reads an answer meanwhile. `None`: the server closed without one.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Option<Reply> {
        let (mut from, mut to) = tokio::io::split(self.tls().await);
        let work = async {
            let write = async {
                // The server need not read to the end what it refuses.
                let _ = to.write_all(request).await;
                let _ = to.flush().await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = write => unreachable!(),
                reply = read_reply(&mut from, !request.starts_with(b"HEAD ")) => reply,
            }
        };
        timeout(DEADLINE, work).await.unwrap_or_else(|_| {
            let shown = String::from_utf8_lossy(&request[..request.len().min(2000)]).into_owned();
            panic!("not answered in time: {shown}")
        })
    }
}

/// Reads the head of an answer, and the body of a failure.
pub(crate) async fn read_reply<S: tokio::io::AsyncRead + Unpin>(from: &mut S, with_body: bool) -> Option<Reply> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        if more(from, &mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap();
    let code: u16 = head.split(' ').nth(1).and_then(|c| c.parse().ok()).unwrap_or_else(|| panic!("{head:?}"));
    if code >= 400 && with_body {
        let length = head.to_lowercase().split("\r\n").find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
        let length: usize = length.unwrap_or_else(|| panic!("a failure of unknown length: {head}"));
        while body.len() < length {
            assert!(more(from, &mut body).await.unwrap() > 0, "the answer ended early: {head}");
        }
        // The next answer may have begun.
        body.truncate(length);
    }
    Some(Reply { code, head, body })
}

async fn more<S: tokio::io::AsyncRead + Unpin>(from: &mut S, into: &mut Vec<u8>) -> io::Result<usize> {
    from.read_buf(into).await
}

/// A request with a body of known length.
pub(crate) fn request(method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: server\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
