//! From a folder to layer, config and manifest.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    str::FromStr,
};

use clap::ValueEnum;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use thiserror::Error;

use super::{
    archive::{self, ArchiveError},
    layout::{BlobWriter, LayoutError, LayoutWriter},
    manifest::{CONFIG, Config, Descriptor, History, MANIFEST, Manifest, RootFs, RunConfig},
    source::Source,
};
use crate::images::digest::{Digest, Hashing};

/// Fixed, as another level is another digest.
const GZIP_LEVEL: u32 = 6;
/// Fixed, as another level is another digest.
const ZSTD_LEVEL: i32 = 9;

/// How the layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// What every registry and every tool takes
    Gzip,
    /// Smaller and quicker to unpack
    Zstd,
    /// For content that is compressed already
    None,
}

/// The platform that an image is for, as OCI names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `amd64`.
    pub architecture: String,
    /// Such as `v8`.
    pub variant: Option<String>,
}

/// What goes into an image beside the files.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// What it is for.
    pub platform: Platform,
    /// Of its layer.
    pub compression: Compression,
    /// Every time in it, in seconds since 1970.
    pub epoch: u64,
    /// Labels of its config.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
}

/// An image that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its manifest.
    pub manifest: Descriptor,
    /// Its only layer.
    pub layer: Descriptor,
}

/// Why no image was built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The folder.
    #[error(transparent)]
    Source(#[from] super::SourceError),
    /// The layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The layer.
    #[error("the layer cannot be written")]
    Layer(#[source] io::Error),
    /// The time.
    #[error("{0} seconds since 1970 is not a time; give a number before the year 9999")]
    Epoch(u64),
    /// Never seen.
    #[error("the image cannot be described")]
    Json(#[from] serde_json::Error),
}

/// A platform that is none.
#[derive(Debug, Error)]
#[error("{0:?} is not a platform; write it as linux/amd64 or linux/arm64/v8")]
pub struct PlatformError(String);

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let plain =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        match parts.as_slice() {
            [os, architecture, variant @ ..] if variant.len() < 2 && parts.iter().all(plain) => Ok(Self {
                os: (*os).to_owned(),
                architecture: (*architecture).to_owned(),
                variant: variant.first().map(|v| (*v).to_owned()),
            }),
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}

impl Compression {
    fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            Self::None => "application/vnd.oci.image.layer.v1.tar",
        }
    }
}

/// Builds an image into a layout. It has no tag yet.
pub fn build(source: &Source, options: &BuildOptions, layout: &mut LayoutWriter) -> Result<Built, BuildError> {
    let seconds = i64::try_from(options.epoch).map_err(|_| BuildError::Epoch(options.epoch))?;
    let created = Timestamp::from_second(seconds).map_err(|_| BuildError::Epoch(options.epoch))?.to_string();
    let (layer, diff_id) = write_layer(source, options, layout)?;
    let config = Config {
        created: created.clone(),
        architecture: options.platform.architecture.clone(),
        os: options.platform.os.clone(),
        variant: options.platform.variant.clone(),
        config: RunConfig { labels: options.labels.clone() },
        rootfs: RootFs { kind: "layers", diff_ids: vec![diff_id] },
        history: vec![History { created, created_by: "metalman image build" }],
    };
    let config = layout.put(CONFIG, &serde_json::to_vec(&config)?)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config,
        layers: vec![layer.clone()],
        annotations: options.annotations.clone(),
    };
    let manifest = layout.put(MANIFEST, &serde_json::to_vec(&manifest)?)?;
    Ok(Built { manifest, layer })
}

/// The layer's descriptor, and the digest of its tar stream.
fn write_layer(
    source: &Source,
    options: &BuildOptions,
    layout: &mut LayoutWriter,
) -> Result<(Descriptor, String), BuildError> {
    let encoder = Encoder::new(options.compression, layout.blob()?).map_err(BuildError::Layer)?;
    let mut tar = Hashing::new(encoder);
    archive::write(source, options.epoch, &mut tar).map_err(|error| match error {
        ArchiveError::Source(error) => BuildError::Source(error),
        ArchiveError::Write(error) => BuildError::Layer(error),
    })?;
    let (encoder, diff_id, _) = tar.finish();
    let diff_id = Digest::of_sha256(diff_id).to_string();
    let blob = encoder.finish().map_err(BuildError::Layer)?;
    Ok((blob.finish(options.compression.media_type())?, diff_id))
}

enum Encoder {
    Gzip(Box<GzEncoder<BlobWriter>>),
    Zstd(zstd::Encoder<'static, BlobWriter>),
    None(BlobWriter),
}

impl Encoder {
    fn new(compression: Compression, blob: BlobWriter) -> io::Result<Self> {
        Ok(match compression {
            // Its header carries no time and no name unless asked to.
            Compression::Gzip => Self::Gzip(Box::new(GzEncoder::new(blob, flate2::Compression::new(GZIP_LEVEL)))),
            Compression::Zstd => Self::Zstd(zstd::Encoder::new(blob, ZSTD_LEVEL)?),
            Compression::None => Self::None(blob),
        })
    }

    fn finish(self) -> io::Result<BlobWriter> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
            Self::None(blob) => Ok(blob),
        }
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::None(blob) => blob.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush in the middle would end a block there; what is buffered leaves with `finish`.
        Ok(())
    }
}

#[cfg(test)]
mod tests;
