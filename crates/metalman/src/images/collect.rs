//! Which images leave the disk. Pure.
//!
//! Invariant: what is in use stays, however large the cache grows; among the rest the one unused for longest goes first.

use std::time::{Duration, SystemTime};

use super::{digest::Digest, store::OnDisk};

/// How much the cache may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes of unpacked images; beyond, unused ones go. Also the most that one image may unpack to.
    pub max_bytes: u64,
    /// How long an unused image stays at most.
    pub max_age: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { max_bytes: 20 << 30, max_age: Duration::from_hours(7 * 24) }
    }
}

/// What to remove, in this order. `in_use` says of each image whether it must stay; `full`: the disk has no room, whatever
/// the limits say.
pub(super) fn doomed(
    images: &[OnDisk],
    in_use: impl Fn(&Digest) -> bool,
    limits: CacheLimits,
    full: bool,
    now: SystemTime,
) -> Vec<Digest> {
    let mut unused: Vec<&OnDisk> = images.iter().filter(|image| !in_use(&image.digest)).collect();
    unused.sort_by_key(|image| image.used);
    let mut total: u64 = images.iter().map(|image| image.bytes).sum();
    let mut doomed = Vec::new();
    for image in unused {
        let old = now.duration_since(image.used).is_ok_and(|age| age > limits.max_age);
        if old || full || total > limits.max_bytes {
            total -= image.bytes;
            doomed.push(image.digest.clone());
        }
    }
    doomed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(hex: char, bytes: u64, hours_unused: u64, now: SystemTime) -> OnDisk {
        let digest = format!("sha256:{}", String::from(hex).repeat(64)).parse().unwrap();
        OnDisk { digest, bytes, used: now - Duration::from_hours(hours_unused) }
    }

    #[test]
    fn old_ones_go_then_the_oldest_until_it_fits_and_never_what_is_used() {
        let now = SystemTime::now();
        let images =
            [image('a', 10, 500, now), image('b', 10, 5, now), image('c', 10, 3, now), image('d', 10, 900, now)];
        let used = |digest: &Digest| digest.hex().starts_with('d');
        let limits = |max_bytes| CacheLimits { max_bytes, max_age: Duration::from_hours(100) };
        let gone = |max_bytes, full| -> String {
            doomed(&images, used, limits(max_bytes), full, now)
                .iter()
                .map(|d| d.hex().chars().next().unwrap())
                .collect()
        };
        assert_eq!(gone(1000, false), "a");
        assert_eq!(gone(25, false), "ab");
        assert_eq!(gone(0, false), "abc");
        assert_eq!(gone(1000, true), "abc");
    }
}
