//! What the arguments of the commands on images name.

use anyhow::Context;

use super::usage;
use crate::{
    cli::{RegistryArgs, ServePxeArgs},
    config::{read_host, registries},
    images::reference::{LayoutReference, Reference, RegistryReference},
    netboot_image::{RegistryAccess, credentials},
};

/// What a layout's reference begins with.
const LAYOUT: &str = "oci:";

/// A reference. Unlike a Machine's, the path of a layout may be relative to where the user is.
pub(super) fn reference(text: &str) -> anyhow::Result<Reference> {
    let absolute = match text.strip_prefix(LAYOUT) {
        // A registry called "oci" has a port next: `oci:5000/x`.
        Some(path) if !path.is_empty() && !path.starts_with(|c: char| c.is_ascii_digit()) => {
            let path = std::path::absolute(path).with_context(|| format!("{text:?} is not a path"))?;
            format!("{LAYOUT}{}", path.display())
        }
        _ => text.to_owned(),
    };
    absolute.parse().map_err(|error| usage(format!("{error}")))
}

/// A reference to a registry.
pub(super) fn in_registry(text: &str) -> anyhow::Result<RegistryReference> {
    match reference(text)? {
        Reference::Registry(reference) => Ok(reference),
        Reference::Layout(_) => Err(usage(format!("{text:?} is a layout; give REGISTRY/REPOSITORY[:TAG]"))),
    }
}

/// A reference to a layout.
pub(super) fn in_layout(text: &str) -> anyhow::Result<LayoutReference> {
    let refuse = || usage(format!("{text:?} is not a layout; give oci:PATH or oci:PATH:TAG"));
    if !text.starts_with(LAYOUT) {
        return Err(refuse());
    }
    match reference(text)? {
        Reference::Layout(reference) => Ok(reference),
        Reference::Registry(_) => Err(refuse()),
    }
}

/// How registries are reached.
pub(super) fn access(args: &RegistryArgs) -> anyhow::Result<RegistryAccess> {
    let serve = ServePxeArgs {
        insecure_registries: args.insecure_registries.clone(),
        registry_ca_bundle: args.registry_ca_bundle.clone(),
        ..ServePxeArgs::default()
    };
    let trust = registries(&serve, &read_host())?;
    let auth_files = match &args.authfile {
        Some(path) if !path.is_file() => {
            return Err(usage(format!("--authfile {}: there is no such file", path.display())));
        }
        Some(path) => vec![path.clone()],
        None => credentials::files(|name| std::env::var_os(name)),
    };
    Ok(RegistryAccess { trust, auth_files })
}
