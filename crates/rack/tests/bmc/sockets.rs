//! What only shows on a socket: TLS, unreachable BMCs, events, counters; spoken to in raw HTTP.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use metalman_core::lifecycle::bmc::PowerState;
use rack::bmc::{Bmc, BootSource, Change, Config, Faults, PowerEvent, Profile, Reach, ResetType};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for an answer on loopback that would come.
const SILENCE: Duration = Duration::from_millis(300);
/// `admin:secret`
const BASIC: &str = "Authorization: Basic YWRtaW46c2VjcmV0\r\n";
const SYSTEM: &str = "/redfish/v1/Systems/1";

fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bmc\r\n{BASIC}Connection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) -> anyhow::Result<(u16, String)> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::new();
    // A TLS peer that just closes is a peer that closed.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer)?;
    let status = answer.split(' ').nth(1).context("no answer")?.parse()?;
    Ok((status, answer.split_once("\r\n\r\n").context("no head")?.1.to_owned()))
}

async fn ask(bmc: &Bmc, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
    let stream = TcpStream::connect(bmc.address()).await?;
    timeout(PATIENCE, exchange(stream, &request(method, path, body))).await?
}

async fn reset(bmc: &Bmc, word: &str) -> anyhow::Result<u16> {
    let path = format!("{SYSTEM}/Actions/ComputerSystem.Reset");
    Ok(ask(bmc, "POST", &path, &format!("{{\"ResetType\":\"{word}\"}}")).await?.0)
}

async fn next(events: &mut UnboundedReceiver<PowerEvent>) -> anyhow::Result<Change> {
    Ok(timeout(PATIENCE, events.recv()).await?.context("no more events")?.change)
}

#[tokio::test]
async fn hardware_follows_a_client() -> anyhow::Result<()> {
    let (sender, mut events) = unbounded_channel();
    let bmc = Bmc::start(Config { events: Some(sender), ..Config::new(Profile::plain()) }).await?;
    let boot = r#"{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideTarget":"UefiHttp"}}"#;
    ensure!(ask(&bmc, "PATCH", SYSTEM, boot).await?.0 == 200);
    ensure!(reset(&bmc, "On").await? == 204);
    let Change::On { plan, warm: false } = next(&mut events).await? else { anyhow::bail!("not on") };
    ensure!(plan.sources == [BootSource::UefiHttp, BootSource::Disk] && plan.overridden);
    ensure!(next(&mut events).await? == Change::Boot(plan));
    ensure!(bmc.power(0) == PowerState::On && !bmc.boot_override(0).is_active());

    bmc.rebooted(0);
    let Change::On { plan, warm: true } = next(&mut events).await? else { anyhow::bail!("not reset") };
    ensure!(!plan.overridden && next(&mut events).await? == Change::Boot(plan));
    ensure!(reset(&bmc, "GracefulShutdown").await? == 204);
    ensure!(next(&mut events).await? == Change::ShutdownRequested);
    ensure!(next(&mut events).await? == Change::Off);
    let seen: Vec<_> = bmc.resets().iter().map(|reset| (reset.reset, reset.status)).collect();
    ensure!(seen == [(ResetType::On, 204), (ResetType::GracefulShutdown, 204)], "{seen:?}");
    let journal = bmc.journal();
    ensure!((journal.requests, journal.changing, journal.most_at_once) == (3, 3, 1), "{journal:?}");
    ensure!(journal.entries.iter().all(|entry| entry.status.is_some()));
    Ok(())
}

#[tokio::test]
async fn unreachable_in_every_way_and_back() -> anyhow::Result<()> {
    let bmc = Bmc::start(Config::new(Profile::plain())).await?;
    ensure!(ask(&bmc, "GET", SYSTEM, "").await?.0 == 200);

    bmc.faults(|faults| faults.reach = Reach::Silent);
    let stream = TcpStream::connect(bmc.address()).await?;
    let silent = timeout(SILENCE, exchange(stream, &request("GET", SYSTEM, ""))).await;
    ensure!(silent.is_err(), "it said something: {silent:?}");

    bmc.faults(|faults| faults.reach = Reach::Drops);
    ensure!(ask(&bmc, "GET", SYSTEM, "").await.is_err());

    bmc.faults(|faults| faults.reach = Reach::Refuses);
    let refused = async {
        while TcpStream::connect(bmc.address()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, refused).await.context("the port is still open")?;

    bmc.faults(|faults| faults.reach = Reach::Answers);
    let back = async {
        loop {
            match ask(&bmc, "GET", SYSTEM, "").await {
                Ok((200, _)) => return,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    timeout(PATIENCE, back).await.context("it does not come back")
}

#[tokio::test]
async fn late_answers_and_errors_come_as_set() -> anyhow::Result<()> {
    let delay = Duration::from_millis(200);
    let faults = Faults { delay, errors: Some((2, 503)), ..Faults::default() };
    let bmc = Bmc::start(Config { faults, ..Config::new(Profile::plain()) }).await?;
    for expected in [503, 503, 200] {
        let asked = tokio::time::Instant::now();
        ensure!(ask(&bmc, "GET", SYSTEM, "").await?.0 == expected);
        ensure!(asked.elapsed() >= delay);
    }
    let both = tokio::join!(ask(&bmc, "PATCH", SYSTEM, "{}"), ask(&bmc, "PATCH", SYSTEM, "{}"));
    ensure!((both.0?.0, both.1?.0) == (400, 400));
    ensure!(bmc.journal().most_changing_at_once == 2);
    Ok(())
}

/// Takes any certificate.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// The status of the answer to one request, and the certificate shown.
async fn over_tls(bmc: &Bmc) -> anyhow::Result<(u16, CertificateDer<'static>)> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let stream = TcpStream::connect(bmc.address()).await?;
    let name = ServerName::try_from("127.0.0.1")?;
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).context("no certificate")?;
    let shown = shown.clone().into_owned();
    Ok((timeout(PATIENCE, exchange(stream, &request("GET", SYSTEM, ""))).await??.0, shown))
}

#[tokio::test]
async fn a_certificate_stays_until_it_is_rotated() -> anyhow::Result<()> {
    let bmc = Bmc::start(Config { tls: true, ..Config::new(Profile::plain()) }).await?;
    ensure!(bmc.url().starts_with("https://"));
    let (status, first) = over_tls(&bmc).await?;
    ensure!(status == 200 && Some(&first) == bmc.certificate().as_ref());
    ensure!(over_tls(&bmc).await?.1 == first);
    let before = bmc.fingerprint();
    bmc.rotate_certificate()?;
    let (status, second) = over_tls(&bmc).await?;
    ensure!(status == 200 && second != first && Some(second) == bmc.certificate());
    ensure!(bmc.fingerprint() != before);
    Ok(())
}

#[tokio::test]
async fn the_port_is_free_when_the_last_handle_is_gone() -> anyhow::Result<()> {
    let bmc = Bmc::start(Config::new(Profile::plain())).await?;
    let address = bmc.address();
    let mut idle = TcpStream::connect(address).await?;
    drop(bmc.clone());
    ensure!(ask(&bmc, "GET", SYSTEM, "").await?.0 == 200);
    drop(bmc);
    let mut rest = Vec::new();
    timeout(PATIENCE, idle.read_to_end(&mut rest)).await.context("a connection outlives its BMC")??;
    timeout(PATIENCE, async { while TcpStream::connect(address).await.is_ok() {} }).await.context("the port is open")
}
