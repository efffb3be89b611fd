//! The credentials that container tools have stored: Docker's `config.json` and the `auth.json` of podman, buildah and
//! skopeo, with their credential helpers.
//!
//! Invariant: what is found goes to nobody but the registry; no secret is in an error.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;
use thiserror::Error;

use crate::images::{
    pull_secret,
    reference::RegistryReference,
    registry::{Credentials, RegistryError},
};

/// What Docker's own registry is called in its files.
const DOCKER_KEY: &str = "https://index.docker.io/v1/";
/// The user name with which helpers mark a refresh token.
const TOKEN: &str = "<token>";

/// Why credentials cannot be looked up.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// A file.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that is not of this shape.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// In what way.
        problem: String,
    },
    /// A helper that is not there.
    #[error("{} names the credential helper {program}, which cannot be run", path.display())]
    NoHelper {
        /// The file.
        path: PathBuf,
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A helper that failed.
    #[error("credential helper {program}: {words}")]
    Helper {
        /// The program.
        program: String,
        /// Its own words.
        words: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stored {
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The files to look into, in this order. `variable` reads the environment.
pub fn files(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // It is the user's only one, by name.
    if let Some(file) = variable("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let home = variable("HOME");
    let config = variable("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let docker = variable("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    let containers = variable("XDG_RUNTIME_DIR").into_iter().chain(config).map(|dir| dir.join("containers/auth.json"));
    containers.chain(docker.map(|dir| dir.join("config.json"))).collect()
}

/// What a user of the command line can do about a refusal, in the place of what an operator of Machines can.
pub(super) fn with_remedy(error: RegistryError) -> RegistryError {
    match error {
        RegistryError::Unauthorized { host, words, .. } => RegistryError::Unauthorized {
            host,
            words,
            remedy: "log in with a container tool, such as skopeo login, or name its file with --authfile; without TLS, \
                     credentials are told only to a registry that --insecure-registry names",
        },
        other => other,
    }
}

/// The credentials for an image, from the first file that has some.
pub fn find(files: &[PathBuf], reference: &RegistryReference) -> Result<Option<Credentials>, CredentialsError> {
    for path in files {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(CredentialsError::Read { path: path.clone(), source }),
        };
        if let Some(found) = in_file(path, &bytes, reference)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn in_file(path: &Path, bytes: &[u8], reference: &RegistryReference) -> Result<Option<Credentials>, CredentialsError> {
    let malformed = |problem: String| CredentialsError::Malformed { path: path.to_owned(), problem };
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let domain = reference.domain();
    let is_docker = domain != reference.host();
    let helper = stored.cred_helpers.get(domain).or(stored.creds_store.as_ref()).filter(|name| !name.is_empty());
    if let Some(helper) = helper {
        let key = if is_docker { DOCKER_KEY } else { domain };
        if let Some(found) = ask_helper(path, helper, key)? {
            return Ok(Some(found));
        }
    }
    // Beside a helper, entries are there by name only.
    match pull_secret::of_config_json(bytes, reference) {
        Err(_) if helper.is_some() => Ok(None),
        outcome => outcome.map_err(|problem| malformed(problem.to_owned())),
    }
}

/// Helpers are named, not given by path: the file may come from elsewhere.
fn ask_helper(path: &Path, helper: &str, server: &str) -> Result<Option<Credentials>, CredentialsError> {
    let program = format!("docker-credential-{helper}");
    if helper.contains('/') {
        return Err(CredentialsError::NoHelper {
            path: path.to_owned(),
            program,
            source: io::ErrorKind::InvalidInput.into(),
        });
    }
    run_helper(Path::new(&program), path, &program, server)
}

/// The protocol of Docker's credential helpers: the server on standard input, JSON on standard output.
fn run_helper(
    executable: &Path,
    path: &Path,
    program: &str,
    server: &str,
) -> Result<Option<Credentials>, CredentialsError> {
    let program = program.to_owned();
    let failed = |source| CredentialsError::NoHelper { path: path.to_owned(), program: program.clone(), source };
    let mut command = Command::new(executable);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // It may have ended without reading, and then says why.
        let _ = input.write_all(server.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let words: String = said.trim().chars().take(500).collect();
        // The words that the helpers' library has for it.
        let nothing = words.contains("credentials not found");
        return if nothing { Ok(None) } else { Err(CredentialsError::Helper { program, words }) };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| CredentialsError::Helper { program, words: "its answer has no Username and Secret".into() })?;
    Ok(Some(match answer.username.as_str() {
        TOKEN => Credentials::Identity(answer.secret),
        _ => Credentials::Password { username: answer.username, password: answer.secret },
    }))
}

#[cfg(test)]
mod tests;
