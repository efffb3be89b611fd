//! Base64 of RFC 4648, section 4, with padding. Role: `b64enc`, `b64dec`, bytes in JSON. Decoding skips line breaks, as Go's does, and
//! reports the offset of what is wrong.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let sextet = (bits >> (18 - 6 * i) & 63) as usize;
            out.push(if i > chunk.len() { b'=' } else { ALPHABET[sextet] });
        }
    }
    out
}

/// The bytes, or the offset of the first illegal one.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut at = 0;
    // The next byte that is no line break, and where it is.
    let mut next = || {
        while text.get(at).is_some_and(|b| matches!(b, b'\r' | b'\n')) {
            at += 1;
        }
        let found = text.get(at).map(|b| (at, *b));
        at += usize::from(found.is_some());
        (found, at)
    };
    loop {
        let mut bits = 0u32;
        let mut sextets = 0;
        while sextets < 4 {
            let (found, end) = next();
            match found {
                None if sextets == 0 => return Ok(out),
                None => return Err(end - sextets),
                Some((offset, b'=')) => {
                    match sextets {
                        0 | 1 => return Err(offset),
                        2 => match next() {
                            (None, end) => return Err(end),
                            (Some((_, b'=')), _) => {}
                            // Go points at the padding here, not at what follows it.
                            (Some((offset, _)), _) => return Err(offset - 1),
                        },
                        _ => {}
                    }
                    if let (Some((offset, _)), _) = next() {
                        return Err(offset);
                    }
                    let whole = (bits << (6 * (4 - sextets))).to_be_bytes();
                    out.extend_from_slice(&whole[1..sextets]);
                    return Ok(out);
                }
                Some((offset, b)) => {
                    let value = ALPHABET.iter().position(|a| *a == b).ok_or(offset)?;
                    bits = bits << 6 | u32::try_from(value).unwrap_or(0);
                    sextets += 1;
                }
            }
        }
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
}
