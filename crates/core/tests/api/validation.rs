//! The schema refuses what is wrong, naming the field and what is expected, and nothing else.

use crate::support::{refusals, refusals_with, schema, set, valid};
use serde_json::{Value, json};

/// A field, values that it takes, values that it refuses, and what every refusal says.
struct Case {
    pointer: &'static str,
    path: &'static str,
    good: Vec<Value>,
    bad: Vec<Value>,
    says: &'static str,
}

fn case<const G: usize, const B: usize>(
    pointer: &'static str,
    path: &'static str,
    good: [&str; G],
    bad: [&str; B],
    says: &'static str,
) -> Case {
    let values = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect();
    Case { pointer, path, good: values(&good), bad: values(&bad), says }
}

fn check(cases: Vec<Case>) {
    let schema = schema();
    for case in cases {
        for value in case.good {
            let found = refusals_with(&schema, case.pointer, value.clone());
            assert!(found.is_empty(), "{}: {value} was refused: {found:?}", case.path);
        }
        for value in case.bad {
            let found = refusals_with(&schema, case.pointer, value.clone());
            let named = |refusal: &String| refusal.starts_with(case.path) && refusal.contains(case.says);
            assert!(found.iter().any(named), "{}: {value} gave {found:?}, not {:?}", case.path, case.says);
        }
    }
}

const LEASE: &str = "spec.pxe.dhcpLeases[0]";

#[test]
fn existing_manifests_apply() {
    let schema = schema();
    for text in [include_str!("../fixtures/machine-full.yaml"), include_str!("../fixtures/machine-plain.yaml")] {
        let object: Value = serde_saphyr::from_str(text).unwrap();
        assert_eq!(refusals(&schema, &object), [""; 0]);
    }
    // Fields that nobody documented are pruned by the server, not refused.
    assert!(refusals_with(&schema, "/spec/somethingElse", json!({ "a": [1] })).is_empty());
    // Neither is anything below spec asked for.
    let bare = json!({ "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": "m" }, "spec": {} });
    assert!(refusals(&schema, &bare).is_empty());
}

#[test]
fn addresses() {
    let ipv4_bad =
        ["", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1.", "10.0.0.1/24", "::1", "ten", "10.0.0.1 ", "1.2.3.4.5"];
    let ipv4_good = ["10.0.0.11", "0.0.0.0", "255.255.255.255", "192.168.100.200", "1.20.199.249"];
    check(vec![
        case(
            "/spec/pxe/dhcpLeases/0/mac",
            "spec.pxe.dhcpLeases[0].mac",
            ["52:54:00:00:00:01", "52-54-00-AB-cd-01", "AA:BB:CC:DD:EE:FF"],
            [
                "",
                "52:54:00:00:00",
                "52:54:00:00:00:01:02",
                "52:54-00:00:00:01",
                "5254.0000.0001",
                "52:54:00:00:00:0g",
                "525400000001",
            ],
            "mac must be six pairs of hex digits",
        ),
        case(
            "/spec/pxe/dhcpLeases/0/ipv4",
            "spec.pxe.dhcpLeases[0].ipv4",
            ipv4_good,
            ipv4_bad,
            "ipv4 must be an IPv4 address",
        ),
        case(
            "/spec/pxe/dhcpLeases/0/gateway",
            "spec.pxe.dhcpLeases[0].gateway",
            ipv4_good,
            ipv4_bad,
            "gateway must be an IPv4 address",
        ),
        case(
            "/spec/pxe/dhcpLeases/0/dns/1",
            "spec.pxe.dhcpLeases[0].dns[1]",
            ipv4_good,
            ipv4_bad,
            "each entry of dns must be an IPv4 address",
        ),
        case(
            "/spec/pxe/dhcpLeases/0/ntp/0",
            "spec.pxe.dhcpLeases[0].ntp[0]",
            ipv4_good,
            ["pool.ntp.org", "10.0.0"],
            "each entry of ntp must be an IPv4 address",
        ),
        case(
            "/spec/pxe/dhcpLeases/0/hostname",
            "spec.pxe.dhcpLeases[0].hostname",
            ["n1", "rack1-n07", "n07.rack1.example.com", "7", "A1"],
            ["", "-a", "a-", "a_b", "a b", "a..b", ".a", "a."],
            "hostname must be an RFC 1123 host name",
        ),
        case(
            "/spec/pxe/dhcpLeases/0/domain",
            "spec.pxe.dhcpLeases[0].domain",
            ["example.com", "lan"],
            ["", "example.com.", "exa mple", "_tcp.example.com"],
            "domain must be a DNS domain",
        ),
    ]);
}

#[test]
fn every_contiguous_mask_and_no_other() {
    let schema = schema();
    let refused = |mask: u32| {
        let text = std::net::Ipv4Addr::from_bits(mask).to_string();
        refusals_with(&schema, "/spec/pxe/dhcpLeases/0/subnetMask", json!(text))
    };
    for length in 1..=32 {
        let mask = u32::MAX << (32 - length);
        assert!(refused(mask).is_empty(), "/{length}");
        // With one bit out of place it is no longer contiguous.
        for bit in 0..31 - length.min(30) {
            let broken = mask | 1 << bit;
            if broken.leading_ones() != broken.count_ones() {
                let expected = "spec.pxe.dhcpLeases[0].subnetMask: subnetMask must be a contiguous IPv4 mask such as 255.255.255.0";
                assert_eq!(refused(broken), [expected], "{broken:#x}");
            }
        }
    }
    check(vec![case(
        "/spec/pxe/dhcpLeases/0/subnetMask",
        "spec.pxe.dhcpLeases[0].subnetMask",
        [],
        ["", "0.0.0.0", "255.255.255", "/24", "255.255.255.0 ", "255.255.0.255", "0.255.255.0", "255.255.255.1"],
        "subnetMask must be a contiguous IPv4 mask such as 255.255.255.0",
    )]);
}

#[test]
fn a_machine_has_each_nic_once_in_any_spelling() {
    let schema = schema();
    for mac in ["52:54:00:ab:cd:08", "52-54-00-AB-CD-08"] {
        let found = refusals_with(&schema, "/spec/pxe/dhcpLeases/0/mac", json!(mac));
        assert_eq!(found, ["spec.pxe.dhcpLeases: dhcpLeases must not repeat a mac: each NIC has one lease"]);
    }
}

#[test]
fn images() {
    let digest = format!("@sha256:{}", "0f".repeat(32));
    let with_digest = format!("registry.example.com/a/b{digest}");
    let both = format!("registry.example.com:5000/a/b:1.0{digest}");
    let upper = format!("r/i@sha256:{}", "0F".repeat(32));
    check(vec![case(
        "/spec/pxe/image",
        "spec.pxe.image",
        [
            "ubuntu",
            "ghcr.io/example/images/host-ubuntu2404:latest",
            "localhost:5000/x:y",
            "10.0.0.5:5000/x",
            "[fd00::5]:5000/x:1",
            "a/b__c/d--e/f.g:T_1.2-3",
            &with_digest,
            &both,
            "oci:/srv/images/ubuntu",
            "oci:/srv/images/ubuntu:24.04",
        ],
        [
            "",
            "Ubuntu",
            "https://registry.example.com/x",
            "registry.example.com/x:",
            "registry.example.com/x:a b",
            "registry.example.com/x@sha256:abc",
            "registry.example.com//x",
            "/x",
            "x/",
            &upper,
            "oci:relative/path",
            "oci:",
            "docker://x",
        ],
        "image must be an OCI reference",
    )]);
}

#[test]
fn redfish() {
    let fingerprint = ["ab"; 32].join(":");
    let short = ["ab"; 20].join(":");
    let bare = "ab".repeat(32);
    check(vec![
        case(
            "/spec/pxe/redfish/url",
            "spec.pxe.redfish.url",
            ["https://10.0.9.1", "http://bmc.example.com:8000", "https://[fd00::1]:443/redfish", "https://10.0.9.1/"],
            [
                "",
                "10.0.9.1",
                "ftp://10.0.9.1",
                "https://",
                "https://a b",
                "https://10.0.9.1?x=1",
                "https://10.0.9.1:port",
            ],
            "url must be http(s)://host[:port][/path]",
        ),
        case(
            "/spec/pxe/redfish/url",
            "spec.pxe.redfish.url",
            [],
            ["https://root:calvin@10.0.9.1", "https://root@10.0.9.1/"],
            "url must not contain credentials",
        ),
        case(
            "/spec/pxe/redfish/certFingerprint",
            "spec.pxe.redfish.certFingerprint",
            [&fingerprint, &fingerprint.to_uppercase()],
            ["", &short, &bare, "sha256:abc"],
            "certFingerprint must be a SHA-256 fingerprint",
        ),
        case(
            "/spec/pxe/redfish/passwordRef/name",
            "spec.pxe.redfish.passwordRef.name",
            ["bmc", "bmc-1.rack1"],
            ["", "BMC", "bmc_1", "-bmc"],
            "name must be a Kubernetes object name",
        ),
        case(
            "/spec/pxe/redfish/passwordRef/namespace",
            "spec.pxe.redfish.passwordRef.namespace",
            ["unbounded-kube"],
            ["", "a.b", "A"],
            "namespace must be a Kubernetes namespace",
        ),
        case(
            "/spec/pxe/redfish/passwordRef/key",
            "spec.pxe.redfish.passwordRef.key",
            ["password", "n07.pw", "A_b"],
            ["", "a/b", "a b"],
            "key must be a key of the object's data",
        ),
    ]);
}

#[test]
fn a_bmc_login_is_complete_or_absent() {
    let schema = schema();
    let login = |fields: Value| {
        let mut redfish = json!({ "url": "https://10.0.9.1" });
        redfish.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        refusals_with(&schema, "/spec/pxe/redfish", redfish)
    };
    let reference = json!({ "name": "bmc", "namespace": "unbounded-kube" });
    assert!(login(json!({})).is_empty());
    assert!(login(json!({ "username": "admin", "passwordRef": reference })).is_empty());
    for half in [json!({ "username": "admin" }), json!({ "passwordRef": reference })] {
        assert!(login(half)[0].starts_with("spec.pxe.redfish: username and passwordRef must be given together"));
    }
}

#[test]
fn what_cannot_be_left_out() {
    let schema = schema();
    for (pointer, field) in [
        ("/spec/pxe", "image"),
        ("/spec/pxe/dhcpLeases/0", "mac"),
        ("/spec/pxe/dhcpLeases/0", "ipv4"),
        ("/spec/pxe/dhcpLeases/0", "subnetMask"),
        ("/spec/pxe/redfish", "url"),
        ("/spec/pxe/redfish/passwordRef", "name"),
        ("/spec/pxe/redfish/passwordRef", "namespace"),
        ("/spec/pxe/imagePullSecretRef", "name"),
        ("/spec/pxe/cloudInit/userDataConfigMapRef", "name"),
        ("/spec/pxe/cloudInit/userDataConfigMapRef", "namespace"),
        ("/spec/kubernetes/nodeRef", "name"),
        ("/spec/kubernetes/bootstrapTokenRef", "name"),
    ] {
        let mut object = valid();
        object.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field);
        let found = refusals(&schema, &object);
        assert!(
            found.iter().any(|refusal| refusal.ends_with(&format!(": {field} is required"))),
            "{pointer}: {found:?}"
        );
    }
}

#[test]
fn attestation_and_disk() {
    let hash = "0a".repeat(32);
    let prefixed = format!("sha256:{}", "0A".repeat(32));
    check(vec![
        case(
            "/spec/pxe/attestation/ekPublicKeyHash",
            "spec.pxe.attestation.ekPublicKeyHash",
            [&hash, &prefixed],
            ["", "0a0a", "sha1:0a"],
            "ekPublicKeyHash must be a SHA-256 in 64 hex digits",
        ),
        case(
            "/spec/pxe/attestation/policy",
            "spec.pxe.attestation.policy",
            ["TPM", "TPMIfPresent", "None"],
            ["", "tpm", "Always"],
            "TPMIfPresent",
        ),
        case("/spec/pxe/disk/serial", "spec.pxe.disk.serial", ["X1"], [""], "too short"),
        case(
            "/spec/pxe/disk/deviceName",
            "spec.pxe.disk.deviceName",
            ["sda", "/dev/nvme0n1", "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"],
            ["", "/dev/", "../sda", "/dev/../etc/passwd", "sda b", "/dev//sda"],
            "deviceName must be a block device",
        ),
    ]);
}

#[test]
fn kubernetes() {
    let long = "a".repeat(64);
    check(vec![
        case(
            "/spec/kubernetes/version",
            "spec.kubernetes.version",
            ["v1.33.1", "1.33.1", "v1.34.0-rc.1", "v1.33.1+k3s1"],
            ["", "1.33", "latest", "v1.33.01", "v1.33.x", "vv1.33.1"],
            "version must be a Kubernetes version vX.Y.Z",
        ),
        case(
            "/spec/kubernetes/registerWithTaints/0",
            "spec.kubernetes.registerWithTaints[0]",
            ["a=b:NoSchedule", "a=:NoExecute", "a:PreferNoSchedule", "example.com/a=b.c_d-e:NoSchedule"],
            ["", "a=b", "a=b:Never", "=b:NoSchedule", "a=b=c:NoSchedule", "a b:NoSchedule", "Example.com/a:NoSchedule"],
            "each entry of registerWithTaints must be key=value:Effect",
        ),
        case(
            "/spec/kubernetes/nodeLabels/gpu",
            "spec.kubernetes.nodeLabels",
            ["", "true", "a.b_c-d"],
            ["-a", "a-", "a b", "a/b", &long],
            "each value of nodeLabels must be a label value",
        ),
    ]);
    let schema = schema();
    for key in ["-a", "a b", "a/b/c", "/a", "A.com/b", long.as_str()] {
        let mut object = valid();
        object["spec"]["kubernetes"]["nodeLabels"] = json!({ key: "x" });
        let found = refusals(&schema, &object);
        assert!(
            found[0].starts_with("spec.kubernetes.nodeLabels: each key of nodeLabels must be a label key"),
            "{key}: {found:?}"
        );
    }
}

#[test]
fn numbers() {
    let number = |pointer, path, good: &[i64], bad: &[i64], says| Case {
        pointer,
        path,
        good: good.iter().map(|value| json!(value)).collect(),
        bad: bad.iter().map(|value| json!(value)).collect(),
        says,
    };
    check(vec![
        number(
            "/spec/operations/rebootCounter",
            "spec.operations.rebootCounter",
            &[0, i64::MAX],
            &[-1],
            "greater than or equal to 0",
        ),
        number(
            "/spec/operations/repaveCounter",
            "spec.operations.repaveCounter",
            &[0, 7],
            &[-1],
            "greater than or equal to 0",
        ),
        number(
            "/spec/operations/repaveTimeoutSeconds",
            "spec.operations.repaveTimeoutSeconds",
            &[60, 1800],
            &[0, 59],
            "greater",
        ),
        number(
            "/spec/operations/maxAttempts",
            "spec.operations.maxAttempts",
            &[1, 100],
            &[101],
            "less than or equal to 100",
        ),
        number(
            "/spec/operations/gracefulShutdownSeconds",
            "spec.operations.gracefulShutdownSeconds",
            &[0, 3600],
            &[3601],
            "less",
        ),
        number(
            "/spec/pxe/dhcpLeases/0/mtu",
            "spec.pxe.dhcpLeases[0].mtu",
            &[576, 1500, 9216],
            &[9217],
            "less than or equal to 9216",
        ),
        number("/spec/pxe/dhcpLeases/0/mtu", "spec.pxe.dhcpLeases[0].mtu", &[], &[575], "greater than or equal to 576"),
        number("/spec/pxe/disk/minSizeGiB", "spec.pxe.disk.minSizeGiB", &[1, 800], &[0], "greater than or equal to 1"),
    ]);
}

#[test]
fn a_name_fits_the_label_that_carries_it() {
    let schema = schema();
    assert!(refusals_with(&schema, "/metadata/name", json!("a".repeat(63))).is_empty());
    let found = refusals_with(&schema, "/metadata/name", json!("a".repeat(64)));
    assert!(found[0].contains("metadata.name must be at most 63 characters"), "{found:?}");
}

#[test]
fn lists_are_bounded() {
    let schema = schema();
    for (pointer, path) in [
        ("/spec/pxe/dhcpLeases/0/dns", format!("{LEASE}.dns")),
        ("/spec/pxe/dhcpLeases/0/ntp", format!("{LEASE}.ntp")),
        ("/spec/kubernetes/registerWithTaints", "spec.kubernetes.registerWithTaints".to_owned()),
    ] {
        let mut object = valid();
        set(&mut object, pointer, json!(vec!["10.0.0.1"; 100]));
        assert!(refusals(&schema, &object).contains(&format!("{path}: too long")), "{path}");
    }
}
