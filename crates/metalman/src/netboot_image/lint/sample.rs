//! Machines to try templates with: one that has everything, and one that has what it must have.

use std::{collections::BTreeMap, net::Ipv4Addr};

use metalman_core::{
    agent_config::Site,
    api::{Machine, lease::Lease},
};
use serde_json::{Value, json};

/// A digest, as good as any.
pub(super) const IMAGE_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The NIC that asks.
pub(super) fn lease() -> Lease {
    Lease {
        mac: "52:54:00:12:34:56".parse().expect("an address"),
        ipv4: Ipv4Addr::new(192, 0, 2, 10),
        prefix: 24,
        gateway: Some(Ipv4Addr::new(192, 0, 2, 1)),
        dns: vec![Ipv4Addr::new(192, 0, 2, 53)],
        hostname: Some("sample".into()),
        domain: Some("example.com".into()),
        mtu: Some(1500),
        ntp: vec![Ipv4Addr::new(192, 0, 2, 123)],
    }
}

/// The cluster.
pub(super) fn site() -> Site {
    Site {
        apiserver_url: "https://192.0.2.2:6443".into(),
        ca_pem: Some("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".into()),
        kubernetes_version: Some("v1.33.1".into()),
        cluster_dns: Ipv4Addr::new(10, 96, 0, 10).into(),
        serve_url: "http://192.0.2.3:8880".into(),
        provider_labels: BTreeMap::new(),
    }
}

/// Everything set.
pub(super) fn full() -> Machine {
    machine(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": {
            "name": "sample", "uid": "00000000-0000-0000-0000-000000000000", "generation": 1,
            "labels": { "unbounded-cloud.io/site": "sample" }, "annotations": { "example.com/note": "sample" },
            "creationTimestamp": "2026-01-02T03:04:05Z",
        },
        "spec": {
            "pxe": {
                "image": "registry.example.com/netboot:1",
                "imagePullSecretRef": { "name": "registry" },
                "dhcpLeases": [{
                    "mac": "52:54:00:12:34:56", "ipv4": "192.0.2.10", "subnetMask": "255.255.255.0",
                    "gateway": "192.0.2.1", "dns": ["192.0.2.53"], "hostname": "sample", "domain": "example.com",
                    "mtu": 1500, "ntp": ["192.0.2.123"],
                }],
                "redfish": {
                    "url": "https://192.0.2.110", "username": "admin", "deviceID": "1",
                    "passwordRef": { "name": "bmc", "namespace": "unbounded-kube", "key": "password" },
                    "certFingerprint": "00:11",
                },
                "cloudInit": { "userDataConfigMapRef": { "name": "user-data", "namespace": "default", "key": "user-data" } },
                "attestation": { "policy": "TPM", "ekPublicKeyHash": "00" },
                "disk": {
                    "serial": "S1", "wwn": "0x5", "model": "M1", "deviceName": "/dev/sda", "minSizeGiB": 100,
                    "rotational": false,
                },
            },
            "kubernetes": {
                "version": "v1.33.1", "nodeRef": { "name": "sample" }, "nodeLabels": { "example.com/zone": "a" },
                "registerWithTaints": ["example.com/new=true:NoSchedule"], "bootstrapTokenRef": { "name": "token" },
            },
            "agent": {
                "image": "registry.example.com/agent:1", "version": "v1", "baseURL": "https://example.com/agent",
                "url": "https://example.com/agent/v1",
                "downloads": {
                    "kubernetes": { "baseURL": "https://example.com" }, "containerd": { "version": "2.1.0" },
                    "runc": { "url": "https://example.com/runc" }, "cni": { "version": "v1.7.1" },
                    "crictl": { "version": "v1.33.0" },
                },
            },
            "operations": {
                "rebootCounter": 1, "repaveCounter": 1, "repaveTimeoutSeconds": 1800, "maxAttempts": 3,
                "gracefulShutdownSeconds": 0,
            },
            "ssh": {
                "host": "192.0.2.10", "username": "root", "privateKeyRef": { "name": "key" },
                "bastion": { "host": "192.0.2.9", "username": "root", "privateKeyRef": { "name": "key" } },
            },
        },
        "status": {
            "phase": "Provisioning", "message": "installing", "power": "On",
            "redfish": { "certFingerprint": "00:11" }, "tpm": { "ekPublicKey": "PEM" },
            "ssh": { "fingerprint": "SHA256:x" }, "agent": { "image": "registry.example.com/agent:1" },
            "operations": { "rebootCounter": 0, "repaveCounter": 0, "attempts": 1 },
            "image": { "digest": IMAGE_DIGEST },
        },
    }))
}

/// Nothing set that need not be.
pub(super) fn sparse() -> Machine {
    machine(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "sample" },
        "spec": {
            "pxe": {
                "image": "registry.example.com/netboot:1",
                "dhcpLeases": [{ "mac": "52:54:00:12:34:56", "ipv4": "192.0.2.10", "subnetMask": "255.255.255.0" }],
            },
        },
    }))
}

fn machine(value: Value) -> Machine {
    serde_json::from_value(value).expect("a Machine")
}
