use super::pem;

#[test]
fn pem_has_short_lines() {
    let text = pem(&[7; 100]);
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n") && text.ends_with("\n-----END CERTIFICATE-----\n"));
    assert!(text.lines().all(|l| l.len() <= 64), "{text}");
}
