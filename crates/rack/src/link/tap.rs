//! One tap device: frames in and out of a file descriptor.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
};

/// A tap, non-blocking. It vanishes when dropped.
#[derive(Debug)]
pub(super) struct Tap(File);

impl Tap {
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open("/dev/net/tun")?;
        attach(&device, name)?;
        Ok(Self(device))
    }

    /// The next frame; none when there is none now.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.0).read(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        (&self.0).write_all(frame)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Makes the descriptor a tap of that name, without the packet information header.
#[allow(unsafe_code)]
fn attach(device: &File, name: &str) -> io::Result<()> {
    let mut name_field = [0; libc::IFNAMSIZ];
    if name.is_empty() || name.len() >= name_field.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an interface's name has 1 to 15 bytes"));
    }
    for (to, from) in name_field.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let flags = libc::c_short::try_from(libc::IFF_TAP | libc::IFF_NO_PI).map_err(io::Error::other)?;
    let request = libc::ifreq { ifr_name: name_field, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    // SAFETY: TUNSETIFF reads an ifreq, which lives until the call returns; the descriptor is open.
    let outcome = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF as _, &raw const request) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
