//! Whom metalman talks to, and as whom: certificates and passwords.

use anyhow::ensure;
use rack::bmc::{Config, Profile};
use serde_json::json;

use super::{NO_IMAGE, Rig, ask, condition, powered, resets, secret, status, wait, wait_for_condition};

#[test]
fn another_certificate_is_refused_until_it_is_accepted() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let bmc = rig.bmc(Config { tls: true, ..Config::new(Profile::plain()) })?;
    let mut site = rig.site(&[])?;
    site.register(&[powered(1, &bmc, 0, NO_IMAGE)])?;
    let first = bmc.fingerprint();
    wait(&mut site, "m1", "has pinned the certificate", |status| {
        status["redfish"]["certFingerprint"].as_str() == first.as_deref()
    })?;
    ensure!(bmc.sessions_opened() == 1, "pinning costs no second session: {}", bmc.sessions_opened());

    bmc.rotate_certificate()?;
    let second = bmc.fingerprint();
    let refused = wait_for_condition(&mut site, "m1", "BMCReachable", "False/TLSPinMismatch")?;
    let message = condition(&refused, "BMCReachable").unwrap_or_default();
    for fingerprint in [&first, &second] {
        ensure!(fingerprint.as_ref().is_some_and(|fingerprint| message.contains(fingerprint)), "both: {message}");
    }
    ask(&site, "m1", &json!({ "rebootCounter": 1 }))?;
    wait(&mut site, "m1", "waits", |status| status["message"].as_str().is_some_and(|text| !text.is_empty()))?;
    ensure!(resets(&bmc, 0).is_empty(), "nothing goes to a stranger");

    let accept = json!({ "status": { "redfish": { "certFingerprint": null } } }).to_string();
    site.kubectl(&["patch", "machine", "m1", "--subresource=status", "--type=merge", "-p", &accept], "")?;
    wait(&mut site, "m1", "has pinned the other certificate", |status| {
        status["redfish"]["certFingerprint"].as_str() == second.as_deref()
    })?;
    wait(&mut site, "m1", "is rebooted", |status| status["operations"]["rebootCounter"] == 1)?;
    Ok(())
}

#[test]
fn a_wrong_password_is_told_and_not_hammered() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let bmc = rig.plain()?;
    let mut site = rig.site(&[])?;
    site.apply(&[secret("not-the-password")])?;
    site.register(&[powered(1, &bmc, 0, NO_IMAGE)])?;
    let refused = wait_for_condition(&mut site, "m1", "BMCReachable", "False/CredentialsRefused")?;
    ensure!(!refused.to_string().contains("not-the-password"), "no secret in status");
    // Many looks, few logins.
    let looks = "metalman_bmc_looks_total{outcome=\"CredentialsRefused\"}";
    site.metric_reaches(looks, 3.0)?;
    let journal = bmc.journal();
    let logins = journal.entries.iter().filter(|entry| entry.status == Some(401)).count();
    ensure!(logins <= 3, "an account would be locked: {:?}", journal.entries);

    site.apply(&[secret("secret")])?;
    wait_for_condition(&mut site, "m1", "BMCReachable", "True/Reachable")?;
    ensure!(site.process().lines().iter().all(|line| !line.contains("not-the-password")), "no secret in the log");
    Ok(())
}

#[test]
fn another_namespaces_secret_is_refused() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let bmc = rig.plain()?;
    let mut site = rig.site(&[])?;
    let mut machine = powered(1, &bmc, 0, NO_IMAGE);
    machine["spec"]["pxe"]["redfish"]["passwordRef"]["namespace"] = "kube-system".into();
    site.register(&[machine])?;
    let refused = wait_for_condition(&mut site, "m1", "BMCReachable", "False/CredentialsRefused")?;
    let message = condition(&refused, "BMCReachable").unwrap_or_default();
    ensure!(message.contains("kube-system/bmc") && message.contains("unbounded-kube"), "{message}");
    ensure!(bmc.journal().requests == 0, "the BMC heard nothing: {:?}", status(&site, "m1"));
    Ok(())
}
