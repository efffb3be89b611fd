//! Keeps the images of this site's Machines up to date.
//!
//! Role: learns from the inventory what is named, pulls what is missing, resolves tags again from time to time, retries what
//! failed, and collects what nobody names. Invariants: what was resolved once is served until something newer is here, however
//! often resolving it again fails; each reference has its own pace, so that a dead registry costs only its own images.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Image, Images, Settings,
    collect::doomed,
    digest::Digest,
    key::Key,
    pull::{PullError, Pulled, Puller},
    pull_secret::PullSecrets,
    read,
    reference::Reference,
    store::{Record, Store, StoreError},
    write,
};
use crate::{health::Readiness, inventory::SharedInventory, jitter::jittered, metrics::Metrics};

/// The check in `/readyz`: what is on disk is loaded, and what this site's Machines name was tried once.
pub const LOADED: &str = "images-loaded";

/// First and longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(5));
/// How much of a pause is certain, in percent.
const JITTER: u32 = 90;
/// How often the cache is looked through.
const COLLECT: Duration = Duration::from_mins(10);
/// Changes of the inventory that come together are looked at together.
const GATHER: Duration = Duration::from_millis(50);
/// How long readiness waits for first pulls: an image that cannot be pulled must not keep a replica from serving the others.
const FIRST_PULLS: Duration = Duration::from_mins(1);

/// What is known of one reference.
#[derive(Debug)]
pub(super) struct Slot {
    /// What it resolved to last.
    pub(super) record: Option<Record>,
    /// The image, if it is here.
    pub(super) image: Option<Arc<Image>>,
    /// Why the last try failed.
    pub(super) failure: Option<Failure>,
    /// When to try next; none: never again.
    due: Option<Instant>,
    busy: bool,
    tried: bool,
}

/// A failed try.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) text: Arc<str>,
    /// How many there were in a row.
    count: u32,
    /// For want of room, which collecting may make.
    full: bool,
}

/// What was found on disk.
pub struct Cache {
    images: Images,
    store: Arc<Store>,
    records: BTreeMap<Key, Record>,
    settings: Settings,
}

/// The task.
pub struct Follower {
    images: Images,
    puller: Arc<Puller>,
    settings: Settings,
    inventory: Arc<SharedInventory>,
    /// What is on disk, also of references that nobody names now.
    records: BTreeMap<Key, Record>,
    pulls: JoinSet<(Key, Result<Pulled, PullError>)>,
    collecting: JoinSet<Collected>,
    collect_at: Instant,
    full: bool,
}

/// What collecting did.
struct Collected {
    forgotten: Vec<Key>,
    outcome: Result<(usize, usize, u64), StoreError>,
}

impl Cache {
    /// Loads what is on disk. Blocks.
    pub(super) fn load(images: Images, settings: Settings) -> Result<Self, StoreError> {
        let store = Arc::new(Store::open(&settings.cache_dir, &settings.site)?);
        let (records, damaged) = store.records()?;
        for error in damaged {
            let error = PullError::from(error).explain();
            warn!(error, "a record in the image cache is damaged: its image is resolved again");
        }
        let mut loaded = 0;
        for record in records.values() {
            if held(&images, &record.digest).is_some() {
                continue;
            }
            match store.load(&record.digest) {
                Ok(Some(image)) => {
                    loaded += 1;
                    hold(&images, &image);
                }
                Ok(None) => {}
                Err(error) => {
                    let error = PullError::from(error).explain();
                    warn!(image = %record.digest, error, "image in the cache is damaged: it is pulled again");
                    let _ = store.remove(&record.digest);
                }
            }
        }
        info!(images = loaded, references = records.len(), "image cache loaded");
        Ok(Self { images, store, records, settings })
    }

    /// What keeps the images up to date, once it runs.
    pub fn follower(self, client: kube::Client, inventory: Arc<SharedInventory>, metrics: Arc<Metrics>) -> Follower {
        let secrets = PullSecrets::new(client, &self.settings.namespace);
        Follower {
            images: self.images,
            puller: Arc::new(Puller::new(self.store, secrets, &self.settings, metrics)),
            settings: self.settings,
            inventory,
            records: self.records,
            pulls: JoinSet::new(),
            collecting: JoinSet::new(),
            collect_at: Instant::now(),
            full: false,
        }
    }
}

impl Follower {
    /// Runs until stopped.
    pub async fn run(mut self, readiness: Readiness, stop: CancellationToken) {
        let mut machines = self.inventory.changes();
        if stop.run_until_cancelled(self.inventory.clone().synced()).await.is_none() {
            return;
        }
        let ready_at = Instant::now() + FIRST_PULLS;
        let mut ready = false;
        loop {
            self.reconcile();
            self.begin_due();
            if !ready && (self.all_tried() || Instant::now() >= ready_at) {
                readiness.pass(LOADED);
                ready = true;
            }
            let mut next = self.next_due();
            if !ready {
                next = next.min(ready_at);
            }
            let images = self.images.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                changed = machines.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    tokio::time::sleep(GATHER).await;
                    // Before they are read: what comes meanwhile wakes again.
                    machines.mark_unchanged();
                }
                () = images.shared.wanted.notified() => {}
                Some(ended) = self.pulls.join_next(), if !self.pulls.is_empty() => {
                    if let Ok((key, outcome)) = ended {
                        self.ended(&key, outcome);
                    }
                }
                Some(done) = self.collecting.join_next(), if !self.collecting.is_empty() => {
                    if let Ok(collected) = done {
                        self.collected(collected);
                    }
                }
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// What this site's Machines name now gets a slot; what they no longer name loses it.
    fn reconcile(&self) {
        let wanted: BTreeSet<Key> = {
            let inventory = self.inventory.read();
            let machines = inventory.machines();
            // Both: until firmware says what it is, the default is what will be asked for.
            machines
                .flat_map(|machine| {
                    let announced = self.images.announced(machine);
                    let default = Some(super::Architecture::default());
                    [default, announced].into_iter().flatten().filter_map(|architecture| Key::of(machine, architecture))
                })
                .collect()
        };
        let known = |name: &String| self.inventory.read().get(name).is_some();
        write(&self.images.shared.announced).retain(|name, _| known(name));
        let mut changed = false;
        let mut slots = write(&self.images.shared.slots);
        slots.retain(|key, slot| {
            let stays = wanted.contains(key) || slot.busy;
            changed |= !stays;
            stays
        });
        for key in wanted {
            slots.entry(key).or_insert_with_key(|key| {
                changed = true;
                self.new_slot(key)
            });
        }
        drop(slots);
        if changed {
            self.measure();
            self.images.changed();
        }
    }

    fn new_slot(&self, key: &Key) -> Slot {
        let record = self.records.get(key).cloned();
        let image = record.as_ref().and_then(|record| held(&self.images, &record.digest));
        let pinned = key.reference.parse::<Reference>().is_ok_and(|reference| reference.is_pinned());
        // A tag may have moved while nobody looked.
        let due = (!pinned || image.is_none()).then(Instant::now);
        Slot { tried: image.is_some(), record, image, failure: None, due, busy: false }
    }

    fn begin_due(&mut self) {
        let now = Instant::now();
        let mut slots = write(&self.images.shared.slots);
        for (key, slot) in slots.iter_mut().filter(|(_, slot)| !slot.busy && slot.due.is_some_and(|due| due <= now)) {
            slot.busy = true;
            slot.due = None;
            let (puller, key) = (self.puller.clone(), key.clone());
            let known = slot.record.clone().map(|record| (record, slot.image.clone()));
            self.pulls.spawn(async move {
                let outcome = pull(&puller, &key, known).await;
                (key, outcome)
            });
        }
        drop(slots);
        if self.collect_at <= now && self.collecting.is_empty() {
            self.collect();
        }
    }

    fn ended(&mut self, key: &Key, outcome: Result<Pulled, PullError>) {
        let metrics = &self.puller.metrics.images;
        let mut slots = write(&self.images.shared.slots);
        let Some(slot) = slots.get_mut(key) else { return };
        (slot.busy, slot.tried) = (false, true);
        match outcome {
            Ok(pulled) => {
                metrics.succeeded(if pulled.unchanged { "unchanged" } else { "pulled" });
                if !pulled.unchanged {
                    info!(image = key.reference, digest = %pulled.record.digest, "image is here");
                    self.collect_at = self.collect_at.min(Instant::now() + GATHER);
                }
                hold(&self.images, &pulled.image);
                self.records.insert(key.clone(), pulled.record.clone());
                (slot.record, slot.image, slot.failure) = (Some(pulled.record), Some(pulled.image), None);
                slot.due = self.settings.refresh_of(key).map(|pause| Instant::now() + jittered(pause, JITTER));
            }
            Err(error) => {
                metrics.failed(error.class());
                let text = error.explain();
                if error.is_full() {
                    self.full = true;
                    self.collect_at = Instant::now();
                }
                let count = slot.failure.as_ref().map_or(1, |failure| failure.count.saturating_add(1));
                let pause = jittered(PAUSES.0.saturating_mul(2_u32.saturating_pow(count - 1)).min(PAUSES.1), JITTER);
                warn!(
                    image = key.reference,
                    error = text,
                    served = slot.image.is_some(),
                    ?pause,
                    "image cannot be pulled"
                );
                // The same words again: nobody who waits for a change is woken.
                let text = match &slot.failure {
                    Some(before) if *before.text == *text => before.text.clone(),
                    _ => text.into(),
                };
                slot.failure = Some(Failure { text, count, full: error.is_full() });
                slot.due = Some(Instant::now() + pause);
            }
        }
        drop(slots);
        self.measure();
        self.images.changed();
    }

    fn all_tried(&self) -> bool {
        read(&self.images.shared.slots).values().all(|slot| slot.tried)
    }

    fn next_due(&self) -> Instant {
        let slots = read(&self.images.shared.slots);
        let due = slots.values().filter(|slot| !slot.busy).filter_map(|slot| slot.due).min();
        // While collecting runs, its end wakes; its next time must not.
        let collect = if self.collecting.is_empty() { self.collect_at } else { Instant::now() + COLLECT };
        due.map_or(collect, |due| due.min(collect))
    }

    /// Looks through the cache, off this task.
    fn collect(&mut self) {
        self.collect_at = Instant::now() + COLLECT;
        let named: BTreeSet<Digest> = read(&self.images.shared.slots)
            .values()
            .filter_map(|slot| Some(slot.record.as_ref()?.digest.clone()))
            .collect();
        // What boots under way hold stays; what only this map holds goes out of memory, and with it its lock.
        let mut images = write(&self.images.shared.held);
        images.retain(|digest, image| named.iter().any(|n| n.to_string() == *digest) || Arc::strong_count(image) > 1);
        let used: BTreeSet<String> = images.keys().cloned().collect();
        drop(images);
        let (wanted, unwanted): (Vec<Key>, Vec<Key>) = {
            let slots = read(&self.images.shared.slots);
            self.records.keys().cloned().partition(|key| slots.contains_key(key))
        };
        let (store, limits, full) = (self.puller.store.clone(), self.settings.cache, std::mem::take(&mut self.full));
        self.collecting.spawn_blocking(move || {
            for key in &wanted {
                store.touch_record(key);
            }
            let forgotten =
                unwanted.into_iter().filter(|key| store.forget(key, limits.max_age).unwrap_or(false)).collect();
            let sweep = || {
                let images = store.list()?;
                let in_use = |digest: &Digest| used.contains(&digest.to_string());
                for image in images.iter().filter(|image| in_use(&image.digest)) {
                    store.touch(&image.digest);
                }
                let mut removed = 0;
                for digest in doomed(&images, in_use, limits, full, SystemTime::now()) {
                    if store.remove(&digest)? {
                        info!(image = %digest, "image is no longer named and was removed");
                        removed += 1;
                    }
                }
                let left = store.list()?;
                Ok((removed, left.len(), left.iter().map(|image| image.bytes).sum()))
            };
            Collected { forgotten, outcome: sweep() }
        });
    }

    fn collected(&mut self, collected: Collected) {
        for key in collected.forgotten {
            if !read(&self.images.shared.slots).contains_key(&key) {
                self.records.remove(&key);
            }
        }
        match collected.outcome {
            Ok((removed, images, bytes)) => {
                if removed > 0 {
                    self.retry_for_room();
                }
                self.puller.metrics.images.collected(removed);
                self.puller.metrics.images.set_cache(images, bytes);
            }
            Err(error) => warn!(error = PullError::from(error).explain(), "the image cache cannot be looked through"),
        }
    }

    /// There is room again: who lacked it need not wait.
    fn retry_for_room(&self) {
        let mut slots = write(&self.images.shared.slots);
        let waiting = slots.values_mut().filter(|slot| slot.failure.as_ref().is_some_and(|failure| failure.full));
        for slot in waiting.filter(|slot| slot.due.is_some()) {
            slot.due = Some(Instant::now());
        }
    }

    fn measure(&self) {
        let (mut ready, mut stale, mut pulling, mut failed) = (0, 0, 0, 0);
        for slot in read(&self.images.shared.slots).values() {
            *match (&slot.image, &slot.failure) {
                (Some(_), None) => &mut ready,
                (Some(_), Some(_)) => &mut stale,
                (None, None) => &mut pulling,
                (None, Some(_)) => &mut failed,
            } += 1;
        }
        let by_state = [("ready", ready), ("stale", stale), ("pulling", pulling), ("failed", failed)];
        self.puller.metrics.images.set_references(&by_state);
    }
}

impl Settings {
    /// How soon to resolve it again; none: it always means the same.
    fn refresh_of(&self, key: &Key) -> Option<Duration> {
        match key.reference.parse::<Reference>() {
            Ok(reference) if reference.is_pinned() => None,
            Ok(Reference::Layout(_)) => Some(self.refresh_layouts),
            _ => Some(self.refresh),
        }
    }
}

/// One try, and what it resolved to put on disk.
async fn pull(
    puller: &Arc<Puller>,
    key: &Key,
    known: Option<(Record, Option<Arc<Image>>)>,
) -> Result<Pulled, PullError> {
    let before = known.as_ref().map(|(record, _)| (record.top.clone(), record.digest.clone()));
    let outcome = puller.pull(key, known).await?;
    if before != Some((outcome.record.top.clone(), outcome.record.digest.clone())) {
        let (store, record) = (puller.store.clone(), outcome.record.clone());
        let saved = tokio::task::spawn_blocking(move || store.save(&record)).await;
        if let Ok(Err(error)) = saved {
            // Served all the same; after a restart it is resolved again.
            warn!(
                image = key.reference,
                error = PullError::from(error).explain(),
                "what the reference means cannot be kept"
            );
        }
    }
    Ok(outcome)
}

fn held(images: &Images, digest: &Digest) -> Option<Arc<Image>> {
    read(&images.shared.held).get(&digest.to_string()).cloned()
}

fn hold(images: &Images, image: &Arc<Image>) {
    write(&images.shared.held).insert(image.digest.clone(), image.clone());
}
