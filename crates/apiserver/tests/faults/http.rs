//! Well-formed requests, whose connection may break at any moment.

use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use kube::{
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use super::child::DEADLINE;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) json: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.json);
        self.json
    }
}

/// Somebody who calls the API.
#[derive(Clone)]
pub(crate) struct Caller {
    client: kube::Client,
}

/// The configuration in a kubeconfig.
pub(crate) async fn configuration(kubeconfig: &str) -> kube::Config {
    let parsed = Kubeconfig::from_yaml(kubeconfig).unwrap();
    kube::Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap()
}

impl Caller {
    pub(crate) async fn admin(kubeconfig: &str) -> Self {
        Self { client: kube::Client::try_from(configuration(kubeconfig).await).unwrap() }
    }

    /// A request; an error when the connection broke before the whole answer was there.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let request = Request::builder().method(method).uri(path).header("content-type", content_type);
        let work = async {
            let response = self.client.send(request.body(Body::from(body)).unwrap()).await?;
            let code = response.status().as_u16();
            let text = response.into_body().collect_bytes().await?;
            Ok::<_, kube::Error>(Answer { code, json: serde_json::from_slice(&text).unwrap_or(Value::Null) })
        };
        let outcome = tokio::time::timeout(DEADLINE, work).await.expect("an answer in time");
        outcome.map_err(|e| format!("{e:?}"))
    }
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Answer, String> {
        let content_type = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.call(method, path, content_type, body).await
    }
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &Value::Null).await.unwrap()
    }
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await.unwrap()
    }
    pub(crate) async fn merge_patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, body).await.unwrap()
    }
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &Value::Null).await.unwrap()
    }
    /// A new namespace; the path of its configmaps.
    pub(crate) async fn namespace(&self, name: &str) -> String {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.post("/api/v1/namespaces", &body).await.expect(201);
        format!("/api/v1/namespaces/{name}/configmaps")
    }
    /// Opens a watch.
    pub(crate) async fn watch(&self, path: &str) -> Result<Lines, String> {
        let response = self.client.send(Request::get(path).body(Body::empty()).unwrap()).await;
        let response = response.map_err(|e| format!("{e:?}"))?;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        Ok(Lines { body: response.into_body(), buffer: Vec::new() })
    }
}

/// A configmap with a text.
pub(crate) fn map(name: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}})
}

/// The events of an open watch.
pub(crate) struct Lines {
    body: Body,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next whole event; `Ok(None)` at the proper end of the stream, an error when it broke. Waits as long as it takes.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Some(serde_json::from_slice(&line).unwrap()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(e)) => return Err(format!("{e:?}")),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err("the stream ended inside an event".to_owned()),
            }
        }
    }
}
