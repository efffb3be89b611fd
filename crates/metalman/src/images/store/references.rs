//! What references resolved to, on disk: served from at once when a process starts without its registry.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, failed, write_whole};
use crate::images::{digest::Digest, key::Key};

/// What a reference resolved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The reference, for whom and as whom.
    pub key: Key,
    /// Digest of what the tag points to: a manifest or an index.
    pub top: Digest,
    /// Digest of the image's manifest.
    pub digest: Digest,
    /// Whether the image is the only one, whatever the architecture.
    pub only: bool,
    /// When, in seconds since 1970.
    pub resolved: i64,
}

impl Store {
    /// All records, and what is damaged among them.
    pub fn records(&self) -> Result<(BTreeMap<Key, Record>, Vec<StoreError>), StoreError> {
        let (mut records, mut damaged) = (BTreeMap::new(), Vec::new());
        for entry in fs::read_dir(&self.references).map_err(failed("list", &self.references))? {
            let path = entry.map_err(failed("list", &self.references))?.path();
            match fs::read(&path).map_err(failed("read", &path)).and_then(|text| {
                serde_json::from_slice::<Record>(&text)
                    .map_err(|e| StoreError::Damaged { path: path.clone(), problem: e.to_string() })
            }) {
                Ok(record) => drop(records.insert(record.key.clone(), record)),
                Err(error) => damaged.push(error),
            }
        }
        Ok((records, damaged))
    }

    /// Keeps a record.
    pub fn save(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.record_path(&record.key);
        let temporary = self.temporary.join(uuid::Uuid::new_v4().simple().to_string());
        let text = serde_json::to_vec_pretty(record)
            .map_err(|e| StoreError::Damaged { path: path.clone(), problem: e.to_string() })?;
        write_whole(&path, &temporary, &text)
    }

    /// Notes that a record is wanted now.
    pub fn touch_record(&self, key: &Key) {
        let file = File::options().write(true).open(self.record_path(key));
        // Without it the record is forgotten sooner, after which its reference is resolved again.
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Removes a record that nobody wanted for that long; whether it is gone.
    pub fn forget(&self, key: &Key, unwanted_for: Duration) -> Result<bool, StoreError> {
        let path = self.record_path(key);
        let Ok(modified) = fs::metadata(&path).and_then(|m| m.modified()) else { return Ok(true) };
        if modified.elapsed().is_ok_and(|age| age > unwanted_for) {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            return Ok(true);
        }
        Ok(false)
    }

    fn record_path(&self, key: &Key) -> PathBuf {
        self.references.join(format!("{}.json", Digest::sha256(key.to_string().as_bytes()).hex()))
    }
}
