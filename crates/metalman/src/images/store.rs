//! Images on disk.
//!
//! ```text
//! CACHE/lock                       taken while a process starts
//! CACHE/tmp/ID/                    what a process works on; its lock file is held as long as it lives
//! CACHE/images/sha256-HEX/         an image: image.json (its index), files/HEX (contents by their SHA-256), lock
//! CACHE/references/SITE/HEX.json   what a reference resolved to
//! ```
//!
//! Invariants: what has its final name is complete and on the medium (written elsewhere, synchronised, renamed, the folder
//! synchronised); after a crash only `tmp` holds anything else, and the next start removes it; processes may share the
//! folder: images are equal by their name, are held by a shared lock while somebody uses them, and are removed only under an
//! exclusive one. Everything here blocks.

mod contents;
mod references;

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use metalman_core::netboot::{FileIndex, FileInfo, METADATA, Metadata, MetadataError, hex};
use serde::{Deserialize, Serialize};

pub use self::{contents::Contents, references::Record};
use super::{
    digest::{Digest, parse_sha256},
    image::Image,
};

const INDEX: &str = "image.json";
const MANIFEST: &str = "manifest.json";
const FILES: &str = "files";
const LOCK: &str = "lock";
/// Largest `metadata.yaml` read.
const LARGEST_METADATA: u64 = 1 << 20;

/// The cache folder.
#[derive(Debug)]
pub struct Store {
    images: PathBuf,
    references: PathBuf,
    temporary: PathBuf,
    /// Held as long as the process lives.
    _alive: File,
}

/// Why the cache cannot do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder.
    #[error("the image cache cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An index that is damaged.
    #[error("the image cache has a damaged {}: {problem}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        problem: String,
    },
    /// The image does not say what to boot.
    #[error("the image has no /disk/metadata.yaml, so it is not a netboot image")]
    NoMetadata,
    /// It does, but cannot be understood.
    #[error("the image cannot be booted")]
    Metadata(#[source] MetadataError),
    /// It names a file that is not there.
    #[error("the image cannot be booted: metadata.yaml names {path:?} for {key}, and there is no /disk/{path}")]
    NoBootFile {
        /// The key.
        key: &'static str,
        /// The path.
        path: String,
    },
}

impl StoreError {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }
}

/// Whether that error says that there is no room.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An image on disk, as collecting sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDisk {
    /// Its digest.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// When it was last in use.
    pub used: SystemTime,
}

/// `image.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    version: u32,
    digest: Digest,
    bytes: u64,
    files: Vec<IndexedFile>,
}

#[derive(Debug, Serialize, Deserialize)]
struct IndexedFile {
    path: String,
    size: u64,
    sha256: String,
    modified: i64,
}

const VERSION: u32 = 1;

impl Store {
    /// Opens the cache folder for a site, and removes what dead processes left.
    pub fn open(dir: &Path, site: &str) -> Result<Self, StoreError> {
        let (images, references) = (dir.join("images"), dir.join("references").join(site));
        let all_temporary = dir.join("tmp");
        for made in [&images, &references, &all_temporary] {
            fs::create_dir_all(made).map_err(failed("make", made))?;
        }
        let lock = dir.join(LOCK);
        // Held for this function: nobody sweeps between another's making its folder and locking it.
        let starting = open_lock(&lock)?;
        starting.lock().map_err(failed("lock", &lock))?;
        sweep(&all_temporary)?;
        let temporary = all_temporary.join(uuid::Uuid::new_v4().simple().to_string());
        fs::create_dir(&temporary).map_err(failed("make", &temporary))?;
        let path = temporary.join(LOCK);
        let alive = open_lock(&path)?;
        alive.lock().map_err(failed("lock", &path))?;
        Ok(Self { images, references, temporary, _alive: alive })
    }

    /// A folder to work in, removed when dropped.
    pub fn workspace(&self) -> Result<Workspace, StoreError> {
        let dir = self.temporary.join(uuid::Uuid::new_v4().simple().to_string());
        let files = dir.join("image").join(FILES);
        fs::create_dir_all(&files).map_err(failed("make", &files))?;
        Ok(Workspace { dir })
    }

    /// An image, if it is there and whole.
    pub fn load(&self, digest: &Digest) -> Result<Option<Arc<Image>>, StoreError> {
        let dir = self.images.join(digest.folder());
        let path = dir.join(LOCK);
        let in_use = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        match in_use.try_lock_shared() {
            Ok(()) => {}
            // Being removed.
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
        }
        // Removed between the two.
        if !path.exists() {
            return Ok(None);
        }
        read_image(&dir, digest, in_use).map(|image| Some(Arc::new(image)))
    }

    /// Puts an unpacked image in its place. Refuses what cannot be booted.
    pub fn commit(
        &self,
        workspace: &Workspace,
        digest: &Digest,
        manifest: &[u8],
        files: &FileIndex,
    ) -> Result<Arc<Image>, StoreError> {
        let made = workspace.image();
        check_bootable(&made.join(FILES), files)?;
        let bytes = contents::retain(&made.join(FILES), files)?;
        let listed = files.iter().map(|(path, info)| IndexedFile {
            path: path.clone(),
            size: info.size,
            sha256: hex(&info.sha256),
            modified: info.modified,
        });
        let index = Index { version: VERSION, digest: digest.clone(), bytes, files: listed.collect() };
        let path = made.join(INDEX);
        let text = serde_json::to_vec(&index)
            .map_err(|e| StoreError::Damaged { path: path.clone(), problem: e.to_string() })?;
        fs::write(&path, text).map_err(failed("write", &path))?;
        fs::write(made.join(MANIFEST), manifest).map_err(failed("write", &made.join(MANIFEST)))?;
        // Locked under its first name, so that nobody collects it before it is used.
        let lock = made.join(LOCK);
        let in_use = open_lock(&lock)?;
        in_use.lock_shared().map_err(failed("lock", &lock))?;
        // Everything in it must be on the medium before its name is.
        let folder = File::open(&made).map_err(failed("open", &made))?;
        nix::unistd::syncfs(&folder).map_err(|e| failed("synchronise", &made)(e.into()))?;
        let place = self.images.join(digest.folder());
        match fs::rename(&made, &place) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
                // Another process was first, with the same bytes; or what is there is damaged.
                if let Ok(Some(image)) = self.load(digest) {
                    return Ok(image);
                }
                self.remove(digest)?;
                fs::rename(&made, &place).map_err(failed("make", &place))?;
            }
            Err(error) => return Err(failed("make", &place)(error)),
        }
        sync_folder(&self.images)?;
        read_image(&place, digest, in_use).map(Arc::new)
    }

    /// Removes an image, unless a process uses it; whether it is gone.
    pub fn remove(&self, digest: &Digest) -> Result<bool, StoreError> {
        let dir = self.images.join(digest.folder());
        let path = dir.join(LOCK);
        let lock = match File::options().read(true).write(true).open(&path) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("open", &path)(error)),
        };
        match lock.as_ref().map(File::try_lock) {
            None | Some(Ok(())) => {}
            Some(Err(TryLockError::WouldBlock)) => return Ok(false),
            Some(Err(TryLockError::Error(error))) => return Err(failed("lock", &path)(error)),
        }
        // First out of its place in one step: half an image has no name.
        let away = self.temporary.join(uuid::Uuid::new_v4().simple().to_string());
        match fs::rename(&dir, &away) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(failed("remove", &dir)(error)),
        }
        fs::remove_dir_all(&away).map_err(failed("remove", &away))?;
        Ok(true)
    }

    /// All images there are.
    pub fn list(&self) -> Result<Vec<OnDisk>, StoreError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.images).map_err(failed("list", &self.images))? {
            let entry = entry.map_err(failed("list", &self.images))?;
            let name = entry.file_name();
            let Some(digest) = name.to_str().and_then(|n| n.replacen('-', ":", 1).parse::<Digest>().ok()) else {
                continue;
            };
            let path = entry.path();
            let bytes = read_index(&path).map_or(0, |index| index.bytes);
            let used = fs::metadata(path.join(LOCK)).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(OnDisk { digest, bytes, used });
        }
        Ok(found)
    }

    /// Notes that an image is in use now.
    pub fn touch(&self, digest: &Digest) {
        let lock = File::options().write(true).open(self.images.join(digest.folder()).join(LOCK));
        // Without it the image counts as unused for longer, and is protected by its lock all the same.
        let _ = lock.and_then(|lock| lock.set_modified(SystemTime::now()));
    }
}

/// A folder to work in.
#[derive(Debug)]
pub struct Workspace {
    dir: PathBuf,
}

impl Workspace {
    /// Where something may be downloaded to.
    pub fn download(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Takes contents for the image.
    pub fn contents(&self) -> Contents {
        Contents::new(self.image().join(FILES))
    }

    fn image(&self) -> PathBuf {
        self.dir.join("image")
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What stays is removed at the next start.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn read_index(dir: &Path) -> Result<Index, StoreError> {
    let path = dir.join(INDEX);
    let text = fs::read(&path).map_err(failed("read", &path))?;
    let index: Index = serde_json::from_slice(&text)
        .map_err(|e| StoreError::Damaged { path: path.clone(), problem: e.to_string() })?;
    if index.version != VERSION {
        return Err(StoreError::Damaged { path, problem: format!("it has version {}", index.version) });
    }
    Ok(index)
}

fn read_image(dir: &Path, digest: &Digest, in_use: File) -> Result<Image, StoreError> {
    let index = read_index(dir)?;
    let damaged = |problem: String| StoreError::Damaged { path: dir.to_owned(), problem };
    if index.digest != *digest {
        return Err(damaged(format!("it says that it is {}", index.digest)));
    }
    let contents = dir.join(FILES);
    let mut files = FileIndex::new();
    for file in index.files {
        let sha256 = parse_sha256(&file.sha256).ok_or_else(|| damaged("a digest in its index".into()))?;
        // Sizes only: reading gigabytes again would delay every start.
        let size = fs::metadata(contents.join(&file.sha256)).map(|m| m.len()).ok();
        if size != Some(file.size) {
            return Err(damaged(format!("the content of {} has size {size:?} for {}", file.path, file.size)));
        }
        files.insert(file.path, FileInfo { size: file.size, sha256, modified: file.modified });
    }
    let metadata = check_bootable(&contents, &files)?;
    Ok(Image::on_disk(digest.to_string(), metadata, files, contents, in_use))
}

/// Reads what the image says about itself: what names no file that is there would fail at the machine, hours later.
fn check_bootable(contents: &Path, files: &FileIndex) -> Result<Metadata, StoreError> {
    let info = files.get(METADATA).ok_or(StoreError::NoMetadata)?;
    let path = contents.join(hex(&info.sha256));
    if info.size > LARGEST_METADATA {
        return Err(StoreError::Damaged { path, problem: "metadata.yaml is larger than 1 MiB".into() });
    }
    let bytes = fs::read(&path).map_err(failed("read", &path))?;
    let metadata = Metadata::parse(&String::from_utf8_lossy(&bytes)).map_err(StoreError::Metadata)?;
    let template = |path: &str| format!("{path}{}", metalman_core::netboot::TEMPLATE_SUFFIX);
    let missing =
        metadata.boot_files.iter().find(|(_, path)| !files.contains_key(*path) && !files.contains_key(&template(path)));
    if let Some((key, path)) = missing {
        return Err(StoreError::NoBootFile { key, path: path.to_owned() });
    }
    Ok(metadata)
}

/// Removes the folders whose process is no more.
fn sweep(all: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(all).map_err(failed("list", all))? {
        let path = entry.map_err(failed("list", all))?.path();
        let dead = match File::open(path.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if dead && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "what an earlier process left in the image cache cannot be removed");
        }
    }
    Ok(())
}

fn open_lock(path: &Path) -> Result<File, StoreError> {
    File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(failed("open", path))
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("synchronise", path))
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, temporary: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create(temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(temporary, path)
    };
    write().map_err(failed("write", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn failed<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
