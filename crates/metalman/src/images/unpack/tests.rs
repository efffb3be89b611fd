use std::{collections::BTreeMap, io::Write};

use proptest::prelude::*;

use super::*;
use crate::images::digest::sha256;

/// Keeps contents in memory.
#[derive(Default)]
struct Memory(BTreeMap<[u8; 32], Vec<u8>>);

impl Sink for Memory {
    fn store(&mut self, content: &mut dyn Read) -> io::Result<Stored> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let stored = Stored { sha256: sha256(&bytes), size: bytes.len() as u64 };
        self.0.insert(stored.sha256, bytes);
        Ok(stored)
    }
}

/// A disk without room.
struct Full;

impl Sink for Full {
    fn store(&mut self, _: &mut dyn Read) -> io::Result<Stored> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

/// One entry: type, name, link target or content.
type Raw<'a> = (u8, &'a str, &'a str);

/// Names as they are: the usual builder refuses what tests need.
fn tar(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, name, text) in entries {
        let mut header = Header::new_ustar();
        let link = matches!(kind, b'1' | b'2');
        let content = if link { "" } else { text };
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        if link {
            header.as_mut_bytes()[157..157 + text.len()].copy_from_slice(text.as_bytes());
        }
        header.as_mut_bytes()[156] = *kind;
        header.set_size(content.len() as u64);
        header.set_mtime(1234);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

use tar::Header;

fn unpack_with(limits: Limits, layers: &[Vec<u8>]) -> Result<(FileIndex, Memory), UnpackError> {
    let mut unpacker = Unpacker::new(limits);
    let mut sink = Memory::default();
    for layer in layers {
        unpacker.layer(&layer[..], Algorithm::Sha256, &mut sink)?;
    }
    unpacker.finish().map(|index| (index, sink))
}

/// The files with their contents: `a=1 b=2`.
fn files(layers: &[&[Raw<'_>]]) -> Result<String, String> {
    let layers: Vec<Vec<u8>> = layers.iter().map(|entries| tar(entries)).collect();
    let (index, sink) = unpack_with(Limits::default(), &layers).map_err(|e| e.to_string())?;
    let text = |info: &FileInfo| String::from_utf8_lossy(&sink.0[&info.sha256]).into_owned();
    Ok(index.iter().map(|(path, info)| format!("{path}={}", text(info))).collect::<Vec<_>>().join(" "))
}

#[test]
fn keeps_what_is_below_disk() {
    let layer: &[Raw<'_>] = &[
        (b'5', "./disk/", ""),
        (b'0', "./disk/a", "1"),
        (b'0', "etc/passwd", "no"),
        (0, "/disk/d/b", "2"),
        (b'0', "disks/x", "no"),
    ];
    assert_eq!(files(&[layer]).as_deref(), Ok("a=1 d/b=2"));
}

#[test]
fn later_layers_replace_and_hide() {
    for (what, upper, expected) in [
        ("replaced", vec![(b'0', "disk/a", "9")], "a=9 d/b=2 d/c=3"),
        ("whiteout", vec![(b'0', "disk/.wh.a", "")], "d/b=2 d/c=3"),
        ("whiteout of a folder", vec![(b'0', "disk/.wh.d", "")], "a=1"),
        ("whiteout of disk", vec![(b'0', ".wh.disk", "")], ""),
        ("of everything", vec![(b'0', ".wh..wh..opq", "")], ""),
        ("opaque", vec![(b'0', "disk/d/.wh..wh..opq", ""), (b'0', "disk/d/n", "7")], "a=1 d/n=7"),
        (
            "opaque after its own layer's file",
            vec![(b'0', "disk/d/n", "7"), (b'0', "disk/d/.wh..wh..opq", "")],
            "a=1 d/n=7",
        ),
        (
            "whiteout after its own layer's file",
            vec![(b'0', "disk/a", "7"), (b'0', "disk/.wh.a", "")],
            "a=7 d/b=2 d/c=3",
        ),
        ("of nothing", vec![(b'0', "disk/.wh.zzz", "")], "a=1 d/b=2 d/c=3"),
        ("a driver's own names", vec![(b'0', "disk/.wh..wh.plnk", "")], "a=1 d/b=2 d/c=3"),
        ("a whiteout of the folder itself", vec![(b'0', "disk/.wh...", "")], "a=1 d/b=2 d/c=3"),
        ("a folder for a file", vec![(b'5', "disk/a", ""), (b'0', "disk/a/x", "4")], "a/x=4 d/b=2 d/c=3"),
        ("a file for a folder", vec![(b'0', "disk/d", "4")], "a=1 d=4"),
        ("a folder again", vec![(b'5', "disk/d", "")], "a=1 d/b=2 d/c=3"),
    ] {
        let lower: &[Raw<'_>] = &[(b'0', "disk/a", "1"), (b'0', "disk/d/b", "2"), (b'0', "disk/d/c", "3")];
        assert_eq!(files(&[lower, &upper]).as_deref(), Ok(expected), "{what}");
    }
}

#[test]
fn links_are_resolved_inside_the_image() {
    for (what, entries, expected) in [
        ("relative", vec![(b'2', "disk/l", "a")], "a=1 d/b=2 l=1"),
        ("absolute", vec![(b'2', "disk/d/l", "/disk/a")], "a=1 d/b=2 d/l=1"),
        ("up and down", vec![(b'2', "disk/d/l", "../d/./b")], "a=1 d/b=2 d/l=2"),
        ("through another", vec![(b'2', "disk/k", "d"), (b'2', "disk/l", "k/b")], "a=1 d/b=2 k/b=2 l=2"),
        ("to a folder", vec![(b'2', "disk/v", "d")], "a=1 d/b=2 v/b=2"),
        ("to the folder that it is in", vec![(b'2', "disk/d/up", "..")], "a=1 d/b=2"),
        ("in circles", vec![(b'2', "disk/x", "y"), (b'2', "disk/y", "x")], "a=1 d/b=2"),
        ("to nothing", vec![(b'2', "disk/x", "gone")], "a=1 d/b=2"),
        ("hard", vec![(b'1', "disk/h", "disk/a")], "a=1 d/b=2 h=1"),
        ("hard, to a link", vec![(b'2', "disk/l", "a"), (b'1', "disk/h", "/disk/l")], "a=1 d/b=2 h=1 l=1"),
    ] {
        let mut all: Vec<Raw<'_>> = vec![(b'0', "disk/a", "1"), (b'0', "disk/d/b", "2")];
        all.extend(entries);
        assert_eq!(files(&[&all]).as_deref(), Ok(expected), "{what}");
    }
}

#[test]
fn hostile_layers_are_refused_by_name() {
    for (what, entries, words) in [
        ("..", vec![(b'0', "disk/../../etc/passwd", "x")], "leads out of the image"),
        (".. elsewhere", vec![(b'0', "../x", "x")], "leads out of the image"),
        (
            "link to /",
            vec![(b'2', "disk/root", "/")],
            "\"disk/root\" is a symbolic link to \"/\", which leads out of disk/",
        ),
        ("link out", vec![(b'2', "disk/p", "../etc/passwd")], "leads out of disk/"),
        ("link far out", vec![(b'2', "disk/p", "../../../../etc/passwd")], "leads out of disk/"),
        ("link to itself above", vec![(b'2', "disk/p", "..")], "leads out of disk/"),
        ("disk is a link", vec![(b'2', "disk", "/etc")], "\"disk\": it must be a folder"),
        ("disk is a file", vec![(b'0', "disk", "x")], "it must be a folder"),
        (
            "through a link",
            vec![(b'2', "disk/l", "d"), (b'0', "disk/l/x", "x")],
            "lies below a file or a symbolic link",
        ),
        ("below a file", vec![(b'0', "disk/f", "x"), (b'0', "disk/f/x", "x")], "lies below a file"),
        ("hard link out", vec![(b'1', "disk/h", "etc/passwd")], "outside of disk/"),
        ("hard link up", vec![(b'1', "disk/h", "../etc/passwd")], "leads out of the image"),
        ("hard link to nothing", vec![(b'1', "disk/h", "disk/gone")], "not there"),
        ("hard link to a folder", vec![(b'5', "disk/d", ""), (b'1', "disk/h", "disk/d")], "not there"),
        ("device", vec![(b'3', "disk/null", "")], "\"disk/null\", a character device"),
        ("block device", vec![(b'4', "disk/sda", "")], "a block device"),
        ("FIFO", vec![(b'6', "disk/fifo", "")], "a FIFO"),
        ("sparse", vec![(b'S', "disk/sparse", "")], "a sparse file"),
        ("unknown", vec![(b'Z', "disk/z", "")], "of an unknown type"),
        ("control character", vec![(b'0', "disk/a\nb", "x")], "has a control character"),
    ] {
        let refusal = files(&[&entries]).expect_err(what);
        assert!(refusal.contains(words), "{what}: {refusal}");
    }
}

#[test]
fn devices_elsewhere_are_not_our_business() {
    assert_eq!(
        files(&[&[(b'3', "dev/null", ""), (b'2', "lib", "/usr/lib"), (b'0', "disk/a", "1")]]).as_deref(),
        Ok("a=1")
    );
}

#[test]
fn long_names_in_both_dialects() {
    let name = format!("disk/{}/file", "long".repeat(40));
    let pax = format!(" path={name}\n");
    let pax = format!("{}{pax}", pax.len() + 3);
    let expected = format!("{}=1", &name[5..]);
    assert_eq!(files(&[&[(b'x', "PaxHeader", &pax), (b'0', "short", "1")]]).as_deref(), Ok(&*expected));
    assert_eq!(
        files(&[&[(b'L', "././@LongLink", &format!("{name}\0")), (b'0', "short", "1")]]).as_deref(),
        Ok(&*expected)
    );
    let escaping = " path=disk/../../x\n";
    let escaping = format!("{}{escaping}", escaping.len() + 2);
    assert!(files(&[&[(b'x', "PaxHeader", &escaping), (b'0', "disk/a", "1")]]).is_err());
    for malformed in ["5 path=x\n", "999 path=x\n", "x path=x\n", "8 pathx\n", "6 a=bc"] {
        let refusal = files(&[&[(b'x', "PaxHeader", malformed), (b'0', "disk/a", "1")]]).expect_err(malformed);
        assert!(refusal.contains("pax record"), "{malformed:?}: {refusal}");
    }
}

#[test]
fn compression_is_known_by_its_bytes() {
    let plain = tar(&[(b'0', "disk/a", "1")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    // Two members and two frames are one stream.
    let halves = plain.split_at(700);
    let members = [halves.0, halves.1].map(|half| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(half).unwrap();
        encoder.finish().unwrap()
    });
    let frames = [halves.0, halves.1].map(|half| zstd::encode_all(half, 3).unwrap());
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7], &frames.concat()[..]].concat();
    let wanted = Digest::sha256(&plain);
    for (what, layer) in [
        ("plain", plain.clone()),
        ("gzip", gzip),
        ("gzip members", members.concat()),
        ("zstd", zstd::encode_all(&plain[..], 3).unwrap()),
        ("zstd frames", frames.concat()),
        ("skippable frame", skippable),
    ] {
        let mut unpacker = Unpacker::new(Limits::default());
        let digest = unpacker.layer(&layer[..], Algorithm::Sha256, &mut Memory::default());
        assert_eq!(digest.map_err(|e| format!("{what}: {e}")), Ok(wanted.clone()), "{what}");
        assert_eq!(unpacker.finish().unwrap().len(), 1, "{what}");
    }
}

#[test]
fn bombs_are_refused() {
    let limits = Limits {
        bytes: 1 << 20,
        entries: 50,
        files: 20,
        names: 4000,
        path: 100,
        depth: 5,
        ratio: 100,
        ratio_after: 100_000,
    };
    let big = "x".repeat(600_000);
    let many: Vec<(u8, String)> = (0..60).map(|n| (b'0', format!("elsewhere/{n}"))).collect();
    let files: Vec<(u8, String)> = (0..21).map(|n| (b'0', format!("disk/{n}"))).collect();
    let names: Vec<(u8, String)> = (0..49).map(|n| (b'5', format!("disk/{n:090}"))).collect();
    let raw = |entries: &[(u8, String)]| tar(&entries.iter().map(|(k, n)| (*k, n.as_str(), "")).collect::<Vec<_>>());
    let zeros = "\0".repeat(400_000);
    // Each folder holds two links to the next: names double with each step, without a single file.
    let doubling: Vec<Raw<'_>> = vec![
        (b'2', "disk/a/x", "../b"),
        (b'2', "disk/a/y", "../b"),
        (b'2', "disk/b/x", "../c"),
        (b'2', "disk/b/y", "../c"),
        (b'2', "disk/c/x", "../d"),
        (b'2', "disk/c/y", "../d"),
        (b'2', "disk/d/x", "../e"),
        (b'2', "disk/d/y", "../e"),
        (b'5', "disk/e", ""),
    ];
    for (what, layers, words) in [
        ("size over layers", vec![tar(&[(b'0', "disk/a", &big)]), tar(&[(b'0', "disk/b", &big)])], "too much content"),
        ("size elsewhere", vec![tar(&[(b'0', "a", &big), (b'0', "b", &big)])], "too much content"),
        ("entries", vec![raw(&many)], "too many entries"),
        ("files", vec![raw(&files)], "too many files"),
        ("names", vec![raw(&names)], "too many and long names"),
        (
            "path",
            vec![raw(&[
                (b'0', format!("disk/{}", "x".repeat(94)).chars().take(99).collect::<String>()),
                (b'0', format!("disk/{}", "y".repeat(95))),
            ])],
            "",
        ),
        ("depth", vec![raw(&[(b'0', "disk/1/2/3/4/5".into())])], "a path is too deep"),
        ("ratio", vec![zstd::encode_all(&tar(&[(b'0', "disk/z", &zeros)])[..], 19).unwrap()], "compressed too much"),
        ("links", vec![tar(&doubling)], "links lead to too many names"),
    ] {
        let outcome = unpack_with(limits, &layers).map(|_| ()).map_err(|e| e.to_string());
        if words.is_empty() {
            assert_eq!(outcome, Ok(()), "{what}");
        } else {
            let refusal = outcome.expect_err(what);
            assert!(refusal.contains(words), "{what}: {refusal}");
        }
    }
    let announced = {
        let mut layer = tar(&[(b'L', "././@LongLink", "")]);
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[156] = b'L';
        header.set_size(8 << 30);
        header.set_cksum();
        layer[..512].copy_from_slice(header.as_bytes());
        layer
    };
    let refusal =
        unpack_with(Limits::default(), &[announced]).map(|_| ()).expect_err("a long name of 8 GiB").to_string();
    assert!(refusal.contains("too long"), "{refusal}");
}

#[test]
fn damage_is_told_from_a_full_disk() {
    let whole = tar(&[(b'0', "disk/a", &"x".repeat(3000))]);
    let cut = unpack_with(Limits::default(), &[whole[..1500].to_vec()]).map(|_| ()).expect_err("cut").to_string();
    assert!(cut.contains("ends in the middle"), "{cut}");
    let mut flipped = whole.clone();
    flipped[3] ^= 1;
    let flipped = unpack_with(Limits::default(), &[flipped]).map(|_| ()).expect_err("flipped").to_string();
    assert!(flipped.contains("checksum"), "{flipped}");
    let zipped = zstd::encode_all(&whole[..], 3).unwrap();
    assert!(unpack_with(Limits::default(), &[zipped[..zipped.len() / 2].to_vec()]).is_err());
    let full = Unpacker::new(Limits::default()).layer(&whole[..], Algorithm::Sha256, &mut Full);
    let Err(UnpackError::Sink { path, source }) = full else { panic!("{full:?}") };
    assert_eq!((path.as_str(), source.kind()), ("disk/a", io::ErrorKind::StorageFull));
}

/// Names out of few parts, so that they meet.
fn any_name() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["disk", "a", "b", "..", ".", "", ".wh.a", ".wh..wh..opq", ".wh.", "etc"]);
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.join("/"))
}

proptest! {
    /// Whatever a layer holds, what comes out is listed under honest names, and its content is what was stored.
    #[test]
    fn nothing_escapes(layers in prop::collection::vec(
        prop::collection::vec((prop::sample::select(b"0125x6L".to_vec()), any_name(), any_name()), 0..12), 1..4,
    )) {
        let layers: Vec<Vec<u8>> = layers
            .iter()
            .map(|entries| tar(&entries.iter().map(|(k, n, t)| (*k, n.as_str(), t.as_str())).collect::<Vec<_>>()))
            .collect();
        if let Ok((index, sink)) = unpack_with(Limits::default(), &layers) {
            for (path, info) in &index {
                let normal = metalman_core::netboot::normalise(path);
                prop_assert_eq!(normal.as_ref(), Ok(path));
                prop_assert_eq!(sink.0.get(&info.sha256).map(|c| c.len() as u64), Some(info.size));
            }
        }
    }

    #[test]
    fn ends_on_anything(bytes in prop::collection::vec(any::<u8>(), 0..3000), flips in prop::collection::vec((0usize..4000, any::<u8>()), 0..20)) {
        let _ = unpack_with(Limits::default(), &[bytes]);
        let mut layer = tar(&[(b'0', "disk/a", "1"), (b'x', "p", "11 path=abc\n"), (b'2', "disk/l", "a"), (b'0', "disk/b", "2")]);
        for (at, byte) in flips {
            let at = at % layer.len();
            layer[at] = byte;
        }
        let _ = unpack_with(Limits::default(), &[layer]);
    }

    /// A later layer hides exactly what its whiteouts name, in whatever order it lists them.
    #[test]
    fn order_within_a_layer_does_not_matter(swap in any::<bool>(), opaque in any::<bool>()) {
        let lower: &[Raw<'_>] = &[(b'0', "disk/d/old", "1")];
        let marker = if opaque { "disk/d/.wh..wh..opq" } else { "disk/.wh.d" };
        let mut upper: Vec<Raw<'_>> = vec![(b'0', marker, ""), (b'0', "disk/d/new", "2")];
        if swap {
            upper.reverse();
        }
        prop_assert_eq!(files(&[lower, &upper]), Ok("d/new=2".to_owned()));
    }
}
