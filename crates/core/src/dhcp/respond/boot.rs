//! What a client that boots is told to load, and how it has to be told.
//!
//! Decisions:
//! - A boot client for which there is no file gets silence, not an address: firmware then goes on to its next boot method,
//!   or asks again, and the counter says `no_boot_file` or `image_not_ready`. A client that only names an architecture
//!   ([`BootClient::Other`]) gets its address all the same.
//! - iPXE gets the image's `ipxe` file. An image without one is not made for iPXE, and NICs with iPXE in their ROM are
//!   common: they get the file of their architecture, which ends in the operating system just as well. Unless that file is
//!   iPXE itself, by its name ([`is_ipxe_binary`]): it would load itself without end, so there is silence (`ipxe_loop`).
//! - The boot file goes into `file`, where every ROM looks, and into option 67 for clients that ask for it or when `file` is
//!   too short. The URL of UEFI HTTP boot goes into option 67 alone.

use std::{borrow::Cow, fmt::Write as _, net::Ipv4Addr};

use super::{Boot, Exchange, Ignored};
use crate::{
    dhcp::{BootClient, boot_client::architectures},
    netboot::{Architecture, BootFiles},
};

/// PXE tag 6, `PXE_DISCOVERY_CONTROL`, with bit 3: no discovery, no menu, load the file of this very offer (PXE 2.1 table
/// 2-1); then the end of the tags.
pub(super) const BOOT_THE_OFFERED_FILE: [u8; 4] = [6, 1, 8, 255];
/// Within option 175: iPXE need not wait for offers of proxy DHCP servers.
pub(super) const NO_PROXY_DHCP: [u8; 3] = [176, 1, 1];

/// What to load.
pub(super) struct Load<'a> {
    pub(super) client: BootClient,
    pub(super) architecture: Option<Architecture>,
    /// File name, or URL.
    pub(super) name: Cow<'a, str>,
    /// The TFTP server.
    pub(super) server: Ipv4Addr,
    /// The same as text.
    pub(super) server_name: String,
}

/// What the client is to load; none when it does not boot.
pub(super) fn load<'a>(exchange: &Exchange<'a>) -> Result<Option<Load<'a>>, Ignored> {
    let Some(client) = BootClient::of(exchange.request) else { return Ok(None) };
    let Boot::Files(files) = exchange.client.boot else {
        return if client == BootClient::Other { Ok(None) } else { Err(Ignored::ImageNotReady) };
    };
    let (architecture, path) = match (client, files.ipxe()) {
        (BootClient::Ipxe, Some(path)) => (architectures(exchange.request).next(), path),
        _ => match by_architecture(exchange, client, files) {
            Some((architecture, path)) => (Some(architecture), path),
            None if client == BootClient::Other => return Ok(None),
            None => return Err(Ignored::NoBootFile),
        },
    };
    if client == BootClient::Ipxe && files.ipxe().is_none() && is_ipxe_binary(path) {
        return Err(Ignored::IpxeLoop);
    }
    let name = match client {
        BootClient::Http => Cow::Owned(url(&exchange.config.serve_url, path)),
        _ => Cow::Borrowed(path),
    };
    let server = exchange.local;
    Ok(Some(Load { client, architecture, name, server, server_name: server.to_string() }))
}

fn by_architecture<'a>(
    exchange: &Exchange<'_>,
    client: BootClient,
    files: &'a BootFiles,
) -> Option<(Architecture, &'a str)> {
    architectures(exchange.request)
        .filter(|architecture| client.takes(*architecture))
        .find_map(|architecture| Some((architecture, files.of(architecture)?)))
}

/// Whether the name is one that iPXE's builds go by: `ipxe.efi`, `undionly.kpxe`, `snponly.efi`, …
fn is_ipxe_binary(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    ["ipxe", "undionly", "snponly"].iter().any(|part| name.contains(part))
}

/// Image paths are any text; in a URL only unreserved characters and slashes stand for themselves (RFC 3986 section 2.3).
fn url(serve_url: &str, path: &str) -> String {
    let mut url = String::with_capacity(serve_url.len() + 1 + path.len());
    url.push_str(serve_url);
    url.push('/');
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => url.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => _ = write!(url, "%{byte:02X}"),
        }
    }
    url
}
