use axum::http::Method;
use serde_json::json;

use super::{
    fixture::{Fixture, image, machine},
    *,
};

const PEER: &str = "10.0.0.11";

fn open(fixture: &Fixture, path: &str) -> Result<String, BootError> {
    let file = fixture.boot.open(PEER.parse().expect("an address"), path)?;
    Ok(String::from_utf8(file.body.to_vec()).expect("text"))
}

#[tokio::test]
async fn files_and_templates_of_the_machines_image() {
    let fixture = Fixture::new(&machine(PEER));
    assert_eq!(open(&fixture, "/a"), Err(BootError::NotYet));
    assert_eq!(open(&fixture, "/../a"), Err(BootError::NotFound));
    let files: &[(&str, &[u8])] = &[
        ("a", b"verbatim {{"),
        ("grub.cfg.tmpl", b"{{.Machine.Name}} {{.Arch}} {{.Lease.IPv4}} {{size \"a\"}} {{.ServeURL}} {{.ImageDigest}}"),
    ];
    fixture.boots(&image("sha256:1", files));
    assert_eq!(open(&fixture, "/a").as_deref(), Ok("verbatim {{"));
    let rendered = "n1 x64-uefi 10.0.0.11 11 http://boot.test:8880 sha256:1";
    assert_eq!(open(&fixture, "grub.cfg").as_deref(), Ok(rendered));
    assert_eq!(open(&fixture, "\\grub.cfg").as_deref(), Ok(rendered));
    assert_eq!(open(&fixture, "/b"), Err(BootError::NotFound));
    assert_eq!(open(&fixture, "/cloud-init/user-data").as_deref(), Ok("#cloud-config\n"));
    let origin = fixture.boot.open(PEER.parse().expect("an address"), "a").expect("the file").origin;
    assert!(matches!(origin, Origin::Stored { modified: 0, .. }), "{origin:?}");
}

#[tokio::test]
async fn strangers_get_nothing() {
    let fixture = Fixture::new(&machine(PEER));
    fixture.boots(&image("sha256:1", &[("a", b"a")]));
    for peer in ["10.0.0.12", "::1", "fe80::1", "255.255.255.255"] {
        let outcome = fixture.boot.open(peer.parse().expect("an address"), "/a").map(|file| file.origin);
        assert_eq!(outcome, Err(BootError::UnknownMachine), "{peer}");
    }
    let mapped = fixture.boot.open("::ffff:10.0.0.11".parse().expect("an address"), "/a");
    assert_eq!(mapped.expect("the Machine").body, "a");
}

#[tokio::test]
async fn a_template_that_fails_is_told_and_taken_back() {
    let fixture = Fixture::new(&machine(PEER));
    let broken = image("sha256:0123456789abcdef", &[("x.cfg.tmpl", b"ok\n{{.Machine.Nmae}}"), ("other", b"")]);
    fixture.boots(&broken);
    for _ in 0..20 {
        let Err(BootError::Failed(why)) = open(&fixture, "/x.cfg") else { panic!("it renders") };
        assert!(why.starts_with("x.cfg.tmpl:2:10: "), "{why}");
    }
    let message = fixture.eventually("message", Fixture::message).await;
    assert!(message.starts_with("netboot image sha256:0123456789ab: x.cfg.tmpl: x.cfg.tmpl:2:10: "), "{message}");
    let event = fixture.eventually("event", |f| f.sent(&Method::POST, "/events").pop()).await;
    assert_eq!((&event["reason"], &event["type"]), (&json!("TemplateFailed"), &json!("Warning")));
    assert_eq!(fixture.sent(&Method::PATCH, "/status").len(), 1, "twenty failures are told once");

    // Another file of the same image says nothing about the template.
    fixture.synced();
    assert_eq!(open(&fixture, "/other").as_deref(), Ok(""));
    // The next boot has a better image.
    let better = image("sha256:fedcba9876543210", &[("x.cfg.tmpl", b"ok")]);
    fixture.boot.sessions.forget(super::fixture::MAC);
    fixture.boots(&better);
    assert_eq!(open(&fixture, "/x.cfg").as_deref(), Ok("ok"));
    fixture.eventually("message taken back", |f| f.message().is_none().then_some(())).await;
}

#[tokio::test]
async fn what_others_say_on_the_machine_stays() {
    let mut speaking = machine(PEER);
    speaking["status"] = json!({ "message": "power is out", "boot": { "problem": "the installer found no disk" } });
    let fixture = Fixture::new(&speaking);
    fixture.boots(&image("sha256:1", &[("a", b"a"), ("t.tmpl", b"t")]));
    assert!(
        open(&fixture, "/a").is_ok() && open(&fixture, "/t").is_ok() && open(&fixture, "/cloud-init/user-data").is_ok()
    );
    // What does write comes after anything that those would have written.
    fixture.boot.journal.note(&fixture.stored(), Entry::Progress { step: Step::Kernel, message: None });
    fixture.eventually("what comes after", |f| (f.steps() == ["Kernel"]).then_some(())).await;
    let status = fixture.stored().status.expect("a status");
    assert_eq!(status.boot.expect("a boot").problem.as_deref(), Some("the installer found no disk"));
    assert_eq!(fixture.message().as_deref(), Some("power is out"));
}

#[tokio::test]
async fn one_machines_template_costs_nobody_else_anything() {
    let fixture = Fixture::new(&machine(PEER));
    let endless = b"{{range until 100000}}{{range until 100000}}x{{end}}{{end}}";
    fixture.boots(&image("sha256:1", &[("endless.tmpl", endless), ("a", b"a")]));
    let Err(BootError::Failed(why)) = open(&fixture, "/endless") else { panic!("it renders") };
    assert!(why.contains("limit"), "{why}");
    assert_eq!(open(&fixture, "/a").as_deref(), Ok("a"));
}

#[tokio::test]
async fn what_is_fetched_shows_how_far_a_boot_is() {
    let fixture = Fixture::new(&machine(PEER));
    let named = Image::in_memory(
        "sha256:1".to_owned(),
        metalman_core::netboot::Metadata::parse("dhcpBootImageName: shimx64.efi").expect("metadata"),
        ["shimx64.efi", "grubx64.efi", "vmlinuz-6.1"].map(|path| (path.to_owned(), Bytes::new())),
    );
    fixture.boots(&Arc::new(named));
    let (n1, mac) = (fixture.stored(), super::fixture::MAC);
    for _ in 0..3 {
        fixture.boot.asked(&n1, mac, BootClient::Pxe, Architecture::X64Uefi);
    }
    for path in ["shimx64.efi", "shimx64.efi", "grubx64.efi", "none", "vmlinuz-6.1", "vmlinuz-6.1"] {
        let _ = open(&fixture, path);
    }
    let asked = format!("DHCP: {mac}, x64-uefi");
    let all = [asked.as_str(), "Bootloader: shimx64.efi", "Kernel: vmlinuz-6.1"];
    fixture.eventually("steps", |f| (f.steps() == all).then_some(())).await;
    assert!(fixture.sent(&Method::PATCH, "/status").len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_problem_that_was_mended_is_taken_back_though_the_machine_never_asks_again() {
    let mut told = machine(PEER);
    told["spec"]["pxe"]["cloudInit"] = json!({ "userDataConfigMapRef": { "name": "ud", "namespace": "elsewhere" } });
    let fixture = Fixture::new(&told);
    fixture.boots(&image("sha256:1", &[("a", b"a")]));
    let refusal = open(&fixture, "/cloud-init/user-data");
    assert!(matches!(refusal, Err(BootError::Failed(_))), "{refusal:?}");
    fixture.eventually("problem", |f| f.message().filter(|message| message.starts_with("user-data: "))).await;
    fixture.synced();
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert!(fixture.message().is_some(), "nothing was mended yet");
    // The operator takes the reference out.
    fixture.mended(|machine| machine["spec"]["pxe"]["cloudInit"] = json!(null));
    fixture.synced();
    fixture.eventually("message taken back", |f| f.message().is_none().then_some(())).await;
}
