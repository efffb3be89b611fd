//! `metalman image …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::netboot_image::{Compression, Platform};

/// The commands on netboot images.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Make a netboot image from a folder: the same files give the same digest, anywhere
    Build(Box<BuildArgs>),
    /// Upload an image from an OCI layout to a registry
    Push(PushArgs),
    /// Show an image: digest, platforms, layers, boot files, templates
    Inspect(InspectArgs),
    /// Look for what would keep machines from booting: boot files, templates, metadata.yaml
    Lint(LintArgs),
}

/// How registries are reached.
#[derive(Debug, Clone, Default, Args)]
pub struct RegistryArgs {
    /// The credentials file to use [default: the variable REGISTRY_AUTH_FILE, else containers/auth.json in XDG_RUNTIME_DIR and
    /// in the XDG configuration folder, and Docker's config.json]
    #[arg(long, env = "METALMAN_AUTHFILE", value_name = "FILE")]
    pub authfile: Option<PathBuf>,
    /// PEM file of CA certificates that registries may have theirs from, besides the system's
    #[arg(long, env = "METALMAN_REGISTRY_CA_BUNDLE", value_name = "FILE")]
    pub registry_ca_bundle: Option<PathBuf>,
    /// Registry that may be spoken to without TLS, and is told credentials without it; may be repeated [default: plain HTTP is
    /// tried, without credentials, at loopback and private addresses where TLS does not answer]
    #[arg(
        long = "insecure-registry",
        env = "METALMAN_INSECURE_REGISTRY",
        value_name = "HOST[:PORT]",
        value_delimiter = ','
    )]
    pub insecure_registries: Vec<String>,
}

/// `metalman image push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// The image
    #[arg(value_name = "oci:PATH[:TAG]")]
    pub source: String,
    /// Where to: REGISTRY/REPOSITORY[:TAG]
    #[arg(value_name = "REF")]
    pub destination: String,
    /// Form of the result
    #[arg(short, long, env = "METALMAN_OUTPUT", value_enum, default_value_t = ImageFormat::Table)]
    pub output: ImageFormat,
    /// The registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// `metalman image inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The image, of a registry or a layout
    #[arg(value_name = "REF|oci:PATH[:TAG]")]
    pub image: String,
    /// Which image of an index
    #[arg(long, env = "METALMAN_ARCHITECTURE", value_enum, default_value_t = ImageArchitecture::Amd64)]
    pub architecture: ImageArchitecture,
    /// List the files too
    #[arg(long, env = "METALMAN_FILES")]
    pub files: bool,
    /// Form of the result
    #[arg(short, long, env = "METALMAN_OUTPUT", value_enum, default_value_t = ImageFormat::Table)]
    pub output: ImageFormat,
    /// The registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageArchitecture {
    /// x86, 64 bits
    Amd64,
    /// ARM, 64 bits
    Arm64,
}

/// `metalman image lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// A folder as `image build` takes it, or an image of a registry or a layout; what exists as a folder is one
    #[arg(value_name = "DIR|REF|oci:PATH[:TAG]")]
    pub image: String,
    /// The registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Fail on warnings too
    #[arg(long, env = "METALMAN_STRICT")]
    pub strict: bool,
    /// Form of the findings
    #[arg(short, long, alias = "format", env = "METALMAN_OUTPUT", value_enum, default_value_t = ImageFormat::Table)]
    pub output: ImageFormat,
}

/// `metalman image build`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("destination").args(["push", "output"]).required(true).multiple(true))]
pub struct BuildArgs {
    /// The folder: it holds disk/, or metadata.yaml and is itself what becomes disk/ in the image
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The image's name: REGISTRY/REPOSITORY[:TAG]; with --output, its tag there
    #[arg(short, long, env = "METALMAN_TAG", value_name = "REF")]
    pub tag: String,
    /// Write the image into an OCI layout, made if missing; images of other tags stay
    #[arg(short, long, env = "METALMAN_OUTPUT", value_name = "oci:PATH[:TAG]")]
    pub output: Option<String>,
    /// Upload the image to the registry that --tag names
    #[arg(long, env = "METALMAN_PUSH")]
    pub push: bool,
    /// What the image is for
    #[arg(long, env = "METALMAN_PLATFORM", value_name = "OS/ARCH[/VARIANT]", default_value = "linux/amd64")]
    pub platform: Platform,
    /// How the layer is compressed
    #[arg(long, env = "METALMAN_COMPRESSION", value_enum, default_value_t = Compression::Gzip)]
    pub compression: Compression,
    /// Every time in the image, in seconds since 1970 [default: the variable SOURCE_DATE_EPOCH, else 0]
    #[arg(long, env = "METALMAN_SOURCE_DATE_EPOCH", value_name = "SECONDS")]
    pub source_date_epoch: Option<u64>,
    /// A label of the image's configuration; may be repeated
    #[arg(short = 'L', long = "label", env = "METALMAN_LABEL", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// An annotation of the image's manifest; may be repeated
    #[arg(long = "annotation", env = "METALMAN_ANNOTATION", value_name = "KEY=VALUE")]
    pub annotations: Vec<String>,
    /// Build also what `image lint` finds errors in
    #[arg(long, env = "METALMAN_NO_LINT")]
    pub no_lint: bool,
    /// Form of the result; --output is taken
    #[arg(long, env = "METALMAN_FORMAT", value_enum, default_value_t = ImageFormat::Table)]
    pub format: ImageFormat,
    /// The registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Form of what the commands on images print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageFormat {
    /// For people.
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}
