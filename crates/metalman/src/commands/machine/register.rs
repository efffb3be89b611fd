//! From the flags of `machine register` to a Machine. What the schema can judge is left to the API server, whose words name
//! the field; here is only what the flags themselves must make sense of.

use std::{collections::BTreeMap, net::Ipv4Addr};

use kube::api::ObjectMeta;
use metalman_core::api::{
    Machine, MachineSpec, labels,
    spec::{DhcpLease, KubernetesSpec, PxeSpec, RedfishSpec, SecretKeyRef},
};

use super::usage;
use crate::{
    cli::RegisterArgs,
    config::{DEFAULT_NAMESPACE, check_site},
};

pub(super) fn machine(args: &RegisterArgs) -> anyhow::Result<Machine> {
    let mut labels = BTreeMap::new();
    for label in args.labels.iter().filter(|l| !l.is_empty()) {
        let (key, value) =
            label.split_once('=').ok_or_else(|| usage(format!("--label {label:?}: is not KEY=VALUE; give both")))?;
        labels.insert(key.to_owned(), value.to_owned());
    }
    if let Some(site) = &args.site {
        labels.insert(labels::SITE.to_owned(), check_site(site)?);
    }
    let pxe =
        PxeSpec { image: args.image.clone(), dhcp_leases: leases(args)?, redfish: redfish(args), ..PxeSpec::default() };
    let kubernetes = args
        .kubernetes_version
        .clone()
        .map(|version| KubernetesSpec { version: Some(version), ..KubernetesSpec::default() });
    Ok(Machine {
        metadata: ObjectMeta {
            name: Some(args.name.clone()),
            labels: (!labels.is_empty()).then_some(labels),
            ..ObjectMeta::default()
        },
        spec: MachineSpec { pxe: Some(pxe), kubernetes, ..MachineSpec::default() },
        status: None,
    })
}

fn leases(args: &RegisterArgs) -> anyhow::Result<Vec<DhcpLease>> {
    if args.macs.len() != args.addresses.len() {
        return Err(usage(format!(
            "--mac is given {} times and --ipv4 {} times; give one of each for every network card",
            args.macs.len(),
            args.addresses.len()
        )));
    }
    let pairs = args.macs.iter().zip(&args.addresses).enumerate();
    pairs
        .map(|(index, (mac, address))| {
            let (ipv4, subnet_mask) = match (address.split_once('/'), &args.subnet_mask) {
                (Some((ipv4, prefix)), None) => (ipv4.to_owned(), mask(address, prefix)?),
                (None, Some(mask)) => (address.clone(), mask.clone()),
                (Some(_), Some(_)) => {
                    return Err(usage(format!("--ipv4 {address:?} has a prefix length; leave out --subnet-mask")));
                }
                (None, None) => {
                    return Err(usage(format!(
                        "--ipv4 {address:?} has no prefix length; add /24 or the like, or --subnet-mask"
                    )));
                }
            };
            let first = index == 0;
            Ok(DhcpLease {
                mac: mac.clone(),
                ipv4,
                subnet_mask,
                // One default gateway and one name: a second of either would fight the first.
                gateway: args.gateway.clone().filter(|_| first),
                dns: args.dns.iter().filter(|d| !d.is_empty()).cloned().collect(),
                hostname: Some(args.hostname.clone().unwrap_or_else(|| args.name.clone())).filter(|_| first),
                ..DhcpLease::default()
            })
        })
        .collect()
}

fn mask(address: &str, prefix: &str) -> anyhow::Result<String> {
    match prefix.parse::<u32>() {
        Ok(prefix @ 1..=32) => Ok(Ipv4Addr::from_bits(u32::MAX << (32 - prefix)).to_string()),
        _ => Err(usage(format!(
            "--ipv4 {address:?}: the prefix length is not a number from 1 to 32; give one such as /24"
        ))),
    }
}

fn redfish(args: &RegisterArgs) -> Option<RedfishSpec> {
    let url = args.redfish_url.clone()?;
    let password_ref = args.redfish_password_secret.as_deref().map(|secret| {
        let (namespace, name) = secret.split_once('/').unwrap_or((DEFAULT_NAMESPACE, secret));
        SecretKeyRef { name: name.to_owned(), namespace: namespace.to_owned(), key: None }
    });
    Some(RedfishSpec { url, username: args.redfish_username.clone(), password_ref, ..RedfishSpec::default() })
}
