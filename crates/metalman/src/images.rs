//! Netboot images on local disk: pulled from registries, verified, unpacked, indexed, served from memory maps.
//!
//! Role: [`Images`] answers "which image does this Machine boot" from memory; its task pulls in the background what the
//! Machines of this site name, on every replica. Downwards: [`follow`] decides what to pull when, [`pull`] carries one pull
//! out of a [`source`] (a [`registry`] or a [`layout`]) through [`unpack`] into the [`store`].
//!
//! Invariants: lookups never wait for a registry or the API server; an [`Image`] is immutable and stays readable while
//! somebody holds it, also after it was collected.

mod collect;
pub mod digest;
mod follow;
mod image;
pub mod image_ready;
mod key;
pub mod layout;
pub mod manifest;
mod mapping;
mod metrics;
mod pull;
pub(crate) mod pull_secret;
pub mod reference;
pub mod registry;
pub(crate) mod source;
pub mod store;
pub mod unpack;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};

use metalman_core::{api::Machine, netboot};
use tokio::sync::{Notify, watch};

pub use self::{
    collect::CacheLimits,
    follow::{Cache, Follower, LOADED},
    image::Image,
    metrics::ImageMetrics,
};
use self::{
    follow::Slot,
    key::{Key, Name, Named, of_firmware},
    manifest::Architecture,
    registry::Trust,
    store::StoreError,
    unpack::Limits,
};
use crate::config::{Config, LayoutRoot};

/// What is known of the image that a Machine names.
#[derive(Debug, Clone)]
pub enum ImageState {
    /// It is here. What its reference resolved to last.
    Ready(Arc<Image>),
    /// Not here yet; why, if pulling it failed.
    NotYet(Option<Arc<str>>),
}

/// What the images are kept by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cache folder.
    pub cache_dir: PathBuf,
    /// A name for what this site's references resolved to.
    pub site: String,
    /// Where layouts may lie.
    pub layout_root: LayoutRoot,
    /// Which registries are believed.
    pub trust: Trust,
    /// metalman's namespace, where pull secrets are.
    pub namespace: String,
    /// How much one image may cost.
    pub limits: Limits,
    /// How much the cache may hold.
    pub cache: CacheLimits,
    /// How often tags are resolved again.
    pub refresh: Duration,
    /// How often tags of layouts are: reading them costs nobody else anything.
    pub refresh_layouts: Duration,
    /// How long a registry may be silent.
    pub patience: Duration,
}

impl Settings {
    /// As `serve-pxe` was told.
    pub fn of(config: &Config) -> Self {
        Self {
            cache_dir: config.cache_dir.clone(),
            site: config.site.clone().unwrap_or_else(|| "_none".to_owned()),
            layout_root: config.layout_root.clone(),
            trust: config.registries.clone(),
            namespace: config.namespace.clone(),
            limits: Limits::default(),
            cache: config.cache_limits,
            refresh: Duration::from_mins(5),
            refresh_layouts: Duration::from_secs(15),
            patience: registry::STALL,
        }
    }
}

/// The images of this site. Clones share them.
#[derive(Clone, Default)]
pub struct Images {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    slots: RwLock<BTreeMap<Key, Slot>>,
    /// All images in memory by their digest.
    held: RwLock<BTreeMap<String, Arc<Image>>>,
    /// What the firmware of Machines last said it runs on, by their names.
    announced: RwLock<HashMap<String, Architecture>>,
    /// Somebody asked for what nobody pulls.
    wanted: Notify,
    /// Raised by each change of what is known.
    changes: watch::Sender<u64>,
}

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Images").finish_non_exhaustive()
    }
}

impl Images {
    /// Opens the cache and loads what is in it. Blocks.
    pub fn open(settings: Settings) -> Result<(Self, Cache), StoreError> {
        let images = Self::default();
        let cache = Cache::load(images.clone(), settings)?;
        Ok((images, cache))
    }

    /// The Machine's firmware says what it runs on: from now on that is what its reference means.
    pub fn announce(&self, machine: &Machine, firmware: netboot::Architecture) {
        let architecture = of_firmware(firmware);
        if read(&self.shared.announced).get(machine.name()) == Some(&architecture) {
            return;
        }
        write(&self.shared.announced).insert(machine.name().to_owned(), architecture);
        self.shared.wanted.notify_one();
    }

    /// The image that the Machine names, as far as it is here. From memory.
    pub fn of(&self, machine: &Machine) -> ImageState {
        self.resolved(machine, self.announced(machine).unwrap_or_default())
    }

    /// [`Images::announce`] and [`Images::of`] in one, which a packet does thousands of times a second.
    pub fn of_firmware(&self, machine: &Machine, firmware: netboot::Architecture) -> ImageState {
        self.announce(machine, firmware);
        self.resolved(machine, of_firmware(firmware))
    }

    fn resolved(&self, machine: &Machine, architecture: Architecture) -> ImageState {
        let Some(name) = Name::of(machine, architecture) else { return ImageState::NotYet(None) };
        let slots = read(&self.shared.slots);
        let slot = slots.get(&name as &dyn Named);
        if let Some(image) = slot.and_then(|slot| slot.image.clone()) {
            return ImageState::Ready(image);
        }
        if slot.is_none() {
            // Its architecture was announced just now.
            self.shared.wanted.notify_one();
        }
        // An image that is the only one serves every architecture.
        let default = Name { architecture: Architecture::default(), ..name };
        let only =
            slots.get(&default as &dyn Named).filter(|slot| slot.record.as_ref().is_some_and(|record| record.only));
        if let Some(image) = only.and_then(|slot| slot.image.clone()) {
            return ImageState::Ready(image);
        }
        ImageState::NotYet(slot.and_then(|slot| slot.failure.as_ref()).map(|failure| failure.text.clone()))
    }

    /// Why the Machine's reference could not be resolved again, while what it resolved to before is served.
    pub fn stale(&self, machine: &Machine) -> Option<Arc<str>> {
        let slots = read(&self.shared.slots);
        let name = Name::of(machine, self.announced(machine).unwrap_or_default())?;
        slots.get(&name as &dyn Named)?.failure.as_ref().map(|failure| failure.text.clone())
    }

    /// Wakes after each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn announced(&self, machine: &Machine) -> Option<Architecture> {
        read(&self.shared.announced).get(machine.name()).copied()
    }

    fn changed(&self) {
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}
