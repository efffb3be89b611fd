//! The data that netboot templates see, and the functions they have beside Go's own.
//!
//! Role: [`Template`] is a parsed `*.tmpl` file of an image; [`Data`] is what it is rendered with, built from a Machine for
//! one request. Functions: Go's, Sprig's (`gotemplate::sprig`, which has none that look at the environment, the clock or
//! dice), and `sha256 "path"` and `size "path"` of a file of the image.
//!
//! Invariants: a template sees one Machine and public facts only, never a Secret; what a template may use up is bounded by
//! [`LIMITS`], since images come from strangers; errors carry file, line and column.

mod machine;

use gotemplate::{Args, Func, FuncError, Funcs, Limits, Options, Struct, Type, Value, sprig};
use thiserror::Error;

use crate::{
    agent_config::{AgentConfig, Site, kubernetes_version},
    api::{Machine, lease::Lease},
    netboot::{Architecture, FileInfo, hex, normalise},
};

/// What one rendering may use up: a boot configuration has some kilobytes, and the step limit is a few tens of milliseconds.
pub const LIMITS: Limits = Limits { output_bytes: 4 << 20, steps: 500_000, depth: 100, recursion: 50 };

/// The largest template that is parsed, in bytes.
pub const LARGEST: usize = 1 << 20;

/// A template that does not parse, or fails with a Machine's data. Display begins with file, line and column.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// It is no template, or failed; in Go's words, which name the place and the action.
    #[error("{}", .0.strip_prefix("template: ").unwrap_or(.0))]
    Failed(String),
    /// Nobody writes such templates by hand.
    #[error("{path}:1: the template has {size} bytes, more than the {LARGEST} that are rendered")]
    TooLarge {
        /// The file.
        path: String,
        /// In bytes.
        size: usize,
    },
}

impl From<gotemplate::Error> for TemplateError {
    fn from(error: gotemplate::Error) -> Self {
        // Bounded: a template can put any text into its own error, and this goes into a status.
        Self::Failed(error.to_string().chars().take(1024).collect())
    }
}

/// A parsed template. Clones share it.
#[derive(Clone, Debug)]
pub struct Template(gotemplate::Template);

impl Template {
    /// Parses the file `path` of an image; `file` describes the image's files, by their normalised paths.
    pub fn parse(
        path: &str,
        text: &[u8],
        file: impl Fn(&str) -> Option<FileInfo> + Clone + Send + Sync + 'static,
    ) -> Result<Self, TemplateError> {
        if text.len() > LARGEST {
            return Err(TemplateError::TooLarge { path: path.to_owned(), size: text.len() });
        }
        let options = Options::new().limits(LIMITS).funcs(functions(file));
        Ok(Self(gotemplate::Template::parse(path, text, &options)?))
    }

    /// Renders it.
    pub fn render(&self, data: &Data) -> Result<Vec<u8>, TemplateError> {
        Ok(self.0.render_bytes(&data.0)?)
    }
}

/// Sprig's functions and those about the image's files.
fn functions(file: impl Fn(&str) -> Option<FileInfo> + Clone + Send + Sync + 'static) -> Funcs {
    let described = move |args: &Args<'_>| -> Result<FileInfo, FuncError> {
        let path = String::from_utf8_lossy(args.bytes(0)).into_owned();
        let found = normalise(&path).ok().and_then(|path| file(&path));
        found.ok_or_else(|| FuncError::from(format!("the image has no file {path:?}")))
    };
    let sized = described.clone();
    let sha256 = Func::new([Type::String], move |args| Ok(hex(&described(args)?.sha256).into()));
    let size =
        Func::new([Type::String], move |args| Ok(Value::int64(i64::try_from(sized(args)?.size).unwrap_or(i64::MAX))));
    // Templates written for Go's own functions come first: Sprig's `slice` would hide the builtin, which also cuts strings.
    sprig::funcs().without("slice").with("sha256", sha256.returns(Type::String)).with("size", size.returns(Type::Int64))
}

/// What a request is rendered for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The Machine.
    pub machine: &'a Machine,
    /// The lease of the NIC that asks.
    pub lease: &'a Lease,
    /// The architecture that the NIC announced when it booted; none if it did not.
    pub architecture: Option<Architecture>,
    /// Digest of the image, `sha256:…`.
    pub image_digest: &'a str,
    /// The cluster and metalman.
    pub site: &'a Site,
}

/// The data of a template.
#[derive(Clone, Debug)]
pub struct Data(Value);

impl Data {
    /// The data for a request.
    pub fn new(request: &Request<'_>) -> Self {
        let Request { machine, lease, architecture, image_digest, site } = *request;
        let data = Struct::new("metalman.TemplateData")
            .field("Machine", machine::machine(machine))
            .field("ApiserverURL", site.apiserver_url.as_str())
            .field("ServeURL", site.serve_url.as_str())
            .field("KubernetesVersion", kubernetes_version(machine, site))
            .field("ClusterDNS", site.cluster_dns.to_string())
            .field("AgentConfigJSON", AgentConfig::new(machine, site).to_template_json())
            .field("Lease", machine::parsed_lease(lease))
            .field("Arch", architecture.map_or("", Architecture::as_str))
            .field("ImageDigest", image_digest);
        Self(data.into())
    }
}

#[cfg(test)]
mod tests;
