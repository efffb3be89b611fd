//! Building X.509 certificates (RFC 5280). Pure: time and serial number are arguments.
//!
//! Subjects and public keys are DER taken over to the byte: a name may hold several organizations (one for each group),
//! and a CSR's subject and key are certified exactly as they were checked.

use std::net::IpAddr;

use super::{
    der::{BOOLEAN, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, UTF8_STRING, bits, constructed, named_bits, time, tlv},
    key::{CryptoError, Key, sha256},
};

// Object identifiers, encoded.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// Bits of the key usage extension (RFC 5280, 4.2.1.3), first bit highest.
pub(super) mod key_usage {
    pub(crate) const DIGITAL_SIGNATURE: u8 = 0x80;
    pub(crate) const KEY_ENCIPHERMENT: u8 = 0x20;
    pub(crate) const CERT_SIGN: u8 = 0x04;
    pub(crate) const CRL_SIGN: u8 = 0x02;
}

/// A subject alternative name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AltName {
    /// `dNSName`.
    Dns(String),
    /// `iPAddress`.
    Ip(IpAddr),
    /// `rfc822Name`.
    Email(String),
    /// `uniformResourceIdentifier`.
    Uri(String),
}

impl AltName {
    /// A name as people write it: an IP address, otherwise a DNS name.
    pub fn parse(name: &str) -> Self {
        name.parse().map_or_else(|_| Self::Dns(name.to_owned()), Self::Ip)
    }

    fn der(&self) -> Vec<u8> {
        // GeneralName (RFC 5280, 4.2.1.6): context tags, implicit.
        match self {
            Self::Email(s) => tlv(0x81, s.as_bytes()),
            Self::Dns(s) => tlv(0x82, s.as_bytes()),
            Self::Uri(s) => tlv(0x86, s.as_bytes()),
            Self::Ip(IpAddr::V4(a)) => tlv(0x87, &a.octets()),
            Self::Ip(IpAddr::V6(a)) => tlv(0x87, &a.octets()),
        }
    }
}

/// What a leaf may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usages {
    /// Key usage bits.
    pub key_usage: u8,
    /// TLS server.
    pub server: bool,
    /// TLS client.
    pub client: bool,
}

/// What to certify.
#[derive(Debug)]
pub(super) struct Template<'a> {
    /// `Name`, DER.
    pub(super) subject: &'a [u8],
    /// `SubjectPublicKeyInfo`, DER.
    pub(super) spki: &'a [u8],
    pub(super) not_before: jiff::Timestamp,
    pub(super) not_after: jiff::Timestamp,
    pub(super) serial: [u8; 16],
    pub(super) usages: Usages,
    pub(super) is_ca: bool,
    pub(super) alt_names: &'a [AltName],
}

/// A `Name` of one CN and these organizations.
pub(super) fn name(common_name: &str, organizations: &[String]) -> Vec<u8> {
    let attribute = |oid: &[u8], value: &str| {
        let pair = constructed(SEQUENCE, &[&tlv(OID, oid), &tlv(UTF8_STRING, value.as_bytes())]);
        tlv(SET, &pair)
    };
    let mut rdns: Vec<u8> = organizations.iter().flat_map(|o| attribute(ORGANIZATION, o)).collect();
    if !common_name.is_empty() {
        rdns.extend(attribute(COMMON_NAME, common_name));
    }
    tlv(SEQUENCE, &rdns)
}

/// The key identifier of a public key (RFC 7093, 2: the leftmost 160 bits of SHA-256).
pub(super) fn key_id(spki: &[u8]) -> Vec<u8> {
    sha256(spki)[..20].to_vec()
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { tlv(BOOLEAN, &[0xff]) } else { Vec::new() };
    constructed(SEQUENCE, &[&tlv(OID, oid), &critical, &tlv(OCTET_STRING, value)])
}

fn extensions(template: &Template<'_>, issuer_key_id: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    let constraints = if template.is_ca { tlv(BOOLEAN, &[0xff]) } else { Vec::new() };
    list.extend(extension(BASIC_CONSTRAINTS, true, &tlv(SEQUENCE, &constraints)));
    if template.usages.key_usage != 0 {
        list.extend(extension(KEY_USAGE, true, &named_bits(template.usages.key_usage)));
    }
    let purposes: Vec<u8> = [(template.usages.server, SERVER_AUTH), (template.usages.client, CLIENT_AUTH)]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .flat_map(|(_, oid)| tlv(OID, oid))
        .collect();
    if !purposes.is_empty() {
        list.extend(extension(EXTENDED_KEY_USAGE, false, &tlv(SEQUENCE, &purposes)));
    }
    list.extend(extension(SUBJECT_KEY_IDENTIFIER, false, &tlv(OCTET_STRING, &key_id(template.spki))));
    list.extend(extension(AUTHORITY_KEY_IDENTIFIER, false, &tlv(SEQUENCE, &tlv(0x80, issuer_key_id))));
    if !template.alt_names.is_empty() {
        let names: Vec<u8> = template.alt_names.iter().flat_map(AltName::der).collect();
        list.extend(extension(SUBJECT_ALT_NAME, false, &tlv(SEQUENCE, &names)));
    }
    tlv(SEQUENCE, &list)
}

/// The certificate, DER, issued under `issuer` (a `Name`) by `key`.
pub(super) fn build(template: &Template<'_>, issuer: &[u8], key: &Key) -> Result<Vec<u8>, CryptoError> {
    // A positive INTEGER of at most 20 octets (RFC 5280, 4.1.2.2): clear the sign, keep the first octet from being zero.
    let mut serial = template.serial;
    serial[0] = serial[0] & 0x7f | 0x40;
    let algorithm = tlv(SEQUENCE, &tlv(OID, ECDSA_WITH_SHA256));
    let tbs = constructed(
        SEQUENCE,
        &[
            &tlv(0xa0, &tlv(INTEGER, &[2])), // v3
            &tlv(INTEGER, &serial),
            &algorithm,
            issuer,
            &constructed(SEQUENCE, &[&time(template.not_before), &time(template.not_after)]),
            template.subject,
            template.spki,
            &tlv(0xa3, &extensions(template, &key_id(key.spki()))),
        ],
    );
    let signature = key.sign_asn1(&tbs)?;
    Ok(constructed(SEQUENCE, &[&tbs, &algorithm, &bits(&signature)]))
}
