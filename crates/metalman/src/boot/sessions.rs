//! Boots under way: which digest each began with, and what its firmware said it is.
//!
//! A boot begins when DHCP offers a NIC something to boot, or when a NIC without a boot asks for a file. It ends after
//! [`IDLE`] without either, or when firmware asks DHCP again and the last file was asked for more than [`NEW_BOOT`] ago:
//! firmware asks several times before it fetches anything, and iPXE asks again right after the ROM fetched it, while the
//! kernel's own DHCP does not announce an architecture and so never ends a boot between kernel and initrd. Until then the
//! boot is served from the image it began with, also when the tag moves or the Machine names another image.
//!
//! Invariants: bounded ([`MOST`], and one for each NIC); an image is held only by boots under way.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use metalman_core::{api::MacAddr, dhcp::BootClient, lifecycle::timeline::Step, netboot::Architecture};

use crate::images::Image;

/// A boot from which nothing was heard for so long is over: longer than any installer is silent between two files.
const IDLE: Duration = Duration::from_mins(30);
/// How long after the last file a request by firmware begins a new boot.
const NEW_BOOT: Duration = Duration::from_secs(20);
/// Boots remembered at most; beyond, the one heard from least lately is forgotten.
const MOST: usize = 65_536;
/// Files of one boot that the log tells of.
const TOLD: usize = 64;

/// Boots by the NIC that boots.
#[derive(Debug, Default)]
pub struct Sessions {
    table: Mutex<HashMap<MacAddr, Session>>,
}

#[derive(Debug)]
struct Session {
    image: Arc<Image>,
    architecture: Option<Architecture>,
    heard: Instant,
    /// When a file was asked for last.
    file: Option<Instant>,
    /// The files told of in the log.
    told: BTreeSet<String>,
    /// The furthest step that was written down, and when.
    reached: Option<(Step, Instant)>,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) > IDLE
    }

    /// Whether firmware that asks DHCP now begins another boot.
    fn is_quiet(&self, now: Instant) -> bool {
        self.file.is_none_or(|file| now.saturating_duration_since(file) > NEW_BOOT)
    }
}

impl Sessions {
    /// A NIC was offered something to boot: a boot begins (or goes on, when firmware asks again, and when iPXE follows the
    /// ROM). From here on it is served from [`Sessions::image`].
    pub fn began(&self, mac: MacAddr, architecture: Option<Architecture>, image: &Arc<Image>) {
        self.began_at(mac, architecture, image, Instant::now());
    }

    /// The image whose boot files a NIC is offered now, `current` being what its Machine names, if that is here: the image of
    /// the boot that goes on, else `current`. Changes nothing; [`Sessions::began`] does, with the image from here.
    pub fn offered(&self, mac: MacAddr, current: Option<&Arc<Image>>) -> Option<Arc<Image>> {
        self.offered_at(mac, current, Instant::now())
    }

    /// The architecture that the NIC announced in the boot under way.
    pub fn architecture(&self, mac: MacAddr) -> Option<Architecture> {
        self.lock().get(&mac).filter(|session| !session.is_over(Instant::now()))?.architecture
    }

    /// The image of the boot under way; `current` when there is none, which begins one.
    pub fn image(&self, mac: MacAddr, current: &Arc<Image>) -> Arc<Image> {
        self.file_at(mac, Some(current), Instant::now()).unwrap_or_else(|| current.clone())
    }

    /// The image of the boot under way, when its Machine's reference resolves to nothing that is here.
    pub fn pinned(&self, mac: MacAddr) -> Option<Arc<Image>> {
        self.file_at(mac, None, Instant::now())
    }

    /// Whether a file is given for the first time in the boot under way, as far as that is remembered.
    pub(super) fn is_first(&self, mac: MacAddr, path: &str) -> bool {
        let mut table = self.lock();
        let Some(session) = table.get_mut(&mac) else { return false };
        session.told.len() < TOLD && !session.told.contains(path) && session.told.insert(path.to_owned())
    }

    /// Whether a request for an address, after [`Sessions::began`], is worth writing down: it is not the repetition of one
    /// (firmware asks several times before it fetches anything), nor iPXE's after the ROM fetched it.
    pub(super) fn asks(&self, mac: MacAddr, client: BootClient) -> bool {
        self.asks_at(mac, client, Instant::now())
    }

    /// Whether a file that shows this step is the first to do so in the boot under way.
    pub(super) fn reaches(&self, mac: MacAddr, step: Step) -> bool {
        let mut table = self.lock();
        let Some(session) = table.get_mut(&mac) else { return false };
        let is_further = session.reached.is_none_or(|(reached, _)| reached < step);
        if is_further {
            session.reached = Some((step, Instant::now()));
        }
        is_further
    }

    /// Forgets boots that are over, so that their images can be collected.
    pub fn expire(&self) {
        self.expire_at(Instant::now());
    }

    /// As if nothing had been heard from that NIC for long.
    #[cfg(test)]
    pub(crate) fn forget(&self, mac: MacAddr) {
        self.lock().remove(&mac);
    }

    /// How many boots are remembered.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether no boot is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn began_at(&self, mac: MacAddr, architecture: Option<Architecture>, image: &Arc<Image>, now: Instant) {
        let mut table = self.lock();
        if let Some(session) = table.get_mut(&mac).filter(|session| !session.is_over(now)) {
            let quiet = session.is_quiet(now);
            session.heard = now;
            if let Some(architecture) = architecture {
                session.architecture = Some(architecture);
                if quiet {
                    session.image = image.clone();
                    session.file = None;
                    session.told.clear();
                }
            }
            return;
        }
        insert(
            &mut table,
            mac,
            Session {
                image: image.clone(),
                architecture,
                heard: now,
                file: None,
                told: BTreeSet::new(),
                reached: None,
            },
            now,
        );
    }

    fn asks_at(&self, mac: MacAddr, client: BootClient, now: Instant) -> bool {
        let mut table = self.lock();
        let Some(session) = table.get_mut(&mac) else { return false };
        let is_news = match session.reached {
            None => true,
            Some((Step::Dhcp, at)) => now.saturating_duration_since(at) > NEW_BOOT,
            // The last file was long ago, or the ROM starts from the beginning.
            Some(_) => session.file.is_none() || client != BootClient::Ipxe,
        };
        if is_news {
            session.reached = Some((Step::Dhcp, now));
        }
        is_news
    }

    fn offered_at(&self, mac: MacAddr, current: Option<&Arc<Image>>, now: Instant) -> Option<Arc<Image>> {
        let table = self.lock();
        let session = table.get(&mac).filter(|session| !session.is_over(now));
        match (session, current) {
            (Some(session), Some(current)) if session.is_quiet(now) => Some(current.clone()),
            (Some(session), _) => Some(session.image.clone()),
            (None, current) => current.cloned(),
        }
    }

    fn file_at(&self, mac: MacAddr, current: Option<&Arc<Image>>, now: Instant) -> Option<Arc<Image>> {
        let mut table = self.lock();
        if let Some(session) = table.get_mut(&mac).filter(|session| !session.is_over(now)) {
            session.heard = now;
            session.file = Some(now);
            return Some(session.image.clone());
        }
        let image = current?.clone();
        let session = Session {
            image: image.clone(),
            architecture: None,
            heard: now,
            file: Some(now),
            told: BTreeSet::new(),
            reached: None,
        };
        insert(&mut table, mac, session, now);
        Some(image)
    }

    fn expire_at(&self, now: Instant) {
        self.lock().retain(|_, session| !session.is_over(now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MacAddr, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(table: &mut HashMap<MacAddr, Session>, mac: MacAddr, session: Session, now: Instant) {
    if table.len() >= MOST && !table.contains_key(&mac) {
        table.retain(|_, session| !session.is_over(now));
        if table.len() >= MOST
            && let Some(oldest) = table.iter().min_by_key(|(_, session)| session.heard).map(|(mac, _)| *mac)
        {
            table.remove(&oldest);
        }
    }
    table.insert(mac, session);
}

#[cfg(test)]
mod tests;
