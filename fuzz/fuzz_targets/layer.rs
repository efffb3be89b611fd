//! Whatever a layer holds, unpacking it ends within its limits, and what it lists is what it stored, under honest names.
//!
//! The input is one or two layers: the first byte says where to divide the rest, in 256ths.

#![no_main]

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use libfuzzer_sys::fuzz_target;

/// The unpacker's own source, without the rest of metalman.
#[path = "../../crates/metalman/src/images"]
#[allow(dead_code)]
mod images {
    pub mod digest;
    pub mod unpack;
}

use images::{
    digest::{Algorithm, Digest},
    unpack::{Limits, Sink, Stored, Unpacker},
};

const LIMITS: Limits = Limits {
    bytes: 4 << 20,
    entries: 2000,
    files: 500,
    names: 64 << 10,
    path: 256,
    depth: 16,
    ratio: 200,
    ratio_after: 1 << 20,
};

#[derive(Default)]
struct Memory {
    sizes: BTreeMap<[u8; 32], u64>,
    total: u64,
}

impl Sink for Memory {
    fn store(&mut self, content: &mut dyn Read) -> io::Result<Stored> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let mut sha256 = [0; 32];
        let hex = Digest::sha256(&bytes).hex().to_owned();
        for (byte, at) in sha256.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
        }
        let size = bytes.len() as u64;
        self.sizes.insert(sha256, size);
        self.total += size;
        Ok(Stored { sha256, size })
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((divide, rest)) = input.split_first() else { return };
    let (lower, upper) = rest.split_at(rest.len() * usize::from(*divide) / 256);
    let mut unpacker = Unpacker::new(LIMITS);
    let mut sink = Memory::default();
    let whole = [lower, upper]
        .into_iter()
        .filter(|layer| !layer.is_empty())
        .all(|layer| unpacker.layer(layer, Algorithm::Sha256, &mut sink).is_ok());
    assert!(sink.total <= LIMITS.bytes, "the limit on bytes holds");
    if !whole {
        return;
    }
    let Ok(index) = unpacker.finish() else { return };
    assert!(index.len() <= LIMITS.files, "the limit on files holds");
    for (path, info) in &index {
        assert!(path.len() <= LIMITS.path, "{path:?} is too long");
        let parts = path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control));
        assert!(parts, "{path:?} is listed");
        assert_eq!(sink.sizes.get(&info.sha256), Some(&info.size), "{path:?} was stored");
    }
});
