//! Netboot images as their builders see them: a folder becomes a reproducible OCI image in a layout on disk.
//!
//! Role: [`source`] takes stock of the folder and refuses what an image must not hold; [`archive`] writes it as a tar stream;
//! [`build()`] makes layer, config and manifest; [`layout`] writes them to an OCI image layout. [`lint()`] looks for what would
//! keep machines from booting. What serves such images is [`crate::images`].
//!
//! Invariants: the same files give the same digest, whoever builds them, where and when: nothing of the builder's machine
//! (owners, umask, times, order of a folder) reaches the image. Files are streamed, whatever their size. A layout is never
//! seen half written.

pub mod archive;
pub mod build;
pub mod content;
pub mod credentials;
pub mod layout;
pub mod lint;
pub mod manifest;
pub mod opened;
pub mod push;
pub mod source;
pub mod temporary;

pub use self::{
    build::{BuildError, BuildOptions, Built, Compression, Platform, build},
    content::Content,
    layout::{LayoutError, LayoutWriter},
    lint::{Finding, Severity, lint},
    opened::{OpenError, Opened, RegistryAccess},
    source::{Entry, Source, SourceError},
};
