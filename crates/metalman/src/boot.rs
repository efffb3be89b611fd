//! Boot files for Machines: what TFTP and HTTP have in common. Peer address → Machine → image → file, rendered template or
//! user-data.
//!
//! Invariants: everything comes from memory and local disk; a boot that began with one digest of a tag ends with it; one
//! Machine's broken template costs nobody else anything.

mod journal;
mod metrics;
pub mod problems;
mod renders;
mod sessions;
mod templates;
mod user_data;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use bytes::Bytes;
use metalman_core::{
    agent_config::Site,
    api::{MacAddr, Machine, lease::Lease},
    bootfile::{self, Plan},
    dhcp::BootClient,
    lifecycle::timeline::Step,
    netboot::Architecture,
    template::{Data, Request},
};
use tokio::sync::watch;
use tracing::info;

pub use self::{
    journal::{Entry, Journal, JournalWriter, Unwritten},
    metrics::BootMetrics,
    problems::Problems,
    sessions::Sessions,
    user_data::UserData,
};
use self::{problems::Subject, renders::Renders, templates::Templates, user_data::Unresolved};
use crate::{
    events::Recorder,
    facts::ClusterFacts,
    images::{Image, ImageState, Images},
    inventory::SharedInventory,
    metrics::Metrics,
};

/// What every boot server looks things up in. Clones share it.
#[derive(Clone)]
pub struct Boot {
    /// The site's Machines.
    pub inventory: Arc<SharedInventory>,
    /// Their images.
    pub images: Images,
    /// Boots under way.
    pub sessions: Arc<Sessions>,
    /// Custom user-data.
    pub user_data: Arc<UserData>,
    /// What machines are told about the cluster.
    pub facts: watch::Receiver<ClusterFacts>,
    /// What machines are told to boot from, without a slash at the end.
    pub serve_url: Arc<str>,
    /// Tells of what failed.
    pub problems: Arc<Problems>,
    /// Writes down how far each boot is.
    pub journal: Arc<Journal>,
    /// Events about Machines.
    pub events: Recorder,
    /// Counters.
    pub metrics: Arc<Metrics>,
    templates: Arc<Templates>,
    renders: Arc<Renders>,
}

/// What a request gets.
#[derive(Debug, Clone)]
pub struct BootFile {
    /// The content.
    pub body: Bytes,
    /// Whether it comes from the image as it is.
    pub origin: Origin,
}

/// Where content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file of the image, the same for everybody for ever.
    Stored {
        /// SHA-256 of the content.
        sha256: [u8; 32],
        /// Seconds since 1970.
        modified: i64,
    },
    /// Made for this Machine now.
    Rendered,
}

/// Why a request gets nothing. Display is what the requester is told: little.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootError {
    /// No served Machine has the peer's address.
    #[error("unknown machine")]
    UnknownMachine,
    /// The image has no such file.
    #[error("no such file")]
    NotFound,
    /// The image was never pulled.
    #[error("the netboot image is not here yet")]
    NotYet,
    /// A template, or a reference to user-data, failed; the operator sees why on the Machine.
    #[error("{0}")]
    Failed(String),
}

/// A request whose answer is decided and not made yet.
#[derive(Debug)]
struct Found {
    machine: Arc<Machine>,
    lease: Lease,
    what: What,
}

#[derive(Debug)]
enum What {
    Stored { image: Arc<Image>, path: String },
    Template { image: Arc<Image>, path: String },
    UserData,
}

impl Found {
    /// Whether making it computes: a template may use the processor for some tens of milliseconds.
    fn is_rendered(&self) -> bool {
        matches!(self.what, What::Template { .. })
    }
}

impl Boot {
    /// Serves these Machines.
    pub fn new(
        inventory: Arc<SharedInventory>,
        images: Images,
        user_data: Arc<UserData>,
        facts: watch::Receiver<ClusterFacts>,
        serve_url: impl Into<Arc<str>>,
        problems: Arc<Problems>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            inventory,
            images,
            sessions: Arc::default(),
            user_data,
            facts,
            serve_url: serve_url.into(),
            events: problems.events.clone(),
            journal: problems.journal.clone(),
            problems,
            metrics,
            templates: Arc::default(),
            renders: Arc::default(),
        }
    }

    /// The file that the machine at this address means. Computes when it is a template; async callers take
    /// [`Boot::fetch`].
    pub fn open(&self, peer: IpAddr, path: &str) -> Result<BootFile, BootError> {
        self.find(peer, path).and_then(|found| self.load(&found))
    }

    /// The same without blocking: templates are rendered on threads that may compute, each Machine's in turn.
    pub async fn fetch(&self, peer: IpAddr, path: &str) -> Result<BootFile, BootError> {
        let found = self.find(peer, path)?;
        if !found.is_rendered() {
            return self.load(&found);
        }
        let permit = self.renders.permit(found.machine.name()).await;
        let boot = self.clone();
        let rendering = tokio::task::spawn_blocking(move || {
            let made = boot.load(&found);
            drop(permit);
            made
        });
        rendering.await.unwrap_or_else(|_| Err(BootError::Failed("rendering was interrupted".to_owned())))
    }

    /// Firmware (or iPXE) on that NIC was offered something to boot, and [`Sessions::began`] knows.
    pub fn asked(&self, machine: &Machine, mac: MacAddr, client: BootClient, architecture: Architecture) {
        if self.sessions.asks(mac, client) {
            let message = Some(format!("{mac}, {architecture}"));
            self.journal.note(machine, Entry::Progress { step: Step::Dhcp, message });
        }
    }

    /// The Machine at this address.
    pub fn machine(&self, peer: IpAddr) -> Result<Arc<Machine>, BootError> {
        self.machine_at(peer).map(|(machine, _)| machine)
    }

    /// Whether that is the address of a served Machine.
    pub fn knows(&self, peer: IpAddr) -> bool {
        self.machine_at(peer).is_ok()
    }

    /// Decides what the machine at this address means: a few lookups in memory.
    fn find(&self, peer: IpAddr, path: &str) -> Result<Found, BootError> {
        let found = self.decide(peer, path);
        if let Err(error) = &found {
            self.metrics.boot.asked(Err(error));
        }
        found
    }

    /// Makes the content.
    fn load(&self, found: &Found) -> Result<BootFile, BootError> {
        let (path, made) = match &found.what {
            What::Stored { image, path } => (path.as_str(), self.stored(found, image, path)),
            What::Template { image, path } => (path.as_str(), self.rendered(found, image, path)),
            What::UserData => (bootfile::USER_DATA, self.user_data(found)),
        };
        // Once in a boot: a machine that asks in a loop fills no log.
        if made.is_ok() && self.sessions.is_first(found.lease.mac, path) {
            info!(machine = found.machine.name(), mac = %found.lease.mac, ip = %found.lease.ipv4, path, "boot file served");
        }
        if let (Ok(_), What::Stored { image, path } | What::Template { image, path }) = (&made, &found.what) {
            self.fetched(found, image, path);
        }
        self.metrics.boot.asked(made.as_ref().map(|file| &file.origin));
        made
    }

    /// Writes down how far the boot is, when this file shows it.
    fn fetched(&self, found: &Found, image: &Image, path: &str) {
        if let Some(step) = bootfile::step(path, &image.metadata.boot_files)
            && self.sessions.reaches(found.lease.mac, step)
        {
            self.journal.note(&found.machine, Entry::Progress { step, message: Some(path.to_owned()) });
        }
    }

    fn decide(&self, peer: IpAddr, path: &str) -> Result<Found, BootError> {
        let (machine, lease) = self.machine_at(peer)?;
        // Whoever asks for what no image can have begins no boot.
        match bootfile::plan(path, None) {
            Plan::NotFound => return Err(BootError::NotFound),
            Plan::UserData => return Ok(Found { machine, lease, what: What::UserData }),
            Plan::NotYet | Plan::Stream(_) | Plan::Render(_) => {}
        }
        let image = match self.images.of(&machine) {
            ImageState::Ready(current) => Some(self.sessions.image(lease.mac, &current)),
            ImageState::NotYet(_) => self.sessions.pinned(lease.mac),
        };
        let image = image.ok_or(BootError::NotYet)?;
        let what = match bootfile::plan(path, Some(&image.files)) {
            Plan::Stream(path) => What::Stored { image, path },
            Plan::Render(path) => What::Template { image, path },
            Plan::UserData => What::UserData,
            Plan::NotYet => return Err(BootError::NotYet),
            Plan::NotFound => return Err(BootError::NotFound),
        };
        Ok(Found { machine, lease, what })
    }

    fn machine_at(&self, peer: IpAddr) -> Result<(Arc<Machine>, Lease), BootError> {
        let IpAddr::V4(ipv4) = peer.to_canonical() else { return Err(BootError::UnknownMachine) };
        let inventory = self.inventory.read();
        match inventory.by_ipv4(ipv4).served() {
            Some((machine, lease)) => Ok((machine.clone(), lease.clone())),
            // Before the first list, nobody is unknown for sure.
            None if !self.inventory.is_synced() => Err(BootError::NotYet),
            None => Err(BootError::UnknownMachine),
        }
    }

    fn stored(&self, found: &Found, image: &Arc<Image>, path: &str) -> Result<BootFile, BootError> {
        let subject = Subject::File { path, digest: &image.digest };
        let info = image.info(path).ok_or(BootError::NotFound)?;
        let body = image.open(path).map_err(|error| self.unreadable(found, subject, &error))?;
        self.problems.works(&found.machine, subject);
        Ok(BootFile { body, origin: Origin::Stored { sha256: info.sha256, modified: info.modified } })
    }

    fn rendered(&self, found: &Found, image: &Arc<Image>, path: &str) -> Result<BootFile, BootError> {
        let subject = Subject::File { path, digest: &image.digest };
        let template = self.templates.get(image, path).map_err(|error| self.unreadable(found, subject, &error))?;
        let site = self.site();
        let request = Request {
            machine: &found.machine,
            lease: &found.lease,
            architecture: self.architecture(&found.lease),
            image_digest: &image.digest,
            site: &site,
        };
        match template.and_then(|template| template.render(&Data::new(&request))) {
            Ok(content) => {
                self.problems.works(&found.machine, subject);
                Ok(BootFile { body: content.into(), origin: Origin::Rendered })
            }
            Err(error) => {
                let why = error.to_string();
                self.problems.failed(&found.machine, subject, "TemplateFailed", &why);
                Err(BootError::Failed(why))
            }
        }
    }

    fn user_data(&self, found: &Found) -> Result<BootFile, BootError> {
        match self.user_data.of(&found.machine) {
            Ok(body) => {
                self.problems.works(&found.machine, Subject::UserData);
                Ok(BootFile { body, origin: Origin::Rendered })
            }
            Err(Unresolved::NotYet) => Err(BootError::NotYet),
            Err(Unresolved::Failed(why)) => {
                self.problems.failed(&found.machine, Subject::UserData, "UserDataFailed", &why);
                // The network is told the field, the operator the names.
                Err(BootError::Failed("spec.pxe.cloudInit.userDataConfigMapRef does not resolve".to_owned()))
            }
        }
    }

    fn unreadable(&self, found: &Found, subject: Subject<'_>, error: &std::io::Error) -> BootError {
        self.problems.failed(&found.machine, subject, "BootFileUnreadable", &error.to_string());
        BootError::Failed("the file cannot be read".to_owned())
    }

    fn architecture(&self, lease: &Lease) -> Option<Architecture> {
        self.sessions.architecture(lease.mac)
    }

    fn site(&self) -> Site {
        let facts = self.facts.borrow();
        Site {
            apiserver_url: facts.apiserver_url.value.clone(),
            ca_pem: facts.ca_pem.value.clone(),
            kubernetes_version: facts.kubernetes_version.value.clone(),
            cluster_dns: facts.cluster_dns.value,
            serve_url: self.serve_url.to_string(),
            provider_labels: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
