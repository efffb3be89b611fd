//! What goes wrong with images: each time the reason is on the Machine and in a metric, and other machines are served.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::signal::Signal,
};
use rack::{
    proxy::{Fault, Proxy},
    registry::{Protection, Registry},
    site::Site,
};

use crate::images_site::{boots, fetch, flags, image_ready, network, noise, pack, wait};

fn failed(reason: &str) -> String {
    format!("metalman_image_pulls_total{{outcome=\"failed\",reason=\"{reason}\"}}")
}

#[test]
fn bad_images_are_refused_by_name_and_others_are_served() -> anyhow::Result<()> {
    let namespace = network(5)?;
    let registry = Registry::start(&namespace, "10.0.0.1:5000", Protection::default())?;
    let dir = tempfile::tempdir()?;
    let layout = |name: &str| dir.path().join(name);
    pack(&layout("good"), "v1", b"good")?;
    let lying = pack(&layout("lying"), "v1", &noise(200_000))?;
    registry.push(&layout("lying"), "v1", "lying:v1", &["--preserve-digests"])?;
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(registry.blob(&lying))?)?;
    let layer = manifest["layers"][0]["digest"].as_str().context("a layer")?.to_owned();
    let mut content = fs::read(registry.blob(&layer))?;
    *content.last_mut().context("content")? ^= 1;
    fs::write(registry.blob(&layer), content)?;

    let folder = dir.path().join("folder/disk");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("metadata.yaml"), "dhcpBootImageName: grub.efi\n")?;
    std::os::unix::fs::symlink("/", folder.join("root"))?;
    rack::layout::pack(&dir.path().join("folder"), &layout("escaping"), "v1")?;
    rack::layout::pack_files(&[("kernel", b"x")], &layout("plain"), "v1")?;

    // A registry that takes connections and never says a word.
    let _silent = Proxy::start(&namespace, "10.0.0.1:5009", "10.0.0.1:5000", Fault::Silence)?;
    let mut site = Site::start(&namespace, &flags(&[]))?;
    let oci = |name: &str| format!("oci:{}:v1", layout(name).display());
    site.register(&[
        boots(1, "10.0.0.1:5009/silent:v1"),
        boots(2, "10.0.0.1:5000/lying:v1"),
        boots(3, &oci("escaping")),
        boots(4, &oci("plain")),
        boots(5, &oci("good")),
    ])?;
    wait(&mut site, 5, "True/Pulled")?;
    wait(&mut site, 2, &format!("False/PullFailed: layer {layer} has other content"))?;
    // tar writers double the slash.
    wait(&mut site, 3, "\"disk/root\" is a symbolic link to \"/")?;
    wait(&mut site, 3, "which leads out of disk/")?;
    wait(&mut site, 4, "the image has no /disk/metadata.yaml")?;
    assert_eq!(fetch(&site, 5, "kernel")?, b"good");
    let silent = image_ready(&site, 1).context("a condition")?;
    assert!(silent.starts_with("False/Pull"), "{silent}");
    for reason in ["digest", "layer", "metadata"] {
        site.metric_reaches(&failed(reason), 1.0)?;
    }
    wait(&mut site, 1, "registry 10.0.0.1:5009")?;
    let images = fs::read_dir(site.cache().join("images"))?.count();
    assert_eq!(images, 1, "only the good image is kept");
    Ok(())
}

#[test]
fn a_registry_that_dies_mid_layer_is_asked_for_the_rest() -> anyhow::Result<()> {
    let namespace = network(1)?;
    let registry = Registry::start(&namespace, "10.0.0.1:5000", Protection::default())?;
    let dir = tempfile::tempdir()?;
    let content = noise(8 << 20);
    pack(dir.path(), "v1", &content)?;
    registry.push(dir.path(), "v1", "big:v1", &[])?;
    let proxy =
        Proxy::start(&namespace, "10.0.0.1:5001", "10.0.0.1:5000", Fault::Cut { connections: 3, after: 2 << 20 })?;
    let mut site = Site::start(&namespace, &flags(&[]))?;
    site.register(&[boots(1, "10.0.0.1:5001/big:v1")])?;
    wait(&mut site, 1, "True/Pulled")?;
    assert_eq!(proxy.cuts(), 3, "the line was cut");
    assert_eq!(fetch(&site, 1, "kernel")?, content);
    let pulled = site.metric("metalman_image_pulled_bytes_total").context("a metric")?;
    let layer = f64::from(u32::try_from(content.len())?);
    assert!(pulled < layer * 1.1, "{pulled} bytes came for a layer of {layer}: it was begun again");
    Ok(())
}

#[test]
fn killed_while_unpacking_leaves_nothing_and_goes_on() -> anyhow::Result<()> {
    let namespace = network(2)?;
    let dir = tempfile::tempdir()?;
    // Big enough to be caught in the middle: copied, hashed, unpacked, synchronised.
    let content = noise(96 << 20);
    pack(&dir.path().join("big"), "v1", &content)?;
    pack(&dir.path().join("small"), "v1", b"small")?;
    let mut site = Site::start(&namespace, &flags(&[]))?;
    let image = |name: &str| format!("oci:{}:v1", dir.path().join(name).display());
    site.register(&[boots(1, &image("small"))])?;
    wait(&mut site, 1, "True/Pulled")?;
    site.register(&[boots(2, &image("big"))])?;
    let unpacking = |cache: &Path| -> Option<PathBuf> {
        // tmp/PROCESS/WORK/image/files/part
        let list = |dir: PathBuf| fs::read_dir(dir).ok().into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
        list(cache.join("tmp")).flat_map(list).map(|work| work.join("image/files/part")).find(|part| part.exists())
    };
    site.eventually("unpacking", |site| unpacking(&site.cache()))?;
    let mut site = site.restart(Signal::SIGKILL, &flags(&[]), |dir| {
        let left: Vec<_> = fs::read_dir(dir.join("cache-first/tmp"))?.collect();
        anyhow::ensure!(left.len() == 1, "what was worked on is there: {left:?}");
        Ok(())
    })?;
    assert_eq!(fetch(&site, 1, "kernel")?, b"small", "at once");
    wait(&mut site, 2, "True/Pulled")?;
    assert_eq!(fetch(&site, 2, "kernel")?, content);
    site.eventually("only the living process's folder", |site| {
        (fs::read_dir(site.cache().join("tmp")).ok()?.count() == 1 && unpacking(&site.cache()).is_none()).then_some(())
    })?;
    Ok(())
}

/// A small file system, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(at)?;
        let options = format!("size={size}");
        mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(options.as_str())).context("mount tmpfs")?;
        Ok(Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_cache_is_told_and_what_nobody_names_makes_room() -> anyhow::Result<()> {
    let namespace = network(3)?;
    let dir = tempfile::tempdir()?;
    for (name, size) in [("small", 1), ("first", 6 << 20), ("second", 7 << 20)] {
        pack(&dir.path().join(name), "v1", &noise(size))?;
    }
    let image = |name: &str| format!("oci:{}:v1", dir.path().join(name).display());
    let site = Site::start(&namespace, &flags(&[]))?;
    let mut disk = None;
    let mut site = site.restart(Signal::SIGTERM, &flags(&[]), |dir| {
        fs::remove_dir_all(dir.join("cache-first"))?;
        disk = Some(SmallDisk::mount(&dir.join("cache-first"), "18m")?);
        Ok(())
    })?;
    site.register(&[boots(1, &image("small")), boots(2, &image("first"))])?;
    wait(&mut site, 1, "True/Pulled")?;
    wait(&mut site, 2, "True/Pulled")?;
    // A layer and what is in it, beside the first image: more than there is.
    site.register(&[boots(3, &image("second"))])?;
    wait(&mut site, 3, "False/PullFailed")?;
    wait(&mut site, 3, "make room in the image cache")?;
    site.metric_reaches(&failed("disk_full"), 1.0)?;
    assert_eq!(fetch(&site, 1, "kernel")?, noise(1));
    // Not fetched as m2: a boot under way would hold its image, also when the Machine is gone.
    assert_eq!(site.metric("metalman_images_collected_total"), Some(0.0), "what Machines name stays");

    site.kubectl(&["delete", "machine", "m2"], "")?;
    wait(&mut site, 3, "True/Pulled")?;
    assert_eq!(fetch(&site, 3, "kernel")?, noise(7 << 20));
    site.metric_reaches("metalman_images_collected_total", 1.0)?;
    drop(site);
    drop(disk);
    Ok(())
}
