use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::netboot::FileIndex;

fn machine() -> Machine {
    serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": {
            "name": "n1", "uid": "u-1", "labels": { "unbounded-cloud.io/site": "berlin" }, "annotations": { "note": "x" },
            "creationTimestamp": "2026-01-02T03:04:05Z",
        },
        "spec": {
            "pxe": {
                "image": "registry.test/netboot:1",
                "dhcpLeases": [{
                    "mac": "AA-BB-CC-00-11-22", "ipv4": "10.0.0.11", "subnetMask": "255.255.255.0", "gateway": "10.0.0.1",
                    "dns": ["10.0.0.53", "10.0.0.54"], "mtu": 9000,
                }],
                "redfish": { "url": "https://bmc", "deviceID": "System.1" },
                "cloudInit": { "userDataConfigMapRef": { "name": "ud", "namespace": "unbounded-kube" } },
                "disk": { "wwn": "0x5", "minSizeGiB": 100, "rotational": false },
            },
            "ssh": { "host": "h", "privateKeyRef": { "name": "k" }, "extra": [1] },
        },
        "status": { "phase": "Pending", "image": { "digest": "sha256:old" }, "tpm": { "ekPublicKey": "PEM" } },
    }))
    .unwrap()
}

fn site() -> Site {
    Site {
        apiserver_url: "https://10.0.0.1:6443".into(),
        ca_pem: Some("PEM".into()),
        kubernetes_version: Some("v1.33.1".into()),
        cluster_dns: "10.96.0.10".parse().unwrap(),
        serve_url: "http://10.0.0.2:8880".into(),
        provider_labels: BTreeMap::new(),
    }
}

fn files() -> FileIndex {
    let info = FileInfo { size: 42, sha256: [0xab; 32], modified: 0 };
    FileIndex::from([("boot/vmlinuz".to_owned(), info)])
}

fn try_render(machine: &Machine, text: &str) -> Result<String, TemplateError> {
    let lease = Lease::try_from(&machine.dhcp_leases()[0]).unwrap();
    let site = site();
    let request = Request {
        machine,
        lease: &lease,
        architecture: Some(Architecture::X64Uefi),
        image_digest: "sha256:0123",
        site: &site,
    };
    let files = files();
    let template = Template::parse("grub/grub.cfg.tmpl", text.as_bytes(), move |path: &str| files.get(path).cloned())?;
    Ok(String::from_utf8(template.render(&Data::new(&request))?).unwrap())
}

fn render(text: &str) -> String {
    try_render(&machine(), text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn names_of_the_contract() {
    for (text, expected) in [
        ("{{.Machine.Name}}", "n1"),
        ("{{.Machine.ObjectMeta.Name}}", "n1"),
        ("{{.Machine.Namespace}}|{{.Machine.UID}}", "|u-1"),
        ("{{.Machine.Kind}} {{.Machine.APIVersion}}", "Machine unbounded-cloud.io/v1alpha3"),
        ("{{index .Machine.Labels \"unbounded-cloud.io/site\"}}", "berlin"),
        ("{{index .Machine.Labels \"absent\"}}|{{.Machine.Annotations.note}}", "|x"),
        ("{{.Machine.CreationTimestamp}}", "2026-01-02 03:04:05 +0000 UTC"),
        ("{{.Machine.Spec.PXE.Image}}", "registry.test/netboot:1"),
        ("{{(index .Machine.Spec.PXE.DHCPLeases 0).IPv4}}", "10.0.0.11"),
        ("{{(index .Machine.Spec.PXE.DHCPLeases 0).MAC}}", "AA-BB-CC-00-11-22"),
        (
            "{{with index .Machine.Spec.PXE.DHCPLeases 0}}{{.SubnetMask}} {{.Gateway}} {{.MTU}}{{end}}",
            "255.255.255.0 10.0.0.1 9000",
        ),
        ("{{range (index .Machine.Spec.PXE.DHCPLeases 0).DNS}}{{.}},{{end}}", "10.0.0.53,10.0.0.54,"),
        ("{{.Machine.Spec.PXE.Redfish.URL}} {{.Machine.Spec.PXE.Redfish.DeviceID}}", "https://bmc System.1"),
        ("{{.Machine.Spec.PXE.CloudInit.UserDataConfigMapRef.Key}}", "user-data"),
        ("{{with .Machine.Spec.PXE.Disk}}{{.WWN}} {{.MinSizeGiB}} {{.Rotational}}{{end}}", "0x5 100 false"),
        ("{{if .Machine.Spec.PXE.Attestation}}yes{{else}}no{{end}}", "no"),
        ("{{.Machine.Spec.SSH.Host}} {{.Machine.Spec.SSH.PrivateKeyRef.Name}} {{.Machine.Spec.SSH.Extra}}", "h k [1]"),
        (
            "{{.Machine.Status.Phase}} {{.Machine.Status.Image.Digest}} {{.Machine.Status.TPM.EKPublicKey}}",
            "Pending sha256:old PEM",
        ),
        ("{{.ApiserverURL}} {{.ServeURL}}", "https://10.0.0.1:6443 http://10.0.0.2:8880"),
        ("{{.KubernetesVersion}} {{.ClusterDNS}}", "v1.33.1 10.96.0.10"),
        (
            "{{.Lease.MAC}} {{.Lease.IPv4}} {{.Arch}} {{.ImageDigest}}",
            "aa:bb:cc:00:11:22 10.0.0.11 x64-uefi sha256:0123",
        ),
    ] {
        assert_eq!(render(text), expected, "{text}");
    }
}

#[test]
fn without_operations_there_are_zeros() {
    let text = "{{.Machine.Spec.Operations.RepaveCounter}} {{.Machine.Status.Operations.RepaveCounter}} \
                {{gt .Machine.Spec.Operations.RepaveCounter .Machine.Status.Operations.RepaveCounter}} \
                {{eq .Machine.Spec.Operations.RebootCounter 0}} {{.Machine.Spec.Operations}}";
    assert_eq!(render(text), "0 0 false true {0 0 0 0 0}");
    let mut bare = machine();
    bare.status = None;
    assert_eq!(try_render(&bare, text).unwrap(), "0 0 false true {0 0 0 0 0}");
    let mut asked = machine();
    asked.spec.operations = Some(serde_json::from_value(json!({ "repaveCounter": 3 })).unwrap());
    assert_eq!(try_render(&asked, text).unwrap(), "3 0 true true {0 3 0 0 0}");
}

#[test]
fn the_whole_machine_never_says_no_value() {
    let mut bare = machine();
    let leases = bare.dhcp_leases().to_vec();
    bare.spec = MachineSpecWith(leases).into();
    bare.status = None;
    let text = "{{.Machine}} {{if .Machine.Spec.Kubernetes}}yes{{end}}";
    assert!(!try_render(&bare, text).unwrap().contains("<no value>"), "{}", try_render(&bare, text).unwrap());
}

struct MachineSpecWith(Vec<crate::api::spec::DhcpLease>);

impl From<MachineSpecWith> for crate::api::MachineSpec {
    fn from(MachineSpecWith(dhcp_leases): MachineSpecWith) -> Self {
        let pxe = crate::api::spec::PxeSpec { dhcp_leases, ..Default::default() };
        Self { pxe: Some(pxe), ..Self::default() }
    }
}

#[test]
fn the_agent_config_stands_in_a_yaml_block() {
    let out = render("write_files:\n- content: |\n    {{.AgentConfigJSON}}\n");
    let yaml: serde_json::Value = serde_saphyr::from_str(&out).unwrap();
    let inner: serde_json::Value = serde_json::from_str(yaml["write_files"][0]["content"].as_str().unwrap()).unwrap();
    assert_eq!(inner["MachineName"], "n1");
    assert_eq!(inner["Kubelet"]["Labels"]["unbounded-cloud.io/machine"], "n1");
}

#[test]
fn functions_about_files() {
    assert_eq!(render("{{sha256 \"/boot//vmlinuz\"}}"), "ab".repeat(32));
    assert_eq!(render("{{size \"boot/vmlinuz\"}} {{add 1 (size \"boot/vmlinuz\")}}"), "42 43");
    let error = try_render(&machine(), "a\n{{size \"gone\"}}").unwrap_err().to_string();
    assert!(error.starts_with("grub/grub.cfg.tmpl:2:2: "), "{error}");
    assert!(error.contains("the image has no file \"gone\""), "{error}");
    assert!(try_render(&machine(), "{{sha256 \"../etc/passwd\"}}").is_err());
}

#[test]
fn gos_own_slice_goes_before_sprigs() {
    assert_eq!(render(r#"{{slice "abcdef" 1 3}}{{slice .Machine.Name 0 1}}"#).len(), 3);
    assert_eq!(render(r#"{{slice "abcdef" 1 3}}"#), "bc");
}

#[test]
fn sprig_is_there_and_sees_nothing_of_the_host() {
    assert_eq!(
        render("{{.Machine.Name | upper | quote}} {{default \"d\" .Machine.Spec.PXE.Redfish.Username}}"),
        "\"N1\" d"
    );
    for absent in [
        "env \"PATH\"",
        "expandenv \"$PATH\"",
        "now",
        "uuidv4",
        "randAlpha 5",
        "genPrivateKey \"rsa\"",
        "getHostByName \"x\"",
    ] {
        let error = try_render(&machine(), &format!("{{{{{absent}}}}}")).unwrap_err().to_string();
        assert!(error.contains("not defined"), "{absent}: {error}");
    }
}

#[test]
fn errors_name_their_place() {
    let error = try_render(&machine(), "ok\n  {{.Machine.Nmae}}").unwrap_err().to_string();
    assert!(error.starts_with("grub/grub.cfg.tmpl:2:12: "), "{error}");
    assert!(error.contains("can't evaluate field Nmae"), "{error}");
    let error = try_render(&machine(), "{{if").unwrap_err().to_string();
    assert!(error.starts_with("grub/grub.cfg.tmpl:1: "), "{error}");
}

#[test]
fn what_a_template_may_use_up_is_bounded() {
    assert!(try_render(&machine(), "{{range $i := until 100000}}{{range until 100000}}x{{end}}{{end}}").is_err());
    let large = "x".repeat(LARGEST + 1);
    assert!(try_render(&machine(), &large).unwrap_err().to_string().starts_with("grub/grub.cfg.tmpl:1: "));
    let long = format!("{{{{fail \"{}\"}}}}", "y".repeat(100_000));
    assert!(try_render(&machine(), &long).unwrap_err().to_string().len() < 1100);
}
