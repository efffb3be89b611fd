use super::*;
use crate::netboot::FileInfo;

fn index(paths: &[&str]) -> FileIndex {
    let info = FileInfo { size: 1, sha256: [0; 32], modified: 0 };
    paths.iter().map(|path| ((*path).to_owned(), info.clone())).collect()
}

#[test]
fn the_table() {
    let index = index(&[
        "a",
        "b.tmpl",
        "c",
        "c.tmpl",
        "metadata.yaml",
        "dir/d",
        "cloud-init/user-data",
        "cloud-init/vendor-data.tmpl",
    ]);
    let stream = |path: &str| Plan::Stream(path.into());
    let render = |path: &str| Plan::Render(path.into());
    for (requested, expected) in [
        ("/a", stream("a")),
        ("a", stream("a")),
        ("/b", render("b.tmpl")),
        // The template goes before the file beside it.
        ("/c", render("c.tmpl")),
        // By its whole name: as it was written.
        ("/b.tmpl", stream("b.tmpl")),
        ("/metadata.yaml", stream("metadata.yaml")),
        ("\\dir\\d", stream("dir/d")),
        ("//dir/./d", stream("dir/d")),
        ("/cloud-init/user-data", Plan::UserData),
        ("/cloud-init/vendor-data", render("cloud-init/vendor-data.tmpl")),
        ("/dir", Plan::NotFound),
        ("/A", Plan::NotFound),
        ("/", Plan::NotFound),
        ("", Plan::NotFound),
        ("/../etc/passwd", Plan::NotFound),
        ("/dir/../a", Plan::NotFound),
        ("/a\0", Plan::NotFound),
    ] {
        assert_eq!(plan(requested, Some(&index)), expected, "{requested:?}");
    }
}

#[test]
fn before_the_image_is_here() {
    assert_eq!(plan("/a", None), Plan::NotYet);
    assert_eq!(plan("/cloud-init/user-data", None), Plan::UserData);
    // What no image can have is not worth waiting for.
    assert_eq!(plan("/../a", None), Plan::NotFound);
}

#[test]
fn files_tell_how_far_a_boot_is() {
    use crate::lifecycle::timeline::Step;
    use crate::netboot::Metadata;

    let metadata = Metadata::parse("dhcpBootImageName: efi/shimx64.efi\nbootFiles:\n  ipxe: boot.ipxe\n").unwrap();
    for (path, expected) in [
        ("efi/shimx64.efi", Some(Step::Bootloader)),
        ("boot.ipxe.tmpl", Some(Step::Bootloader)),
        ("efi/grubx64.efi", None),
        ("shimx64.efi", None),
        ("vmlinuz", Some(Step::Kernel)),
        ("boot/vmlinuz-6.1.0-18-cloud-amd64", Some(Step::Kernel)),
        ("casper/Vmlinuz", Some(Step::Kernel)),
        ("bzImage", Some(Step::Kernel)),
        ("arm64/Image", Some(Step::Kernel)),
        ("Image.gz", Some(Step::Kernel)),
        ("linux.efi", Some(Step::Kernel)),
        ("kernel", Some(Step::Kernel)),
        ("vmlinuz.sig", None),
        ("kernel-modules.squashfs", None),
        ("images/disk.img", None),
        ("image.raw", None),
        ("linux/initrd", None),
        ("initrd.img", None),
        ("", None),
    ] {
        assert_eq!(step(path, &metadata.boot_files), expected, "{path}");
    }
}
