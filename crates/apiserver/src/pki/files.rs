//! Files of the key folder: private ones 0600, each written whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::PkiError;

/// The key folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Opens or creates it, for its owner only.
    pub(super) fn open(path: &Path) -> Result<Self, PkiError> {
        let io = |source| PkiError::Io { path: path.display().to_string(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io)?;
        Ok(Self(path.to_owned()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn io(&self, name: &str, source: io::Error) -> PkiError {
        PkiError::Io { path: self.path(name).display().to_string(), source }
    }

    /// The error that `name` is not usable.
    pub(super) fn bad(&self, name: &str, why: impl Into<String>) -> PkiError {
        PkiError::Bad { path: self.path(name).display().to_string(), why: why.into() }
    }

    /// The content of a file, `None` when there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, PkiError> {
        match fs::read(self.path(name)) {
            Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| self.bad(name, "it is not PEM text")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.io(name, e)),
        }
    }

    /// Writes a file durably: a crash leaves the old content or the new, never a part. `mode` holds from the first byte on.
    pub(super) fn write(&self, name: &str, content: &str, mode: u32) -> Result<(), PkiError> {
        let target = self.path(name);
        let temporary = self.path(&format!(".{name}.new"));
        let written = (|| {
            match fs::remove_file(&temporary) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &target)?;
            // The rename itself must survive a power loss.
            File::open(&self.0)?.sync_all()
        })();
        written.map_err(|e| self.io(name, e))
    }
}
