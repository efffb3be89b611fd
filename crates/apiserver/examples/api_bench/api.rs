//! The few requests that the measurements need, as raw HTTP over the client's connection: what is measured is the
//! server, not a client's decoding.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected};
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

const LABEL: &str = "api-bench";
const SELECTOR: &str = "labelSelector=api-bench%3Dtrue";
const DEADLINE: Duration = Duration::from_mins(2);

/// What is created and patched. Object and status are JSON texts, filled by replacing: cheap beside what is measured.
pub(crate) struct Templates {
    definition: Value,
    object: String,
    status: String,
}

impl Templates {
    pub(crate) fn load(crd: Option<&Path>, object: Option<&Path>, status: Option<&Path>) -> Result<Arc<Self>> {
        let text = |path: Option<&Path>, built_in: &str| match path {
            Some(path) => fs::read_to_string(path).with_context(|| format!("reading {}", path.display())),
            None => Ok(built_in.to_owned()),
        };
        let definition = text(crd, include_str!("crd.yaml"))?;
        let definition: Value = serde_saphyr::from_str(&definition).context("the definition is not YAML")?;
        ensure!(definition["spec"]["scope"] == "Cluster", "the definition has to be cluster-scoped");
        let parse = |text: String| serde_saphyr::from_str::<Value>(&text).context("a template is not YAML");
        let mut object = parse(text(object, include_str!("object.yaml"))?)?;
        object["metadata"]["name"] = "bench-$N".into();
        object["metadata"]["labels"][LABEL] = "true".into();
        let status = parse(text(status, include_str!("status.yaml"))?)?.to_string();
        ensure!(status.contains("$N"), "without $N in the status, patches would change nothing");
        Ok(Arc::new(Self { definition, object: object.to_string(), status }))
    }

    fn fill(template: &str, number: u32) -> Vec<u8> {
        let (a, b) = (number / 250 % 250 + 1, number % 250 + 1);
        template
            .replace("$HA", &format!("{a:02x}"))
            .replace("$HB", &format!("{b:02x}"))
            .replace("$N", &number.to_string())
            .replace("$A", &a.to_string())
            .replace("$B", &b.to_string())
            .into_bytes()
    }

    /// The body that creates an object.
    pub(crate) fn object(&self, number: u32) -> Vec<u8> {
        Self::fill(&self.object, number)
    }

    /// The body of a status patch.
    pub(crate) fn status(&self, number: u32) -> Vec<u8> {
        Self::fill(&self.status, number)
    }
}

fn name(number: u32) -> String {
    format!("bench-{number}")
}

/// A client of its own: its connections are not shared with another.
pub(crate) struct Api {
    client: Client,
    pub(crate) templates: Arc<Templates>,
    collection: String,
}

impl Api {
    pub(crate) async fn connect(kubeconfig: &Path, templates: &Arc<Templates>) -> Result<Self> {
        let spec = &templates.definition["spec"];
        let stored = spec["versions"].as_array().and_then(|v| v.iter().find(|v| v["storage"] == true));
        let part = |value: &Value| value.as_str().map(str::to_owned).context("the definition is incomplete");
        let version = part(&stored.context("the definition stores no version")?["name"])?;
        let collection = format!("/apis/{}/{version}/{}", part(&spec["group"])?, part(&spec["names"]["plural"])?);
        Ok(Self { client: client(kubeconfig).await?, templates: Arc::clone(templates), collection })
    }

    pub(crate) async fn version(&self) -> Result<String> {
        let version: Value = serde_json::from_slice(&self.read(Method::GET, "/version", "", Vec::new()).await?)?;
        Ok(version["gitVersion"].as_str().unwrap_or("unknown version").to_owned())
    }

    /// Creates the definition when it is not there, and waits until it is served.
    pub(crate) async fn install_definition(&self) -> Result<()> {
        const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let body = serde_json::to_vec(&self.templates.definition)?;
        let answer = self.send(Method::POST, PATH, "application/json", body).await?;
        ensure!(
            answer.status().is_success() || answer.status() == StatusCode::CONFLICT,
            "installing the definition: {}",
            told(answer).await
        );
        let deadline = Instant::now() + DEADLINE;
        while !self
            .send(Method::GET, &format!("{}?limit=1", self.collection), "", Vec::new())
            .await?
            .status()
            .is_success()
        {
            ensure!(Instant::now() < deadline, "the definition is not served");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub(crate) async fn delete_definition(&self) -> Result<()> {
        let name = self.templates.definition["metadata"]["name"].as_str().context("a definition without name")?;
        // Somebody's objects would go with it.
        if self.items("limit=1").await? == 0 {
            let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
            self.read(Method::DELETE, &path, "", Vec::new()).await?;
        }
        Ok(())
    }

    /// Deletes what this tool created, now or earlier, and waits until it is gone.
    pub(crate) async fn delete_objects(&self) -> Result<()> {
        let deadline = Instant::now() + DEADLINE;
        while self.items(&format!("limit=1&{SELECTOR}")).await? > 0 {
            ensure!(Instant::now() < deadline, "earlier objects do not go away");
            self.read(Method::DELETE, &format!("{}?{SELECTOR}", self.collection), "", Vec::new()).await?;
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// How many of this tool's objects there are.
    pub(crate) async fn count_objects(&self) -> Result<usize> {
        self.items(SELECTOR).await
    }

    // `remainingItemCount` would be cheaper, but is not given for lists with a selector.
    async fn items(&self, query: &str) -> Result<usize> {
        let page = self.read(Method::GET, &format!("{}?{query}", self.collection), "", Vec::new()).await?;
        let page: Value = serde_json::from_slice(&page)?;
        Ok(page["items"].as_array().map_or(0, Vec::len))
    }

    pub(crate) async fn create(&self, body: Vec<u8>) -> Result<Bytes> {
        self.read(Method::POST, &self.collection, "application/json", body).await
    }

    pub(crate) async fn get(&self, number: u32) -> Result<Bytes> {
        self.read(Method::GET, &format!("{}/{}", self.collection, name(number)), "", Vec::new()).await
    }

    pub(crate) async fn list(&self) -> Result<Bytes> {
        self.read(Method::GET, &self.collection, "", Vec::new()).await
    }

    pub(crate) async fn patch_status(&self, number: u32, body: Vec<u8>) -> Result<Bytes> {
        let path = format!("{}/{}/status", self.collection, name(number));
        self.read(Method::PATCH, &path, "application/merge-patch+json", body).await
    }

    /// The collection's resource version.
    pub(crate) async fn now(&self) -> Result<String> {
        let page = self.read(Method::GET, &format!("{}?limit=1", self.collection), "", Vec::new()).await?;
        let page: Value = serde_json::from_slice(&page)?;
        Ok(page["metadata"]["resourceVersion"].as_str().context("a list without resourceVersion")?.to_owned())
    }

    pub(crate) async fn watch(&self, after: &str) -> Result<Response<Body>> {
        let path = format!("{}?watch=true&resourceVersion={after}&{SELECTOR}", self.collection);
        let answer = self.send(Method::GET, &path, "", Vec::new()).await?;
        ensure!(answer.status().is_success(), "watching: {}", told(answer).await);
        Ok(answer)
    }

    /// Sends, and reads a successful answer to its end.
    async fn read(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Result<Bytes> {
        let answer = self.send(method.clone(), path, content_type, body).await?;
        if !answer.status().is_success() {
            bail!("{method} {path}: {}", told(answer).await);
        }
        Ok(answer.into_body().collect().await?.to_bytes())
    }

    async fn send(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(path).header("accept", "application/json");
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        Ok(self.client.send(request.body(Body::from(body))?).await?)
    }
}

/// A client that does not retry: a retry would hide in the figures.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    config.disable_compression = true;
    Ok(Client::try_from(config)?)
}

/// What an unsuccessful answer says.
async fn told(answer: Response<Body>) -> String {
    let status = answer.status();
    let text = answer.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    format!("{status}: {}", String::from_utf8_lossy(&text[..text.len().min(500)]))
}
