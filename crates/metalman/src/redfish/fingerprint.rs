//! SHA-256 of a certificate's DER: what is pinned.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;

/// A SHA-256 fingerprint. Written `aa:bb:…`; read in any case, with or without colons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// What is no fingerprint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no SHA-256 fingerprint: 32 pairs of hex digits separated by ':' are expected")]
pub struct FingerprintError(String);

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Self(bytes)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || FingerprintError(text.chars().take(120).collect());
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = str::from_utf8(pair).map_err(|_| error())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_any_case_and_writes_one() {
        let written = Fingerprint::of(b"abc").to_string();
        assert!(written.starts_with("ba:78:16:bf:8f:01:cf:ea:"), "{written}");
        for text in [written.to_uppercase(), written.replace(':', ""), written.clone()] {
            assert_eq!(text.parse(), Ok(Fingerprint::of(b"abc")));
        }
        for text in ["", "aa", "zz:78", &written[3..], &format!("{written}:00")] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
