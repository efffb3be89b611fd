//! What a bootloader understands: where it was loaded from, and its menu. Pure.

use std::net::{Ipv4Addr, SocketAddrV4};

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// TFTP.
    Tftp(Ipv4Addr),
    /// HTTP, by address and port.
    Http(SocketAddrV4),
}

/// A file somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Where.
    pub origin: Origin,
    /// Its name there: without a leading slash for TFTP, with one for HTTP.
    pub path: String,
}

impl Origin {
    /// A file there.
    pub fn fetch(&self, path: &str) -> Fetch {
        let name = path.trim_start_matches('/');
        let path = match self {
            Self::Tftp(_) => name.to_owned(),
            Self::Http(_) => format!("/{name}"),
        };
        Fetch { origin: self.clone(), path }
    }

    /// The origin and the path of an `http` URL whose host is an address: firmware here asks no DNS.
    pub fn of_url(url: &str) -> Option<(Self, String)> {
        let rest = url.strip_prefix("http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        Some((Self::Http(authority(host)?), path.to_owned()))
    }
}

impl Fetch {
    /// The file behind an `http` URL.
    pub fn from_url(url: &str) -> Option<Self> {
        let (origin, path) = Origin::of_url(url)?;
        Some(origin.fetch(&path))
    }
}

fn authority(host: &str) -> Option<SocketAddrV4> {
    host.parse().ok().or_else(|| Some(SocketAddrV4::new(host.parse().ok()?, 80)))
}

/// What a menu in GRUB's language says, as far as netboot images go: the root, a kernel with its parameters, an initial RAM
/// disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    root: Option<Origin>,
    /// The kernel.
    pub kernel: String,
    /// The initial RAM disk.
    pub initrd: Option<String>,
    /// `metalman.url=` of the kernel's parameters: where the installer reports to.
    pub url: Option<String>,
    /// `metalman.image=` of the kernel's parameters: what the installer writes, as a URL.
    pub image: Option<String>,
}

impl Menu {
    /// Reads it; none when it boots no kernel.
    pub fn read(text: &str) -> Option<Self> {
        let mut menu = Self { root: None, kernel: String::new(), initrd: None, url: None, image: None };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("set"), Some(assignment)) => {
                    let host = assignment.strip_prefix("root=http,").or_else(|| assignment.strip_prefix("root=(http,"));
                    if let Some(host) = host {
                        menu.root = authority(host.trim_end_matches(')')).map(Origin::Http);
                    }
                }
                (Some("linux"), Some(kernel)) => {
                    kernel.clone_into(&mut menu.kernel);
                    for word in words {
                        match word.split_once('=') {
                            Some(("metalman.url", url)) => menu.url = Some(url.to_owned()),
                            Some(("metalman.image", url)) => menu.image = Some(url.to_owned()),
                            _ => {}
                        }
                    }
                }
                (Some("initrd"), Some(initrd)) => menu.initrd = Some(initrd.to_owned()),
                (Some("exit"), _) => break,
                _ => {}
            }
        }
        (!menu.kernel.is_empty()).then_some(menu)
    }

    /// Where the kernel comes from: the menu's root, else where the bootloader came from.
    pub fn root(&self, loaded_from: &Origin) -> Origin {
        self.root.clone().unwrap_or_else(|| loaded_from.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_with_everything() {
        let menu = Menu::read(
            "# for n1\nset root=http,10.0.0.1:8880\necho hello\nlinux /vmlinuz quiet metalman.url=http://10.0.0.1:8880 \
             metalman.image=http://10.0.0.1:8880/disk.img\ninitrd /initrd.gz\nboot\n",
        )
        .expect("a kernel");
        let http = Origin::Http("10.0.0.1:8880".parse().expect("an address"));
        assert_eq!(menu.root(&Origin::Tftp(Ipv4Addr::LOCALHOST)), http);
        assert_eq!(http.fetch(&menu.kernel).path, "/vmlinuz");
        assert_eq!(menu.initrd.as_deref(), Some("/initrd.gz"));
        assert_eq!(menu.url.as_deref(), Some("http://10.0.0.1:8880"));
        assert_eq!(menu.image.as_deref().and_then(Fetch::from_url), Some(http.fetch("disk.img")));
    }

    #[test]
    fn a_menu_that_leaves_boots_nothing() {
        assert_eq!(Menu::read("exit 1\nlinux /vmlinuz\n"), None);
        assert_eq!(Menu::read(""), None);
    }

    #[test]
    fn files_are_named_as_their_protocol_wants() {
        let tftp = Origin::Tftp(Ipv4Addr::LOCALHOST);
        assert_eq!(tftp.fetch("/grub/grub.cfg").path, "grub/grub.cfg");
        let (http, path) = Origin::of_url("http://10.0.0.1/boot.efi").expect("a URL");
        assert_eq!((http, path.as_str()), (Origin::Http("10.0.0.1:80".parse().expect("an address")), "boot.efi"));
        assert_eq!(Origin::of_url("https://10.0.0.1/boot.efi"), None);
    }
}
