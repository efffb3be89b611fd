//! The Deployment of one site.
//!
//! Invariants: two replicas on different hosts, of which one leads; nothing but the two capabilities that the protocols
//! need; the only thing written to disk is the image cache.

use super::{Manifest, part_of};
use crate::api::labels::CONTROLLER_SERVICE_ACCOUNT;
use serde_json::{Value, json};

/// What differs from site to site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentOptions {
    /// The site whose Machines it owns; none for the Machines without a site label.
    pub site: Option<String>,
    /// The image of metalman itself.
    pub image: String,
    /// metalman's namespace.
    pub namespace: String,
}

const SITE_LABEL: &str = "unbounded-cloud.io/site";
const HTTP_PORT: u16 = 8880;
const HEALTH_PORT: u16 = 8081;

pub(super) fn manifest(options: &DeploymentOptions) -> Manifest {
    let name = match &options.site {
        Some(site) => format!("metalman-{}", site.to_lowercase().replace(['_', '.'], "-")),
        None => "metalman".to_owned(),
    };
    let labels = match &options.site {
        Some(site) => part_of([(SITE_LABEL, site)]),
        None => part_of([]),
    };
    let mut selector = json!({ "app.kubernetes.io/name": "metalman", "app.kubernetes.io/instance": name });
    let mut pod_labels = labels.clone();
    pod_labels["app.kubernetes.io/instance"] = name.as_str().into();
    if let Some(site) = &options.site {
        selector[SITE_LABEL] = site.as_str().into();
    }
    let deployment = Manifest::new(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name, "namespace": options.namespace, "labels": labels },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": selector },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 } },
            "template": {
                "metadata": { "labels": pod_labels },
                "spec": pod(options),
            },
        },
    }));
    let pod = "/spec/template/spec";
    let container = "/spec/template/spec/containers/0";
    deployment
        .comment("/spec/replicas", "Both serve machines; the one that holds the Lease also acts on BMCs and writes status.")
        .comment("/spec/strategy", "A replica's ports are its host's: the old one must go before the new one can bind.")
        .comment(format!("{pod}/affinity"), "The same ports, of any site, fit on a host once.")
        .comment(
            format!("{pod}/hostNetwork"),
            "DHCP broadcasts and relayed requests reach the host's address, and machines boot before there is a Service.",
        )
        .comment(
            format!("{container}/args"),
            "Relay mode. On the machines' own network segment, add --dhcp-auto-interface.",
        )
        .comment(
            format!("{container}/securityContext"),
            "Root, because Kubernetes gives added capabilities to root only. All others are dropped: NET_BIND_SERVICE is \
             for ports 67 and 69, NET_RAW for answers to clients that have no address yet.",
        )
        .comment(
            format!("{pod}/volumes/0"),
            "On the host, so that a restarted replica serves images although the registry is away.",
        )
        .comment(
            format!("{container}/resources"),
            "Files are served from the page cache, which counts towards the limit but is given back under pressure.",
        )
}

fn pod(options: &DeploymentOptions) -> Value {
    let mut args = vec!["serve-pxe".to_owned()];
    args.extend(options.site.as_ref().map(|site| format!("--site={site}")));
    args.push(format!("--namespace={}", options.namespace));
    args.push("--cache-dir=/var/cache/metalman".to_owned());
    let probe = |path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": { "path": path, "port": "health" },
            "periodSeconds": period,
            "failureThreshold": failures,
            "timeoutSeconds": 5,
        })
    };
    json!({
        "serviceAccountName": CONTROLLER_SERVICE_ACCOUNT,
        "hostNetwork": true,
        "dnsPolicy": "ClusterFirstWithHostNet",
        "terminationGracePeriodSeconds": 30,
        "nodeSelector": { "kubernetes.io/os": "linux" },
        "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{
            "labelSelector": { "matchLabels": { "app.kubernetes.io/name": "metalman" } },
            "topologyKey": "kubernetes.io/hostname",
        }] } },
        "containers": [{
            "name": "metalman",
            "image": options.image,
            "args": args,
            "ports": [
                { "name": "http", "containerPort": HTTP_PORT, "protocol": "TCP" },
                { "name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP" },
                { "name": "dhcp", "containerPort": 67, "protocol": "UDP" },
                { "name": "tftp", "containerPort": 69, "protocol": "UDP" },
            ],
            "livenessProbe": probe("/healthz", 10, 6),
            "readinessProbe": probe("/readyz", 5, 2),
            "resources": {
                "requests": { "cpu": "100m", "memory": "128Mi" },
                "limits": { "memory": "1Gi" },
            },
            "securityContext": {
                "runAsUser": 0,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"], "add": ["NET_BIND_SERVICE", "NET_RAW"] },
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "volumeMounts": [{ "name": "cache", "mountPath": "/var/cache/metalman" }],
        }],
        "volumes": [{
            "name": "cache",
            "hostPath": { "path": "/var/cache/metalman", "type": "DirectoryOrCreate" },
        }],
    })
}
