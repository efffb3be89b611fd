//! Real firmware boots from a real metalman: OVMF in QEMU, GRUB, a Debian kernel and an initrd that says who it is.
//!
//! Role: the whole path at once, from the folder of a netboot image to a userspace that knows its Machine's name. What each
//! server does with odd clients is tested elsewhere, and faster.
//!
//! Invariants: every network is a namespace of its own; every wait has a limit and shows the machine's console when it
//! passes; the consoles are kept in the build's `tmp/e2e`.

mod boots;
mod image;
mod networks;
