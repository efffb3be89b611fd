use std::{
    fs,
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::*;

fn options(compression: Compression) -> BuildOptions {
    BuildOptions {
        platform: "linux/amd64".parse().unwrap(),
        compression,
        epoch: 0,
        labels: BTreeMap::from([("b".into(), "2".into()), ("a".into(), "1".into())]),
        annotations: BTreeMap::from([("note".into(), "x".into())]),
    }
}

/// A folder with these files, made in the order given.
fn folder(files: &[&str], mode: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (age, file) in files.iter().enumerate() {
        let path = dir.path().join("disk").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, file.repeat(3000)).unwrap();
        let extra = if file.contains("run") { 0o100 } else { 0 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode | extra)).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(mode | 0o700)).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(mode) * 1000 + age as u64);
        fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    }
    symlink(files.iter().min().unwrap(), dir.path().join("disk/link")).unwrap();
    dir
}

fn build_in(dir: &Path, options: &BuildOptions) -> (tempfile::TempDir, Built) {
    let out = tempfile::tempdir().unwrap();
    let mut layout = LayoutWriter::open(out.path()).unwrap();
    let built = build(&Source::scan(dir).unwrap(), options, &mut layout).unwrap();
    (out, built)
}

fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    fs::read(layout.join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap())).unwrap()
}

fn json(layout: &Path, digest: &str) -> Value {
    serde_json::from_slice(&blob(layout, digest)).unwrap()
}

#[test]
fn the_same_files_give_the_same_digest() {
    let long = "deep/".repeat(40) + "file";
    let names = ["metadata.yaml", "b/run.sh", "b/a", "b.txt", "grub.cfg.tmpl", &long];
    let mut backwards = names;
    backwards.reverse();
    let (one, two) = (folder(&names, 0o644), folder(&backwards, 0o600));
    let mut seen = Vec::new();
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let options = options(compression);
        let (_first, first) = build_in(one.path(), &options);
        let (_second, second) = build_in(two.path(), &options);
        assert_eq!(first.manifest, second.manifest, "{compression:?}");
        seen.push(first.manifest.digest);
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

/// The digest is an interface: sites pin it. A change of what is written must be meant.
#[test]
fn the_digest_of_a_known_folder() {
    let dir = folder(&["metadata.yaml", "b/run.sh"], 0o644);
    let (_layout, built) = build_in(dir.path(), &options(Compression::None));
    assert_eq!(built.manifest.digest, "sha256:74cfafafda239c06f0b672729af85d46e68eea2dff3dcc7ed1665a9dac0168a3");
}

#[test]
fn content_time_platform_and_labels_change_the_digest() {
    let plain = options(Compression::None);
    let dir = folder(&["metadata.yaml"], 0o644);
    let (_layout, base) = build_in(dir.path(), &plain);
    let later = BuildOptions { epoch: 1, ..plain.clone() };
    let arm = BuildOptions { platform: "linux/arm64/v8".parse().unwrap(), ..plain.clone() };
    let unlabelled = BuildOptions { labels: BTreeMap::new(), ..plain.clone() };
    for other in [later, arm, unlabelled] {
        let (_layout, built) = build_in(dir.path(), &other);
        assert_ne!(built.manifest.digest, base.manifest.digest, "{other:?}");
    }
    fs::set_permissions(dir.path().join("disk/metadata.yaml"), fs::Permissions::from_mode(0o755)).unwrap();
    let (_layout, built) = build_in(dir.path(), &plain);
    assert_ne!(built.layer.digest, base.layer.digest);
}

#[test]
fn documents_describe_the_layer() {
    let dir = folder(&["metadata.yaml", "run.sh", "z"], 0o600);
    for (compression, suffix) in
        [(Compression::Gzip, "tar+gzip"), (Compression::Zstd, "tar+zstd"), (Compression::None, "tar")]
    {
        let options = BuildOptions { epoch: 86_400, ..options(compression) };
        let (layout, built) = build_in(dir.path(), &options);
        let layout = layout.path();
        let manifest = json(layout, &built.manifest.digest);
        assert!(built.layer.media_type.ends_with(suffix), "{}", built.layer.media_type);
        assert_eq!(manifest["layers"][0], serde_json::to_value(&built.layer).unwrap());
        assert_eq!(manifest["annotations"]["note"], "x");
        let config = json(layout, manifest["config"]["digest"].as_str().unwrap());
        assert_eq!((&config["architecture"], &config["os"]), (&"amd64".into(), &"linux".into()));
        assert_eq!(
            (&config["created"], &config["config"]["Labels"]["a"]),
            (&"1970-01-02T00:00:00Z".into(), &"1".into())
        );
        let packed = blob(layout, &built.layer.digest);
        assert_eq!(built.layer.size, packed.len() as u64);
        let tar = unpack(compression, &packed);
        assert_eq!(config["rootfs"]["diff_ids"][0], Digest::sha256(&tar).to_string());
        let mut entries = Vec::new();
        for entry in tar::Archive::new(tar.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 86_400));
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            entries.push((entry.path().unwrap().display().to_string(), header.mode().unwrap(), content.len()));
        }
        let expected = [
            ("disk", 0o755, 0),
            ("disk/link", 0o777, 0),
            ("disk/metadata.yaml", 0o644, 13 * 3000),
            ("disk/run.sh", 0o755, 6 * 3000),
            ("disk/z", 0o644, 3000),
        ];
        assert_eq!(entries, expected.map(|(path, mode, size)| (path.to_owned(), mode, size)));
    }
}

fn unpack(compression: Compression, packed: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    match compression {
        Compression::Gzip => flate2::read::GzDecoder::new(packed).read_to_end(&mut tar).map(|_| ()).unwrap(),
        Compression::Zstd => zstd::stream::copy_decode(packed, &mut tar).unwrap(),
        Compression::None => tar.extend_from_slice(packed),
    }
    tar
}

#[test]
fn a_file_that_changes_meanwhile_is_refused() {
    let dir = folder(&["metadata.yaml", "log"], 0o644);
    let source = Source::scan(dir.path()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut layout = LayoutWriter::open(out.path()).unwrap();
    for content in ["longer".repeat(5000), "short".to_owned()] {
        fs::write(dir.path().join("disk/log"), content).unwrap();
        let refused = build(&source, &options(Compression::Gzip), &mut layout).unwrap_err();
        assert!(refused.to_string().contains("disk/log changed while it was read"), "{refused}");
    }
    assert_eq!(fs::read_dir(out.path().join("blobs/sha256")).unwrap().count(), 0, "nothing half written stays");
}

#[test]
fn platforms() {
    for (text, valid) in [
        ("linux/amd64", true),
        ("linux/arm/v7", true),
        ("linux", false),
        ("linux/", false),
        ("linux/a/b/c", false),
        ("Linux/amd64", false),
    ] {
        assert_eq!(text.parse::<Platform>().is_ok(), valid, "{text}");
    }
}
