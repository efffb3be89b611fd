//! PKCS#10 certificate requests (RFC 2986), and validation of `CertificateSigningRequest.spec`. Pure.

use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject as _};
use serde_json::Value;
use x509_parser::{
    certification_request::X509CertificationRequest,
    prelude::{FromDer as _, ParsedExtension},
    x509::X509Name,
};

use super::{certificate::AltName, serving::from_general_name};
use crate::field::{FieldError, FieldErrorKind};

/// A request whose signature proves possession of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// CN, empty when absent.
    pub common_name: String,
    /// All O.
    pub organizations: Vec<String>,
    /// The requested alternative names, of the kinds that certificates here may carry.
    pub alt_names: Vec<AltName>,
    /// Subject, DER.
    pub(crate) subject: Vec<u8>,
    /// `SubjectPublicKeyInfo`, DER.
    pub(crate) spki: Vec<u8>,
}

/// CN and all O of a name. Refuses what two readers could understand differently: several CNs, odd string types.
pub(crate) fn names(name: &X509Name<'_>) -> Result<(String, Vec<String>), &'static str> {
    let mut common_name = None;
    for attribute in name.iter_common_name() {
        let text = attribute.as_str().map_err(|_| "the subject's common name is not a readable string")?;
        if common_name.replace(text.to_owned()).is_some() {
            return Err("the subject holds more than one common name");
        }
    }
    let organizations = name
        .iter_organization()
        .map(|a| a.as_str().map(str::to_owned).map_err(|_| "the subject's organization is not a readable string"))
        .collect::<Result<_, _>>()?;
    Ok((common_name.unwrap_or_default(), organizations))
}

/// Reads a PEM request and verifies its signature.
pub fn parse(pem: &[u8]) -> Result<Request, &'static str> {
    let der =
        CertificateSigningRequestDer::from_pem_slice(pem).map_err(|_| "PEM block type must be CERTIFICATE REQUEST")?;
    let (rest, parsed) =
        X509CertificationRequest::from_der(&der).map_err(|_| "the request is not a PKCS#10 request")?;
    if !rest.is_empty() {
        return Err("the request is followed by other data");
    }
    // SHA-1 would let a request be forged from another one.
    if parsed.signature_algorithm.algorithm == x509_parser::oid_registry::OID_PKCS1_SHA1WITHRSA
        || parsed.signature_algorithm.algorithm == x509_parser::oid_registry::OID_SHA1_WITH_RSA
    {
        return Err("the request is signed with SHA-1");
    }
    parsed.verify_signature().map_err(
        |_| "the request's signature is wrong, or of a kind that is not supported (ECDSA P-256/P-384, Ed25519, RSA)",
    )?;
    let info = &parsed.certification_request_info;
    let (common_name, organizations) = names(&info.subject)?;
    let mut alt_names = Vec::new();
    for extension in parsed.requested_extensions().into_iter().flatten() {
        match extension {
            ParsedExtension::SubjectAlternativeName(san) => {
                for name in &san.general_names {
                    alt_names.push(from_general_name(name).ok_or("the request asks for an unknown kind of name")?);
                }
            }
            ParsedExtension::BasicConstraints(c) if c.ca => return Err("the request asks to be an authority"),
            ParsedExtension::ParseError { .. } => return Err("the request holds a damaged extension"),
            // Usages come from the object's spec; other extensions are dropped, as the signers' documentation says.
            _ => {}
        }
    }
    Ok(Request {
        common_name,
        organizations,
        alt_names,
        subject: info.subject.as_raw().to_vec(),
        spki: info.subject_pki.raw.to_vec(),
    })
}

/// The request in `spec.request` (base64 of PEM).
pub fn from_spec(spec: &Value) -> Result<Request, &'static str> {
    use base64::Engine as _;
    let text = spec.get("request").and_then(Value::as_str).ok_or("the request is missing")?;
    let pem = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| "the request is not base64")?;
    parse(&pem)
}

/// `KeyUsage` of certificates.k8s.io/v1, sorted.
pub const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// Validates the spec of a `CertificateSigningRequest` on creation (it is immutable afterwards).
pub fn validate(spec: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Err(why) = from_spec(spec) {
        // The request itself would drown the reason.
        let shown: String = spec.get("request").and_then(Value::as_str).unwrap_or_default().chars().take(32).collect();
        errors.push(FieldError::invalid("spec.request", shown.into(), why));
    }
    validate_usages(spec, &mut errors);
    let signer = spec.get("signerName").and_then(Value::as_str).unwrap_or_default();
    let mut signer_error = |why: &str| errors.push(FieldError::invalid("spec.signerName", signer.into(), why));
    if signer.is_empty() {
        errors.push(FieldError::required("spec.signerName", ""));
    } else if signer == "kubernetes.io/legacy-unknown" {
        signer_error("the legacy signerName is not allowed via this API version");
    } else if !is_signer_name(signer) {
        signer_error("must be a fully qualified domain and path of the form 'example.com/signer-name'");
    }
    if let Some(seconds) = spec.get("expirationSeconds").and_then(Value::as_i64)
        && seconds < 600
    {
        errors.push(FieldError::invalid(
            "spec.expirationSeconds",
            seconds.into(),
            "may not specify a duration less than 600 seconds (10 minutes)",
        ));
    }
    errors
}

fn validate_usages(spec: &Value, errors: &mut Vec<FieldError>) {
    let usages = spec.get("usages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if usages.is_empty() {
        errors.push(FieldError::required("spec.usages", ""));
    }
    for (i, usage) in usages.iter().enumerate() {
        let path = format!("spec.usages[{i}]");
        if !usage.as_str().is_some_and(|u| USAGES.contains(&u)) {
            errors.push(FieldError::not_supported(path, usage.clone(), &USAGES));
        } else if usages[..i].contains(usage) {
            errors.push(FieldError::new(FieldErrorKind::Duplicate, path, usage.clone(), ""));
        }
    }
}

/// `domain/path`: a DNS-1123 subdomain of at least two labels, and a path of such names.
fn is_signer_name(name: &str) -> bool {
    let subdomain = |s: &str| {
        s.len() <= 253
            && s.split('.').all(|label| {
                let bytes = label.as_bytes();
                (1..=63).contains(&bytes.len())
                    && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
                    && bytes.first() != Some(&b'-')
                    && bytes.last() != Some(&b'-')
            })
    };
    name.split_once('/').is_some_and(|(domain, path)| domain.contains('.') && subdomain(domain) && subdomain(path))
        && name.len() <= 571
}
