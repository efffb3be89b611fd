//! Rendering a kubeconfig.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A kubeconfig with everything embedded. Strings are quoted as JSON, which YAML reads.
pub(super) fn render(server: &str, ca: &str, user: &str, certificate: &str, key: &str) -> String {
    let quote = |s: &str| serde_json::Value::from(s).to_string();
    let (server, name) = (quote(server), quote(user));
    let context = quote(&format!("{user}@kubernetes"));
    let [ca, certificate, key] = [ca, certificate, key].map(|pem| STANDARD.encode(pem));
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: kubernetes
  cluster:
    server: {server}
    certificate-authority-data: {ca}
contexts:
- name: {context}
  context:
    cluster: kubernetes
    user: {name}
current-context: {context}
preferences: {{}}
users:
- name: {name}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"
    )
}
