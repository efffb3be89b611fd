//! Shapes of values in the Machine schema: bounds, and rules with messages a person can act on.
//!
//! Role: one function per shape, named by `#[schemars(schema_with = …)]` on the field that has it. The description of the
//! field (its doc comment) is added by schemars.
//!
//! Invariants:
//! - rules are CEL as of Kubernetes 1.29: no `ip()`, no `cidr()`, no `optionalOldSelf`. A `pattern` would do for most, but
//!   its refusal reads "in body should match '^(…)$'", which tells an operator nothing; a rule carries a message;
//! - everything a rule walks is bounded (`maxLength`, `maxItems`, `maxProperties`): the API server estimates the worst
//!   case of each rule when the CRD is installed and refuses the whole CRD when it is too expensive;
//! - `maxLength` stays well above the longest valid value where a rule follows, so that a typo meets the rule's message and
//!   not "Too long";
//! - a regular expression stands in a raw string, r'…', and holds no single quote: what is read is what matches.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// One byte of a dotted quad, without leading zeros (which some parsers take as octal).
const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
/// One label of a host name, RFC 1123 section 2.1.
const HOST_LABEL: &str = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
/// One label of a Kubernetes name: the above in lower case.
const NAME_LABEL: &str = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
/// The name part of a label or taint key.
const KEY_NAME: &str = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";

/// A CEL rule with its message.
pub(super) fn rule(expression: &str, message: &str) -> Value {
    json!({ "rule": expression, "message": message })
}

fn matches(regex: &str) -> String {
    format!("self.matches(r'{regex}')")
}

fn ipv4_regex() -> String {
    format!("^{OCTET}([.]{OCTET}){{3}}$")
}

fn host_regex() -> String {
    format!("{HOST_LABEL}([.]{HOST_LABEL})*")
}

/// A prefix `example.com/`, if any, and a name: the key of a label or of a taint.
fn key_regex() -> String {
    format!("({NAME_LABEL}([.]{NAME_LABEL})*/)?{KEY_NAME}")
}

fn text(max_length: u32, rules: &[Value]) -> Schema {
    let mut schema = json_schema!({ "type": "string", "maxLength": max_length });
    if !rules.is_empty() {
        schema.insert("x-kubernetes-validations".into(), rules.into());
    }
    schema
}

fn list(max_items: u32, items: &Schema) -> Schema {
    json_schema!({ "type": "array", "maxItems": max_items, "items": items })
}

fn integer(format: &str, minimum: i64, maximum: Option<i64>) -> Schema {
    let mut schema = json_schema!({ "type": "integer", "format": format, "minimum": minimum });
    if let Some(maximum) = maximum {
        schema.insert("maximum".into(), maximum.into());
    }
    schema
}

// --- addresses -----------------------------------------------------------------------------------------------------

pub(super) fn mac(_: &mut SchemaGenerator) -> Schema {
    let pairs = |separator: char| format!("[0-9A-Fa-f]{{2}}({separator}[0-9A-Fa-f]{{2}}){{5}}");
    text(
        64,
        &[rule(
            &matches(&format!("^({}|{})$", pairs(':'), pairs('-'))),
            "mac must be six pairs of hex digits separated by ':' or by '-', such as aa:bb:cc:dd:ee:ff",
        )],
    )
}

fn address(message: &str) -> Schema {
    text(64, &[rule(&matches(&ipv4_regex()), message)])
}

pub(super) fn ipv4(_: &mut SchemaGenerator) -> Schema {
    address("ipv4 must be an IPv4 address in dotted decimal without leading zeros, such as 10.0.0.11")
}

pub(super) fn gateway(_: &mut SchemaGenerator) -> Schema {
    address("gateway must be an IPv4 address in dotted decimal without leading zeros, such as 10.0.0.1")
}

/// A mask is contiguous when its ones come first. There are 32 such masks (0.0.0.0 describes no subnet that a NIC could be
/// in); they are enumerated because CEL of 1.29 has no bit arithmetic.
pub(super) fn subnet_mask(_: &mut SchemaGenerator) -> Schema {
    const PARTIAL: &str = "(254|252|248|240|224|192|128|0)";
    const FIRST: &str = "(255|254|252|248|240|224|192|128)";
    let regex = format!(
        "^(255[.]255[.]255[.](255|{PARTIAL})|255[.]255[.]{PARTIAL}[.]0|255[.]{PARTIAL}[.]0[.]0|{FIRST}[.]0[.]0[.]0)$"
    );
    text(64, &[rule(&matches(&regex), "subnetMask must be a contiguous IPv4 mask such as 255.255.255.0")])
}

pub(super) fn dns_servers(_: &mut SchemaGenerator) -> Schema {
    list(16, &address("each entry of dns must be an IPv4 address such as 10.0.0.53"))
}

/// Addresses, because DHCP option 42 (RFC 2132 section 8.3) carries nothing else.
pub(super) fn ntp_servers(_: &mut SchemaGenerator) -> Schema {
    list(16, &address("each entry of ntp must be an IPv4 address (DHCP carries no names), such as 10.0.0.123"))
}

pub(super) fn hostname(_: &mut SchemaGenerator) -> Schema {
    text(
        253,
        &[rule(
            &matches(&format!("^{}$", host_regex())),
            "hostname must be an RFC 1123 host name: letters, digits and '-' (not first or last), labels separated by '.'",
        )],
    )
}

pub(super) fn domain(_: &mut SchemaGenerator) -> Schema {
    text(
        253,
        &[rule(
            &matches(&format!("^{}$", host_regex())),
            "domain must be a DNS domain such as rack1.example.com, without a trailing dot",
        )],
    )
}

/// From the smallest datagram every IPv4 host must take (RFC 791) to the usual ceiling of jumbo frames.
pub(super) fn mtu(_: &mut SchemaGenerator) -> Schema {
    integer("int32", 576, Some(9216))
}

// --- references ----------------------------------------------------------------------------------------------------

/// The grammar of the OCI distribution specification, or a layout on metalman's own disk.
pub(super) fn image(_: &mut SchemaGenerator) -> Schema {
    const PART: &str = "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*";
    const TAG: &str = "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?";
    const DIGEST: &str = "(@sha256:[0-9a-f]{64}|@sha512:[0-9a-f]{128})?";
    let host = format!("({}|\\[[0-9A-Fa-f:]+\\])(:[0-9]{{1,5}})?", host_regex());
    let registry = format!("({host}/)?{PART}(/{PART})*{TAG}{DIGEST}");
    let layout = format!("oci:/[A-Za-z0-9_./+-]+{TAG}{DIGEST}");
    text(
        1024,
        &[rule(
            &matches(&format!("^({registry}|{layout})$")),
            "image must be an OCI reference such as registry.example.com:5000/netboot/ubuntu:24.04 or …@sha256:<64 hex \
             digits>, or oci:/absolute/path[:tag]",
        )],
    )
}

pub(super) fn redfish_url(_: &mut SchemaGenerator) -> Schema {
    let host = format!("({}|\\[[0-9A-Fa-f:.]+\\])", host_regex());
    text(
        2048,
        &[
            rule(
                "!self.matches(r'^[^/]*//[^/]*@')",
                "url must not contain credentials: put the user name in username and the password in the Secret of passwordRef",
            ),
            rule(
                &matches(&format!("^https?://([^/@]*@)?{host}(:[0-9]{{1,5}})?(/[^ ?#]*)?$")),
                "url must be http(s)://host[:port][/path] of the BMC, such as https://10.0.9.11",
            ),
        ],
    )
}

pub(super) fn fingerprint(_: &mut SchemaGenerator) -> Schema {
    text(
        256,
        &[rule(
            &matches("^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$"),
            "certFingerprint must be a SHA-256 fingerprint: 32 pairs of hex digits separated by ':', such as aa:bb:…",
        )],
    )
}

pub(super) fn ek_public_key_hash(_: &mut SchemaGenerator) -> Schema {
    text(
        256,
        &[rule(
            &matches("^(sha256:)?[0-9A-Fa-f]{64}$"),
            "ekPublicKeyHash must be a SHA-256 in 64 hex digits, with or without sha256: in front",
        )],
    )
}

pub(super) fn attestation_policy(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["TPM", "TPMIfPresent", "None"] })
}

/// The name of a namespaced object: a DNS subdomain.
pub(super) fn object_name(_: &mut SchemaGenerator) -> Schema {
    text(
        253,
        &[rule(
            &matches(&format!("^{NAME_LABEL}([.]{NAME_LABEL})*$")),
            "name must be a Kubernetes object name: lower case letters, digits, '-' and '.', beginning and ending with a \
             letter or digit",
        )],
    )
}

pub(super) fn namespace_name(_: &mut SchemaGenerator) -> Schema {
    text(
        253,
        &[rule(
            &matches(&format!("^{NAME_LABEL}$")),
            "namespace must be a Kubernetes namespace: at most 63 lower case letters, digits and '-'",
        )],
    )
}

fn data_key(default: &str) -> Schema {
    let mut schema = text(
        253,
        &[rule(
            &matches("^[A-Za-z0-9_.-]+$"),
            "key must be a key of the object's data: letters, digits, '-', '_' and '.'",
        )],
    );
    schema.insert("default".into(), default.into());
    schema
}

pub(super) fn password_key(_: &mut SchemaGenerator) -> Schema {
    data_key(super::spec::SecretKeyRef::DEFAULT_KEY)
}

pub(super) fn user_data_key(_: &mut SchemaGenerator) -> Schema {
    data_key(super::spec::ConfigMapKeyRef::DEFAULT_KEY)
}

// --- Kubernetes ----------------------------------------------------------------------------------------------------

pub(super) fn kubernetes_version(_: &mut SchemaGenerator) -> Schema {
    const NUMBER: &str = "(0|[1-9][0-9]*)";
    text(
        64,
        &[rule(
            &matches(&format!("^v?{NUMBER}[.]{NUMBER}[.]{NUMBER}(-[0-9A-Za-z.-]+)?([+][0-9A-Za-z.-]+)?$")),
            "version must be a Kubernetes version vX.Y.Z such as v1.33.1; the v may be left out",
        )],
    )
}

pub(super) fn node_labels(_: &mut SchemaGenerator) -> Schema {
    let key = key_regex();
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": text(
            256,
            &[rule(
                &matches(&format!("^({KEY_NAME})?$")),
                "each value of nodeLabels must be a label value: at most 63 letters, digits, '-', '_' and '.', beginning \
                 and ending with a letter or digit, or empty",
            )],
        ),
        "x-kubernetes-validations": [rule(
            &format!("self.all(key, size(key) <= 317 && key.matches(r'^{key}$'))"),
            "each key of nodeLabels must be a label key: an optional DNS prefix and '/', then at most 63 letters, digits, \
             '-', '_' and '.'",
        )],
    })
}

/// The form of the kubelet's `--register-with-taints`.
pub(super) fn taints(_: &mut SchemaGenerator) -> Schema {
    let (key, value) = (key_regex(), KEY_NAME);
    list(
        64,
        &text(
            512,
            &[rule(
                &matches(&format!("^{key}(=({value})?)?:(NoSchedule|PreferNoSchedule|NoExecute)$")),
                "each entry of registerWithTaints must be key=value:Effect with Effect NoSchedule, PreferNoSchedule or \
                 NoExecute; the value may be empty",
            )],
        ),
    )
}

// --- operations ----------------------------------------------------------------------------------------------------

pub(super) fn counter(_: &mut SchemaGenerator) -> Schema {
    integer("int64", 0, None)
}

pub(super) fn repave_timeout(_: &mut SchemaGenerator) -> Schema {
    integer("int64", 60, Some(604_800))
}

pub(super) fn max_attempts(_: &mut SchemaGenerator) -> Schema {
    integer("int32", 1, Some(100))
}

pub(super) fn graceful_shutdown(_: &mut SchemaGenerator) -> Schema {
    integer("int64", 0, Some(3600))
}

// --- free text and hints -------------------------------------------------------------------------------------------

/// Text that metalman only carries or compares.
pub(super) fn opaque(_: &mut SchemaGenerator) -> Schema {
    text(2048, &[])
}

/// A hint to compare with what a disk reports; an empty one would match nothing or everything, so it is refused.
pub(super) fn disk_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 256 })
}

pub(super) fn device_name(_: &mut SchemaGenerator) -> Schema {
    text(
        256,
        &[rule(
            &matches("^(/dev/)?[A-Za-z0-9_:@=+-][A-Za-z0-9_.:@=+-]*(/[A-Za-z0-9_:@=+-][A-Za-z0-9_.:@=+-]*)*$"),
            "deviceName must be a block device such as nvme0n1, /dev/sda or /dev/disk/by-path/…",
        )],
    )
}

pub(super) fn min_size_gib(_: &mut SchemaGenerator) -> Schema {
    integer("int64", 1, Some(1_048_576))
}

/// An object that another controller gave its shape: stored as it is.
pub(super) fn foreign(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

// --- status --------------------------------------------------------------------------------------------------------

pub(super) fn words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string" })
}

pub(super) fn date_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

pub(super) fn condition_status(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["True", "False", "Unknown"] })
}
