use super::*;
use serde_json::{Value, json};

const OLD: &str = "aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa:aa";
const NEW: &str = "bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb";

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// A Machine with a BMC, whose spec and status have that merged in.
fn machine(spec: Value, status: Value) -> Machine {
    let mut value = json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "n1", "creationTimestamp": "2026-03-01T10:00:00Z" },
        "spec": { "pxe": {
            "image": "reg.example/img:1",
            "dhcpLeases": [{ "mac": "aa:bb:cc:dd:ee:01", "ipv4": "192.0.2.10", "subnetMask": "255.255.255.0" }],
            "redfish": { "url": "https://bmc.example/", "username": "root",
                         "passwordRef": { "name": "bmc-n1", "namespace": "unbounded-kube" } },
        } },
    });
    merge(&mut value["spec"], spec);
    value["status"] = status;
    serde_json::from_value(value).unwrap()
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({ "conditions": [{ "type": type_, "status": status, "reason": reason, "message": message }] })
}

/// `steps` as (name, seconds ago), of a repave that is wanted.
fn repaving(phase: &str, steps: &[(&str, i64)]) -> Machine {
    let steps: Vec<Value> = steps
        .iter()
        .map(|(name, ago)| json!({ "name": name, "time": now().checked_sub(jiff::SignedDuration::from_secs(*ago)).unwrap() }))
        .collect();
    machine(
        json!({ "operations": { "rebootCounter": 1, "repaveCounter": 1 } }),
        json!({ "phase": phase, "boot": { "steps": steps } }),
    )
}

/// All of it in one text.
fn told(machine: &Machine) -> String {
    let line = |advice: Advice| format!("{} $ {}\n", advice.text, advice.command.unwrap_or_default());
    advice(machine, now()).into_iter().map(line).collect()
}

#[test]
fn each_condition_has_its_remedy() {
    let mismatch =
        format!("bmc.example shows a certificate with fingerprint {NEW}, but {OLD} is pinned; nothing secret was sent");
    let table: Vec<(Value, Value, &[&str])> = vec![
        (
            json!({}),
            condition("LeasesValid", "False", "Duplicate", "machine n0 is older and holds it"),
            &["or delete the other Machine: machine n0 is older", "kubectl edit machine n1"],
        ),
        (json!({}), condition("LeasesValid", "False", "Invalid", "mac"), &["correct spec.pxe.dhcpLeases: mac"]),
        (json!({}), condition("LeasesValid", "True", "Warning", "odd gateway"), &["are meant so: odd gateway"]),
        (
            json!({}),
            condition("ImageReady", "False", "PullFailed", "401"),
            &["tried again by itself: 401", "kubectl metalman image inspect reg.example/img:1"],
        ),
        (
            json!({}),
            condition("BMCReachable", "False", "CredentialsRefused", "401"),
            &[
                "user \"root\" into key password of Secret unbounded-kube/bmc-n1",
                "-n unbounded-kube create secret generic bmc-n1",
            ],
        ),
        (
            json!({ "pxe": { "redfish": { "passwordRef": null, "username": null } } }),
            condition("BMCReachable", "False", "CredentialsRefused", "401"),
            &["set username and passwordRef", "kubectl edit machine n1"],
        ),
        (
            json!({}),
            condition("BMCReachable", "False", "TCPError", "refused"),
            &["$ curl -sSk https://bmc.example/redfish/v1/"],
        ),
        (
            json!({}),
            condition("BMCReachable", "False", "DNSError", "no such name"),
            &["make its BMC reachable", "no such name"],
        ),
        (
            json!({}),
            condition("BMCReachable", "False", "RedfishError", "has 2 systems"),
            &["what its BMC says: has 2 systems"],
        ),
        (
            json!({}),
            condition("BMCReachable", "False", "TLSPinMismatch", &mismatch),
            &["Compare bb:bb:", "kubectl patch machine n1 --subresource=status --type=merge"],
        ),
        (
            json!({}),
            condition("Attested", "False", "EKMismatch", "other key"),
            &[r#"--subresource=status --type=merge -p '{"status":{"tpm":{"ekPublicKey":null}}}'"#],
        ),
        (
            json!({ "pxe": { "attestation": { "ekPublicKeyHash": "00" } } }),
            condition("Attested", "False", "EKMismatch", "other key"),
            &["correct spec.pxe.attestation.ekPublicKeyHash"],
        ),
        (
            json!({}),
            condition("Attested", "False", "PolicyRefused", "no TPM"),
            &["change spec.pxe.attestation: no TPM"],
        ),
        (
            json!({}),
            condition("CloudInitDone", "False", "Failed", "runcmd"),
            &["cloud-init-output.log on 192.0.2.10", "runcmd"],
        ),
        (
            json!({}),
            condition("CloudInitDone", "Unknown", "TimedOut", "silence"),
            &["console of 192.0.2.10", "silence"],
        ),
        (
            json!({ "operations": { "repaveCounter": 1 } }),
            condition("BootOrderConfigSupported", "False", "NotSupported", ""),
            &["put network boot first"],
        ),
    ];
    for (spec, status, words) in table {
        let told = told(&machine(spec, status.clone()));
        for word in words {
            assert!(told.contains(word), "{status}: {word:?} not in {told:?}");
        }
    }
}

#[test]
fn what_is_well_needs_nobody() {
    for (type_, reason) in
        [("LeasesValid", "Valid"), ("ImageReady", "Pulled"), ("BMCReachable", "Reachable"), ("Attested", "Pinned")]
    {
        assert_eq!(told(&machine(json!({}), condition(type_, "True", reason, "fine"))), "", "{type_}");
    }
    assert_eq!(told(&machine(json!({}), condition("ImageReady", "False", "Pulling", ""))), "");
    assert_eq!(told(&machine(json!({}), condition("BootOrderConfigSupported", "False", "NotSupported", ""))), "");
    let mut gone = machine(json!({}), condition("ImageReady", "False", "PullFailed", "401"));
    gone.metadata.deletion_timestamp = gone.metadata.creation_timestamp.clone();
    assert_eq!(told(&gone), "");
}

/// Accepted is exactly what was shown: whoever stands in between later is not.
#[test]
fn a_new_certificate_is_accepted_where_the_old_one_is_pinned() {
    let mismatch =
        format!("bmc.example shows a certificate with fingerprint {NEW}, but {OLD} is pinned; nothing was sent");
    let mut status = condition("BMCReachable", "False", "TLSPinMismatch", &mismatch);
    status["redfish"] = json!({ "certFingerprint": OLD });
    let by_status = format!(
        "kubectl patch machine n1 --subresource=status --type=merge -p '{{\"status\":{{\"redfish\":{{\"certFingerprint\":\"{NEW}\"}}}}}}'"
    );
    assert_eq!(advice(&machine(json!({}), status.clone()), now())[0].command.as_deref(), Some(by_status.as_str()));

    // The spec's pin goes before the status's, and is written in any case.
    let spec = json!({ "pxe": { "redfish": { "certFingerprint": OLD.to_uppercase() } } });
    let by_spec = format!(
        "kubectl patch machine n1 --type=merge -p '{{\"spec\":{{\"pxe\":{{\"redfish\":{{\"certFingerprint\":\"{NEW}\"}}}}}}}}'"
    );
    assert_eq!(advice(&machine(spec, status), now())[0].command.as_deref(), Some(by_spec.as_str()));

    let silent = condition("BMCReachable", "False", "TLSPinMismatch", "another certificate");
    let command = advice(&machine(json!({}), silent), now())[0].command.clone().unwrap();
    assert!(command.ends_with(r#"{"status":{"redfish":{"certFingerprint":null}}}'"#), "{command}");
}

#[test]
fn each_step_has_its_patience_and_its_cause() {
    for (step, well, overdue, words) in [
        ("Asked", 100, 200, "whether metalman of its site runs"),
        ("Draining", 500, 700, "spec.nodeName=n1"),
        ("ShuttingDown", 500, 700, "event log"),
        ("PoweringOff", 100, 200, "event log"),
        ("PowerOff", 50, 70, "event log"),
        ("BootOverride", 50, 70, "event log"),
        ("PoweringOn", 100, 200, "event log"),
        ("PowerOn", 500, 700, "compare the boot NIC's MAC with aa:bb:cc:dd:ee:01"),
        ("DHCP", 100, 200, "UDP port 69"),
        ("Bootloader", 100, 200, "Secure Boot"),
        ("Kernel", 200, 400, "driver for the NIC"),
        ("InstallerStarted", 200, 400, "fell silent"),
        ("ImageWriting", 200, 400, "fell silent"),
        ("Installed", 500, 700, "boot order"),
        ("Rebooted", 200, 400, "kubectl get csr"),
        ("Attested", 500, 700, "kubectl get csr"),
        ("CloudInit", 200, 400, "kubectl get csr"),
        ("Joined", 200, 400, "kubectl describe node n1"),
    ] {
        assert_eq!(told(&repaving("Provisioning", &[(step, well)])), "", "{step} after {well} s");
        let late = told(&repaving("Provisioning", &[(step, overdue)]));
        assert!(late.contains(words), "{step} after {overdue} s: {late:?}");
    }
    assert_eq!(told(&repaving("Provisioning", &[("Ready", 1_000_000)])), "");
}

#[test]
fn where_it_stands_is_the_last_sign_of_life() {
    let at = |machine: &Machine| standing(machine, now()).map(|standing| (standing.step, standing.waited.as_secs()));
    assert_eq!(at(&repaving("Joining", &[("CloudInit", 10), ("Joined", 50)])), Some((Step::CloudInit, 10)));
    assert_eq!(at(&repaving("Joining", &[("CloudInit", 50), ("Joined", 50)])), Some((Step::Joined, 50)));
    assert_eq!(at(&repaving("Provisioning", &[("Asked", -5)])), Some((Step::Asked, 0)), "a clock that is ahead");
    assert_eq!(at(&repaving("Provisioning", &[("Dancing", 5)])), None);
    assert_eq!(
        at(&machine(
            json!({}),
            json!({ "phase": "Pending", "boot": { "steps": [{ "name": "DHCP", "time": now() }] } })
        )),
        None
    );
    assert_eq!(at(&machine(json!({}), Value::Null)), None);
}

#[test]
fn known_causes_come_before_another_attempt_and_hide_guesses() {
    let mut failed = repaving("Failed", &[("PowerOn", 4000)]);
    failed.status.as_mut().unwrap().operations =
        serde_json::from_value(json!({ "failure": "repave given up after attempt 3 of 3" })).unwrap();
    let told = |machine: &Machine| advice(machine, now()).into_iter().map(|advice| advice.text).collect::<Vec<_>>();
    let guessed = told(&failed);
    assert!(guessed[0].contains("no DHCP request") && guessed[1].contains("attempt 3 of 3"), "{guessed:?}");
    assert_eq!(advice(&failed, now())[1].command.as_deref(), Some("kubectl metalman machine repave n1"));

    let refused = condition("BMCReachable", "False", "TCPError", "refused");
    failed.status.as_mut().unwrap().conditions = serde_json::from_value(refused["conditions"].clone()).unwrap();
    let known = told(&failed);
    assert!(known[0].contains("refused") && known.len() == 2, "{known:?}");

    let reboot = machine(
        json!({ "operations": { "rebootCounter": 1 } }),
        json!({ "phase": "Failed", "operations": { "failure": "reboot given up" } }),
    );
    assert_eq!(advice(&reboot, now())[0].command.as_deref(), Some("kubectl metalman machine reboot n1"));
}

#[test]
fn who_else_is_to_act() {
    let wanted = json!({ "operations": { "rebootCounter": 1, "repaveCounter": 1 } });
    let mut by_hand = wanted.clone();
    by_hand["pxe"] = json!({ "redfish": null });
    let alone = machine(by_hand, json!({ "phase": "Provisioning" }));
    assert!(told(&alone).contains("power-cycle it yourself, and let it boot from the network"), "{}", told(&alone));

    let mut provided = machine(wanted, json!({ "phase": "Provisioning" }));
    provided.metadata.annotations = Some([(labels::PROVIDER.to_owned(), "cloud".to_owned())].into());
    assert!(told(&provided).contains("another controller powers it (unbounded-cloud.io/provider: cloud)"));

    let none = machine(json!({ "pxe": null }), Value::Null);
    assert!(told(&none).contains("no spec.pxe"));

    let mut unseen = machine(json!({}), Value::Null);
    assert!(told(&unseen).contains("kubectl -n unbounded-kube get lease metalman\n"), "{}", told(&unseen));
    unseen.metadata.labels = Some([(labels::SITE.to_owned(), "rack-7".to_owned())].into());
    assert!(told(&unseen).contains("get lease metalman-rack-7\n"));
    unseen.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
        now().checked_sub(jiff::SignedDuration::from_secs(30)).unwrap(),
    ));
    assert_eq!(told(&unseen), "", "just registered");
}

#[test]
fn a_machine_at_rest() {
    let mut ready = condition("ImageReady", "True", "Pulled", "sha256:…");
    ready["phase"] = json!("Pending");
    assert!(told(&machine(json!({}), ready)).contains("$ kubectl metalman machine repave n1"));
    let off = machine(json!({}), json!({ "phase": "Joining", "power": "Off", "operations": { "repaveCounter": 1 } }));
    assert!(told(&off).contains("$ kubectl metalman machine reboot n1"));
    assert_eq!(told(&machine(json!({}), json!({ "phase": "Ready", "power": "On" }))), "");
}

#[test]
fn words_for_a_shell() {
    for (word, expected) in [
        ("oci:/srv/images:debian-13", "oci:/srv/images:debian-13"),
        ("", "''"),
        ("a b", "'a b'"),
        ("https://[2001:db8::1]/", "'https://[2001:db8::1]/'"),
        ("a'b", r"'a'\''b'"),
    ] {
        assert_eq!(conditions::quoted(word), expected);
    }
}
