//! `metalman manifests`.

use metalman_core::manifests::{self, DeploymentOptions, Manifest};

use super::print;
use crate::{
    cli::{ManifestPart, ManifestsArgs},
    config::{check_namespace, check_site},
};

/// The image that a Deployment names unless told otherwise: there is no registry that every operator pulls from.
const PLACEHOLDER: &str = "registry.example.com/metalman:latest";

pub(super) fn run(args: &ManifestsArgs) -> anyhow::Result<()> {
    let namespace = check_namespace(&args.namespace)?;
    let site = args.site.as_deref().map(check_site).transpose()?;
    let options = DeploymentOptions {
        site,
        image: args.image.clone().unwrap_or_else(|| PLACEHOLDER.to_owned()),
        namespace: namespace.clone(),
    };
    let wanted = |part| args.only == ManifestPart::All || args.only == part;
    let mut all: Vec<Manifest> = Vec::new();
    if wanted(ManifestPart::Crd) {
        all.push(manifests::crd());
    }
    if wanted(ManifestPart::Rbac) {
        all.extend(manifests::namespaces());
        all.extend(manifests::rbac(&namespace));
    }
    if wanted(ManifestPart::Deployment) {
        all.push(manifests::deployment(&options));
    }
    let documents: Vec<String> = all.iter().map(Manifest::to_yaml).collect();
    print::text(&documents.join("---\n"))
}
