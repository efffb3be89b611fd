//! What follows from each condition.

use super::Advice;
use crate::api::conditions::{
    ATTESTED, BMC_REACHABLE, BOOT_ORDER_CONFIG_SUPPORTED, CLOUD_INIT_DONE, Condition, ConditionStatus, IMAGE_READY,
    LEASES_VALID, REPAVED, reason,
};
use crate::api::spec::RedfishSpec;
use crate::api::{Machine, MachineStatus};

fn failing<'a>(status: &'a MachineStatus, type_: &str) -> Option<&'a Condition> {
    status.condition(type_).filter(|condition| condition.status == ConditionStatus::False)
}

fn edit(machine: &Machine) -> String {
    format!("kubectl edit machine {}", machine.name())
}

pub(super) fn leases(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    let condition = failing(status, LEASES_VALID)?;
    let what = match condition.reason.as_str() {
        reason::DUPLICATE => {
            "give it a MAC and an address of its own in spec.pxe.dhcpLeases, or delete the other Machine"
        }
        _ => "correct spec.pxe.dhcpLeases",
    };
    Some(Advice::new(format!("{what}: {}", condition.message)).with(edit(machine)))
}

/// What is served all the same.
pub(super) fn lease_warning(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    let condition = status.condition(LEASES_VALID).filter(|condition| condition.reason == reason::WARNING)?;
    Some(Advice::new(format!("see whether its leases are meant so: {}", condition.message)).with(edit(machine)))
}

pub(super) fn image(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    let condition = failing(status, IMAGE_READY).filter(|condition| condition.reason != reason::PULLING)?;
    let image = machine.spec.pxe.as_ref().map_or("", |pxe| pxe.image.as_str());
    let text = format!(
        "make its netboot image available, or correct spec.pxe.image or imagePullSecretRef; it is tried again by itself: {}",
        condition.message
    );
    Some(Advice::new(text).with(format!("kubectl metalman image inspect {}", quoted(image))))
}

pub(super) fn bmc(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    let condition = failing(status, BMC_REACHABLE)?;
    let redfish = machine.spec.pxe.as_ref()?.redfish.as_ref()?;
    Some(match condition.reason.as_str() {
        reason::TLS_PIN_MISMATCH => certificate(machine, redfish, condition),
        reason::CREDENTIALS => credentials(machine, redfish, condition),
        reason::REDFISH => Advice::new(format!("see to what its BMC says: {}", condition.message)).with(probe(redfish)),
        _ => {
            let text = "make its BMC reachable from where metalman runs; it is tried again by itself";
            Advice::new(format!("{text}: {}", condition.message)).with(probe(redfish))
        }
    })
}

/// Another certificate than the pinned one. Accepted is the one that was shown, not whichever comes next.
fn certificate(machine: &Machine, redfish: &RedfishSpec, condition: &Condition) -> Advice {
    let of_spec = redfish.cert_fingerprint.as_deref().filter(|pin| !pin.is_empty());
    let of_status = || machine.status.as_ref()?.redfish.as_ref()?.cert_fingerprint.as_deref();
    let pinned = of_spec.or_else(of_status).unwrap_or_default();
    let shown = fingerprints(&condition.message).find(|shown| !shown.eq_ignore_ascii_case(pinned));
    let accepted = shown.map_or_else(|| "null".to_owned(), |shown| format!("\"{}\"", shown.to_lowercase()));
    let patch = match of_spec {
        Some(_) => format!(r#"{{"spec":{{"pxe":{{"redfish":{{"certFingerprint":{accepted}}}}}}}}}"#),
        None => format!(r#"{{"status":{{"redfish":{{"certFingerprint":{accepted}}}}}}}"#),
    };
    let subresource = if of_spec.is_some() { "" } else { " --subresource=status" };
    let text = match shown {
        Some(shown) => format!(
            "its BMC shows another certificate than the pinned one. Compare {shown} with what the BMC's own pages or console \
             show; only if it was replaced on purpose, accept it"
        ),
        None => {
            "its BMC shows another certificate than the pinned one; only if it was replaced on purpose, accept the next"
                .to_owned()
        }
    };
    let command = format!("kubectl patch machine {}{subresource} --type=merge -p '{patch}'", machine.name());
    Advice::new(text).with(command)
}

/// The words in a text that are SHA-256 fingerprints.
fn fingerprints(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != ':').map(|word| word.trim_matches(':'));
    words.filter(|word| word.split(':').count() == 32 && word.split(':').all(|pair| pair.len() == 2))
}

fn credentials(machine: &Machine, redfish: &RedfishSpec, condition: &Condition) -> Advice {
    let Some(password) = &redfish.password_ref else {
        let text = "its BMC wants a login: set username and passwordRef in spec.pxe.redfish";
        return Advice::new(format!("{text}: {}", condition.message)).with(edit(machine));
    };
    let user = redfish.username.as_deref().unwrap_or_default();
    let (namespace, name, key) = (&password.namespace, &password.name, password.key());
    let text = format!(
        "put the right password of user {user:?} into key {key} of Secret {namespace}/{name}, or correct \
         spec.pxe.redfish.username: {}",
        condition.message
    );
    Advice::new(text).with(format!(
        "kubectl -n {namespace} create secret generic {name} --from-literal={key}='…' --dry-run=client -o yaml | kubectl \
         apply -f -"
    ))
}

/// Asks the BMC's service root, which needs no login (DSP0266, "Resources that do not require authentication").
fn probe(redfish: &RedfishSpec) -> String {
    format!("curl -sSk {}", quoted(&format!("{}/redfish/v1/", redfish.url.trim_end_matches('/'))))
}

pub(super) fn attestation(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    let condition = failing(status, ATTESTED)?;
    let message = &condition.message;
    if condition.reason != reason::EK_MISMATCH {
        return Some(Advice::new(format!(
            "see to what attestation refuses, or change spec.pxe.attestation: {message}"
        )));
    }
    let attestation = machine.spec.pxe.as_ref().and_then(|pxe| pxe.attestation.as_ref());
    let registered = attestation.and_then(|attestation| attestation.ek_public_key_hash.as_deref());
    let text = "another TPM answers than the one known. Only if its TPM or mainboard was replaced";
    Some(match registered.filter(|hash| !hash.is_empty()) {
        Some(_) => Advice::new(format!("{text}, correct spec.pxe.attestation.ekPublicKeyHash: {message}")).with(edit(machine)),
        None => Advice::new(format!("{text}, forget the pinned key: {message}")).with(format!(
            r#"kubectl patch machine {} --subresource=status --type=merge -p '{{"status":{{"tpm":{{"ekPublicKey":null}}}}}}'"#,
            machine.name()
        )),
    })
}

pub(super) fn cloud_init(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    let condition = status.condition(CLOUD_INIT_DONE)?;
    let host = machine.host().unwrap_or("the host");
    match condition.reason.as_str() {
        reason::FAILED => Some(Advice::new(format!(
            "read /var/log/cloud-init-output.log on {host}, and correct its user-data or image: {}",
            condition.message
        ))),
        reason::TIMED_OUT => Some(Advice::new(format!(
            "look at the console of {host}: cloud-init began there and fell silent: {}",
            condition.message
        ))),
        _ => None,
    }
}

pub(super) fn boot_order(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    failing(status, BOOT_ORDER_CONFIG_SUPPORTED).filter(|_| machine.repave_wanted())?;
    let text = "its BMC cannot override the boot order: put network boot first in the firmware's setup, as the repave relies on it";
    Some(Advice::new(text))
}

/// Whether what failed is an installation.
pub(super) fn needs_repave(machine: &Machine, status: &MachineStatus) -> bool {
    machine.repave_wanted()
        || [REPAVED, CLOUD_INIT_DONE, ATTESTED].into_iter().any(|type_| failing(status, type_).is_some())
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@,+=%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
