//! Which step of a boot a file stands for.

use crate::lifecycle::timeline::Step;
use crate::netboot::{BootFiles, TEMPLATE_SUFFIX};

/// What the file of a kernel begins with, in lower case.
const KERNELS: [&str; 6] = ["vmlinuz", "vmlinux", "linux", "bzimage", "zimage", "kernel"];
/// What the kernels of some architectures are called, in lower case (`arch/arm64/boot/Image`).
const WHOLE: [&str; 2] = ["image", "image.gz"];
/// What is found beside a kernel under its name, and is none.
const BESIDE: [&str; 16] = [
    ".cfg",
    ".conf",
    ".json",
    ".yaml",
    ".txt",
    ".sig",
    ".asc",
    ".sha256",
    ".squashfs",
    ".cpio",
    ".img",
    ".tar",
    ".tgz",
    ".tar.gz",
    ".tar.xz",
    ".tar.zst",
];

/// The step that fetching this file of an image (the key of its index) shows: a boot file that `metadata.yaml` names is the
/// bootloader's, and a kernel is told by its name. None for everything else.
pub fn step(path: &str, boot_files: &BootFiles) -> Option<Step> {
    let path = path.strip_suffix(TEMPLATE_SUFFIX).unwrap_or(path);
    if boot_files.iter().any(|(_, named)| named == path) {
        return Some(Step::Bootloader);
    }
    is_kernel(path.rsplit('/').next().unwrap_or(path)).then_some(Step::Kernel)
}

fn is_kernel(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_named = WHOLE.contains(&name.as_str()) || KERNELS.iter().any(|kernel| name.starts_with(kernel));
    is_named && !BESIDE.iter().any(|ending| name.ends_with(ending))
}
