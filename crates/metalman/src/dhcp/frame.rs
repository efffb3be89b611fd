//! IPv4 and UDP headers for a datagram to somebody who cannot answer ARP yet (RFC 2131 section 4.1), which the kernel would
//! not address. Its Ethernet header is the kernel's.

use std::net::SocketAddrV4;

const IPV4_HEADER: u16 = 20;
const UDP_HEADER: u16 = 8;
const UDP: u8 = 17;
const TIME_TO_LIVE: u8 = 64;

/// Writes an IPv4 packet with that payload behind what is in the buffer; nothing when the payload fits no packet.
pub(super) fn write(out: &mut Vec<u8>, from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) {
    let Some(length) =
        u16::try_from(payload.len()).ok().and_then(|length| length.checked_add(UDP_HEADER + IPV4_HEADER))
    else {
        return;
    };
    let start = out.len();
    // Version 4, five words of header; no type of service.
    out.extend_from_slice(&[0x45, 0]);
    out.extend_from_slice(&length.to_be_bytes());
    // An identification means nothing in a packet that is never fragmented (RFC 6864 section 4.1): don't fragment.
    out.extend_from_slice(&[0, 0, 0x40, 0, TIME_TO_LIVE, UDP, 0, 0]);
    out.extend_from_slice(&from.ip().octets());
    out.extend_from_slice(&to.ip().octets());
    let checksum = fold(sum(0, &out[start..])).to_be_bytes();
    out[start + 10..start + 12].copy_from_slice(&checksum);

    let udp = out.len();
    let udp_length = length - IPV4_HEADER;
    for field in [from.port(), to.port(), udp_length, 0] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    out.extend_from_slice(payload);
    // The pseudo header of RFC 768; a checksum of zero would mean that there is none.
    let addresses = sum(sum(0, &from.ip().octets()), &to.ip().octets());
    let checksum = match fold(sum(addresses + u32::from(UDP) + u32::from(udp_length), &out[udp..])) {
        0 => u16::MAX,
        checksum => checksum,
    };
    out[udp + 6..udp + 8].copy_from_slice(&checksum.to_be_bytes());
}

/// Adds 16-bit words to a sum. 64 KiB of them cannot overflow it.
fn sum(start: u32, bytes: &[u8]) -> u32 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let words = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum::<u32>();
    start + words + rest.first().map_or(0, |last| u32::from(*last) << 8)
}

/// The one's complement checksum (RFC 1071).
fn fold(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    let twice = (once & 0xffff) + (once >> 16);
    !u16::try_from(twice).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
