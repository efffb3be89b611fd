//! DMTF's own conformance checkers judge the rack's BMCs: every resource of every profile against the schemas of DSP8010, and
//! the plain profile against the rules of DSP0266.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::{Context, ensure};
use metalman::redfish::{Client, Credentials, Endpoint, RedfishMetrics};
use metalman_core::lifecycle::bmc::{BootOverride, BootTarget, PowerAction};
use rack::bmc::{Bmc, Config, Profile};

/// The folder of the checkers: `METALMAN_TEST_DMTF`, else the one that `script/bootstrap` keeps.
fn checkers() -> anyhow::Result<PathBuf> {
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.tools/dmtf");
    let found = std::env::var_os("METALMAN_TEST_DMTF").map_or(kept, PathBuf::from);
    let csdl = found.join("csdl/ComputerSystem_v1.xml");
    ensure!(csdl.exists(), "{} is missing: script/bootstrap installs the Redfish validators", csdl.display());
    Ok(found)
}

#[expect(clippy::print_stderr, reason = "the judges' counts")]
fn tell(counts: &str) {
    eprintln!("{counts}");
}

async fn check(program: &str, arguments: Vec<String>) -> anyhow::Result<(Output, tempfile::TempDir)> {
    let mut command = Command::new(checkers()?.join("bin").join(program));
    let dir = tempfile::tempdir()?;
    command.args(["-u", "admin", "-p", "secret"]).args(arguments).current_dir(dir.path());
    // These would make requests of Python verify certificates that it was told not to.
    command.env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE");
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    Ok((output.with_context(|| format!("{program} does not start"))?, dir))
}

/// Passes, warnings and failures; with a boot override that somebody set.
async fn verdict(profile: Profile, boot: Option<BootOverride>) -> anyhow::Result<([u32; 3], String)> {
    let bmc = Bmc::start(Config { systems: 2, ..Config::new(profile) }).await?;
    let credentials = Credentials { username: "admin".into(), password: "secret".into() };
    let client = Client::new(Endpoint::new(&bmc.url(), Some(credentials), None)?, RedfishMetrics::default())?;
    let id = bmc.system_id(1);
    // A session, a task where the profile makes them, an override: there is more to look at.
    client.set_boot_override(Some(&id), BootTarget::Pxe).await?;
    client.power(Some(&id), PowerAction::On).await?;
    if let Some(boot) = boot {
        bmc.set_boot_override(0, boot);
    }
    let schemas = checkers()?.join("csdl").display().to_string();
    let arguments = ["--skipschema", "--schema_directory", &schemas, "--rhost", &bmc.url()].map(str::to_owned);
    let (output, _dir) = check("rf_service_validator", arguments.to_vec()).await?;
    client.close().await;
    ensure!(bmc.sessions() == 0, "the validator left its session behind");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // The numbers are two lines below | PASS | WARN | FAIL | NOT TESTED |.
    let row = said.lines().skip_while(|line| !line.contains("NOT TESTED")).nth(2);
    let cells = row.with_context(|| format!("no summary in:\n{said}"))?.split('|').skip(1).take(3);
    let counts = cells.map(|cell| cell.trim().parse()).collect::<Result<Vec<u32>, _>>();
    let counts = <[u32; 3]>::try_from(counts.with_context(|| said.clone())?);
    let counts = counts.map_err(|cells| anyhow::anyhow!("{cells:?} in:\n{said}"))?;
    ensure!(output.status.success() == (counts[2] == 0), "{:?} with {counts:?}:\n{said}", output.status);
    Ok((counts, said))
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_what_their_schemas_say() -> anyhow::Result<()> {
    for profile in Profile::all() {
        let name = profile.name;
        let ([passed, warned, failed], said) =
            verdict(profile, None).await.with_context(|| format!("profile {name}"))?;
        tell(&format!("{name}: {passed} passed, {warned} warned, {failed} failed"));
        ensure!(failed == 0 && passed > 150, "{name}: {passed} passed, {failed} failed:\n{said}");
        // Paths that end with a slash, as iLO's do, are what it warns of.
        ensure!(warned == 0 || name == "ilo", "{name}: {warned} warnings:\n{said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_judge_sees_what_is_wrong() -> anyhow::Result<()> {
    let boot = BootOverride { enabled: "Sometimes".to_owned(), target: "Pxe".to_owned(), mode: None };
    let ([_, _, failed], said) = verdict(Profile::plain(), Some(boot)).await?;
    ensure!(failed > 0, "an override that is enabled Sometimes passed:\n{said}");
    Ok(())
}

/// What the plain profile lacks: accounts, and with them the roles.
const LACKING: [&str; 1] = ["SEC_PRIV_SUPPORT_PREDEFINED_ROLES"];

#[tokio::test(flavor = "multi_thread")]
async fn the_protocol_is_spoken_as_dsp0266_says() -> anyhow::Result<()> {
    let bmc = Bmc::start(Config { tls: true, systems: 2, ..Config::new(Profile::plain()) }).await?;
    let arguments = ["-r", &bmc.url(), "--no-cert-check", "--avoid-http-redirect", "--report-type", "tsv"];
    let arguments = [&arguments[..], &["--report-dir", "reports"]].concat().into_iter().map(str::to_owned).collect();
    let (output, dir) = check("rf_protocol_validator", arguments).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let reports = std::fs::read_dir(dir.path().join("reports")).with_context(|| said.clone())?;
    // Beside it lies a summary in JSON.
    let mut tables =
        reports.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("tsv".as_ref()));
    let report = std::fs::read_to_string(tables.next().context("no report")?)?;
    let lines = |verdict: &str| {
        let field = format!("\t{verdict}\t");
        report.lines().filter(|line| line.contains(&field)).collect::<Vec<_>>()
    };
    let failed = lines("FAIL");
    let unexpected: Vec<_> =
        failed.iter().filter(|line| !LACKING.iter().any(|known| line.starts_with(known))).collect();
    let passed = lines("PASS").len();
    tell(&format!("{passed} passed, {} failed, {} not tested", failed.len(), lines("NOT_TESTED").len()));
    ensure!(unexpected.is_empty() && passed > 150, "{passed} passed; {unexpected:#?}\n{said}");
    Ok(())
}
