//! PKCS#10, `CertificateSigningRequest.spec`, and what the signers grant.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{der, now, open, openssl, user};
use crate::{
    controllers::csr::settled,
    pki::{Verdict, assess, csr},
};

/// A request made by another library.
fn request(cn: &str, organization: &str, alt_names: &[SanType]) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, cn);
    if !organization.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.subject_alt_names = alt_names.to_vec();
    params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn object(signer: &str, pem: &str, usages: &[&str]) -> Value {
    json!({
        "metadata": {"name": "csr-1"},
        "spec": {"request": STANDARD.encode(pem), "signerName": signer, "usages": usages},
        "status": {"conditions": [{"type": "Approved", "status": "True"}]},
    })
}

const CLIENT: [&str; 2] = ["digital signature", "client auth"];
const SERVER: [&str; 2] = ["digital signature", "server auth"];
const KUBELET: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING: &str = "kubernetes.io/kubelet-serving";
const ANY_CLIENT: &str = "kubernetes.io/kube-apiserver-client";

#[test]
fn signers_grant_what_they_are_for() {
    let node = request("system:node:n1", "system:nodes", &[]);
    let serving =
        request("system:node:n1", "system:nodes", &[dns("n1"), SanType::IpAddress("192.0.2.1".parse().unwrap())]);
    let jane = request("jane", "ops", &[]);
    for (signer, pem, usages) in [
        (KUBELET, &node, &CLIENT[..]),
        (KUBELET, &node, &["key encipherment", "digital signature", "client auth"]),
        (SERVING, &serving, &SERVER),
        (ANY_CLIENT, &jane, &CLIENT),
        (ANY_CLIENT, &jane, &["client auth"]),
    ] {
        assert!(matches!(assess(&object(signer, pem, usages)), Verdict::Sign(_)), "{signer} {usages:?}");
    }
    let uri = SanType::URI("spiffe://x".try_into().unwrap());
    let email = SanType::Rfc822Name("a@example.com".try_into().unwrap());
    for (signer, pem, usages, why) in [
        (KUBELET, &jane, &CLIENT[..], "organization is not system:nodes"),
        (KUBELET, &request("system:node:", "system:nodes", &[]), &CLIENT, "does not begin with system:node:"),
        (KUBELET, &request("jane", "system:nodes", &[]), &CLIENT, "does not begin with system:node:"),
        (KUBELET, &serving, &CLIENT, "DNS subjectAltNames are not allowed"),
        (KUBELET, &node, &SERVER, "beyond"),
        (KUBELET, &node, &["digital signature"], "lack"),
        (KUBELET, &node, &["client auth"], "lack"),
        (KUBELET, &node, &["digital signature", "client auth", "cert sign"], "beyond"),
        (SERVING, &node, &SERVER, "DNS or IP subjectAltName is required"),
        (SERVING, &request("system:node:n1", "system:nodes", &[uri]), &SERVER, "URI subjectAltNames"),
        (SERVING, &request("system:node:n1", "system:nodes", &[email]), &SERVER, "Email subjectAltNames"),
        (SERVING, &serving, &CLIENT, "beyond"),
        (ANY_CLIENT, &request("root", "system:masters", &[]), &CLIENT, "system:masters"),
        (ANY_CLIENT, &jane, &["server auth"], "beyond"),
        (ANY_CLIENT, &"rubbish".to_owned(), &CLIENT, "PEM block type"),
    ] {
        let verdict = assess(&object(signer, pem, usages));
        assert!(
            matches!(&verdict, Verdict::Fail(message) if message.contains(why)),
            "{signer} {usages:?}: {verdict:?}"
        );
    }
}

#[test]
fn only_approved_and_open_requests_are_signed() {
    let good = object(KUBELET, &request("system:node:n1", "system:nodes", &[]), &CLIENT);
    assert!(matches!(assess(&good), Verdict::Sign(_)));
    let with = |path: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(path).unwrap() = value;
        assess(&changed)
    };
    assert_eq!(with("/status/conditions", json!([])), Verdict::Leave);
    for other in ["Denied", "Failed"] {
        assert_eq!(with("/status/conditions", json!([{"type": "Approved"}, {"type": other}])), Verdict::Leave);
    }
    assert_eq!(with("/spec/signerName", "example.com/own".into()), Verdict::Leave);
    assert_eq!(with("/status", json!({"conditions": [{"type": "Approved"}], "certificate": "eA=="})), Verdict::Leave);
    assert_eq!(with("/spec", Value::Null), Verdict::Leave);
}

#[test]
fn a_settled_request_holds_a_certificate_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let pki = open(dir.path());
    let issued = |mut csr: Value, seconds: Option<i64>| {
        if let Some(seconds) = seconds {
            csr["spec"]["expirationSeconds"] = seconds.into();
        }
        let next = settled(&csr, &pki, now()).unwrap().expect("it is to be signed");
        let pem = STANDARD.decode(next["status"]["certificate"].as_str().unwrap()).unwrap();
        der(&String::from_utf8(pem).unwrap())
    };
    let life = |certificate: &[u8]| {
        let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
        Timestamp::from_second(parsed.validity().not_after.timestamp()).unwrap().duration_since(now())
    };
    let csr = object(KUBELET, &request("system:node:n1", "system:nodes", &[]), &CLIENT);
    let certificate = issued(csr.clone(), None);
    let named = crate::auth::certificate::user(&pki, &certificate, now()).unwrap();
    assert_eq!((named.username.as_str(), named.groups), ("system:node:n1", vec!["system:nodes".to_owned()]));
    assert_eq!(life(&certificate), SignedDuration::from_hours(24 * 365));
    assert_eq!(life(&issued(csr.clone(), Some(3600))), SignedDuration::from_secs(3600));
    assert_eq!(life(&issued(csr.clone(), Some(1))), SignedDuration::from_secs(600));
    assert_eq!(life(&issued(csr, Some(i64::MAX))), SignedDuration::from_hours(24 * 365));

    let serving = issued(object(SERVING, &request("system:node:n1", "system:nodes", &[dns("n1")]), &SERVER), None);
    pki.verify_client(&serving, now()).unwrap_err();
    let (_, parsed) = X509Certificate::from_der(&serving).unwrap();
    assert!(parsed.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert!(format!("{:?}", parsed.subject_alternative_name()).contains("\"n1\""));
    assert!(!parsed.is_ca());

    let failed = settled(&object(KUBELET, &request("jane", "ops", &[]), &CLIENT), &pki, now()).unwrap().unwrap();
    assert_eq!(failed["status"]["conditions"][1]["type"], "Failed");
    assert_eq!(failed["status"]["conditions"][1]["reason"], "SignerValidationFailure");
    assert_eq!(settled(&failed, &pki, now()).unwrap(), None, "that is final");
}

#[test]
fn requests_of_openssl_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let make = |key: &[&str], more: &[&str]| {
        let subject = "/O=system:nodes/O=second/CN=system:node:n1";
        let (key_file, out) = (path("key"), path("csr"));
        let mut arguments = vec!["req", "-new", "-nodes", "-newkey"];
        arguments.extend(key);
        arguments.extend(["-keyout", &key_file, "-subj", subject, "-out", &out]);
        arguments.extend(more);
        openssl(&arguments).map(|(ok, output)| {
            assert!(ok, "{output}");
            std::fs::read(path("csr")).unwrap()
        })
    };
    let kinds: [&[&str]; 4] = [
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["rsa:2048"],
        &["ed25519"],
    ];
    for kind in kinds {
        let Some(pem) = make(kind, &["-addext", "subjectAltName=DNS:n1,IP:192.0.2.1"]) else { return };
        let read = csr::parse(&pem).unwrap_or_else(|why| panic!("{kind:?}: {why}"));
        assert_eq!((read.common_name.as_str(), read.alt_names.len()), ("system:node:n1", 2));
        assert_eq!(read.organizations, ["system:nodes", "second"]);
    }
    let pem = make(&["rsa:2048"], &["-addext", "basicConstraints=CA:TRUE"]).unwrap();
    assert_eq!(csr::parse(&pem).unwrap_err(), "the request asks to be an authority");
    let pem = make(&["rsa:2048"], &["-sha1"]).unwrap();
    assert_eq!(csr::parse(&pem).unwrap_err(), "the request is signed with SHA-1");
}

#[test]
fn a_request_must_be_signed_by_its_own_key() {
    use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject as _};
    let pem = request("system:node:n1", "system:nodes", &[]);
    let good = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
    let at = good.windows(2).position(|w| w == b"n1").unwrap();
    let mut forged = good.clone();
    forged[at + 1] = b'2';
    let pem = super::super::pem("CERTIFICATE REQUEST", &forged);
    assert!(csr::parse(pem.as_bytes()).unwrap_err().contains("signature"));
    let mut longer = good;
    longer.push(0);
    let pem = super::super::pem("CERTIFICATE REQUEST", &longer);
    csr::parse(pem.as_bytes()).unwrap_err();
}

#[test]
fn spec_validation_names_the_field() {
    let good = object(KUBELET, &request("system:node:n1", "system:nodes", &[]), &CLIENT)["spec"].clone();
    assert_eq!(csr::validate(&good), []);
    let with = |field: &str, value: Value| {
        let mut spec = good.clone();
        spec[field] = value;
        csr::validate(&spec).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (field, value, expected) in [
        ("request", json!("eA=="), "spec.request: Invalid value: \"eA==\": PEM block type must be CERTIFICATE REQUEST"),
        ("usages", json!([]), "spec.usages: Required value"),
        ("usages", json!(["client auth", "client auth"]), "spec.usages[1]: Duplicate value: \"client auth\""),
        ("usages", json!(["fly"]), "spec.usages[0]: Unsupported value: \"fly\""),
        ("signerName", json!(""), "spec.signerName: Required value"),
        ("signerName", json!("kubernetes.io/legacy-unknown"), "the legacy signerName is not allowed"),
        ("signerName", json!("nodomain"), "must be a fully qualified domain and path"),
        ("signerName", json!("a.b/-x"), "must be a fully qualified domain and path"),
        (
            "expirationSeconds",
            json!(599),
            "spec.expirationSeconds: Invalid value: 599: may not specify a duration less",
        ),
    ] {
        let errors = with(field, value);
        assert!(errors.len() == 1 && errors[0].contains(expected), "{expected}: {errors:?}");
    }
    assert_eq!(with("expirationSeconds", json!(600)), Vec::<String>::new());
    assert_eq!(with("signerName", json!("example.com/own.signer")), Vec::<String>::new());
    for rubbish in [Value::Null, json!([]), json!({"usages": "x", "request": 1, "signerName": {}})] {
        assert!(!csr::validate(&rubbish).is_empty());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = csr::parse(&bytes);
        let _ = csr::parse(super::super::pem("CERTIFICATE REQUEST", &bytes).as_bytes());
        let _ = crate::auth::certificate::named(&bytes);
        let _ = csr::from_spec(&json!({"request": STANDARD.encode(&bytes)}));
    }

    #[test]
    fn no_damage_makes_the_readers_panic_or_read_something_else(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        use std::sync::LazyLock;
        static GOOD: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
            use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject as _};
            let dir = tempfile::tempdir().unwrap();
            let pem = request("system:node:n1", "system:nodes", &[]);
            let (certificate, _) = open(dir.path()).client_certificate(&user("a", &["b"]), 1, now());
            (CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec(), der(&certificate))
        });
        let (mut request, mut certificate) = GOOD.clone();
        let pem = |der: &[u8]| super::super::pem("CERTIFICATE REQUEST", der);
        let good = csr::parse(pem(&request).as_bytes()).unwrap();
        let i = at.index(request.len());
        request[i] ^= flip;
        // The frame around the signed part is read leniently; what is signed is not.
        if let Ok(read) = csr::parse(pem(&request).as_bytes()) {
            prop_assert_eq!(read, good);
        }
        let i = at.index(certificate.len());
        certificate[i] ^= flip;
        let _ = crate::auth::certificate::named(&certificate);
    }
}
