//! The commands that operators type, through a current kubectl and the oldest one that is promised to work.

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{
    cluster::{Cluster, unique},
    crds,
    kubectl::{Kubectl, binaries},
};

/// Runs `test` once for each kubectl, each time in a namespace of its own.
macro_rules! with_each_kubectl {
    ($name:ident, |$c:ident, $k:ident, $namespace:ident| $test:block) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let cluster = Cluster::get().await;
            for binary in binaries() {
                let $c = &cluster;
                let $namespace = $c.namespace().await;
                println!("with {}", binary.display());
                let $k = Kubectl::new($c, binary, &$namespace);
                $test
            }
        }
    };
}

fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - {{name: main, image: 'example.com/main:1', ports: [{{containerPort: 80}}]}}
"
    )
}

fn config_map(data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m, labels: {{made-by: us}}}}\ndata: {data}\n")
}

with_each_kubectl!(get_in_every_format, |c, k, namespace| {
    k.pipe(&["create", "-f", "-"], &config_map("{a: '1', b: '2'}")).await.ok();
    let table = k.run(&["get", "configmaps", "-l", "made-by=us"]).await.ok();
    let lines: Vec<_> = table.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[0], ["NAME", "DATA", "AGE"], "{table}");
    assert_eq!((lines[1][0], lines[1][1]), ("m", "2"), "{table}");
    assert_eq!(k.run(&["get", "cm", "m", "-o", "name"]).await.ok().trim(), "configmap/m");
    assert_eq!(k.run(&["get", "cm", "m", "-o", "jsonpath={.data.a}"]).await.ok(), "1");
    assert!(k.run(&["get", "cm", "m", "-o", "yaml"]).await.ok().contains("\nkind: ConfigMap\n"));
    let json: serde_json::Value = serde_json::from_str(&k.run(&["get", "cm", "-o", "json"]).await.ok()).unwrap();
    assert_eq!(json["kind"], "List");
    let all = k.run(&["get", "cm", "-A", "-l", "made-by=us"]).await.ok();
    assert!(all.lines().any(|l| l.starts_with(&namespace)), "{all}");
    let selected = k.run(&["get", "cm", "--field-selector", "metadata.name=m", "--no-headers"]).await.ok();
    assert_eq!(selected.lines().count(), 1, "{selected}");
    let columns = k.run(&["get", "cm", "m", "-o", "custom-columns=N:.metadata.name,A:.data.a"]).await.ok();
    assert_eq!(columns.split_whitespace().collect::<Vec<_>>(), ["N", "A", "m", "1"]);
    let wide = k.run(&["get", "nodes,svc", "-o", "wide"]).await;
    assert_eq!(wide.code, 0, "{wide:?}");
    let missing = k.run(&["get", "cm", "absent"]).await.fails();
    assert!(missing.contains("Error from server (NotFound): configmaps \"absent\" not found"), "{missing}");
    let unknown = k.run(&["get", "nonsense"]).await.fails();
    assert!(unknown.contains("the server doesn't have a resource type \"nonsense\""), "{unknown}");
});

with_each_kubectl!(get_watches, |c, k, namespace| {
    k.pipe(&["create", "-f", "-"], &config_map("{a: '1'}")).await.ok();
    let mut child = k.spawn(&["get", "cm", "-l", "made-by=us", "-w", "--no-headers", "-o", "custom-columns=A:.data.a"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        tokio::time::timeout(super::wait::DEADLINE, lines.next_line()).await.expect("a line in time").unwrap().unwrap()
    };
    assert_eq!(next().await, "1");
    k.run(&["patch", "cm", "m", "--type=merge", "-p", r#"{"data":{"a":"2"}}"#]).await.ok();
    assert_eq!(next().await, "2");
    child.kill().await.unwrap();
});

with_each_kubectl!(apply_on_the_client_side, |c, k, namespace| {
    let apply = ["apply", "-f", "-"];
    assert!(k.pipe(&apply, &deployment("d")).await.ok().contains("created"));
    assert!(k.pipe(&apply, &deployment("d")).await.ok().contains("unchanged"));
    let changed = deployment("d").replace("main:1", "main:2").replace("replicas: 1", "replicas: 2");
    assert!(k.pipe(&apply, &changed).await.ok().contains("configured"));
    let image = "jsonpath={.spec.template.spec.containers[0].image} {.spec.replicas}";
    assert_eq!(k.run(&["get", "deploy", "d", "-o", image]).await.ok(), "example.com/main:2 2");
    // What is no longer applied is removed; what others set stays.
    k.pipe(&apply, &config_map("{a: '1', b: '2'}")).await.ok();
    k.run(&["patch", "cm", "m", "--type=merge", "-p", r#"{"data":{"c":"3"}}"#]).await.ok();
    k.pipe(&apply, &config_map("{a: '1'}")).await.ok();
    assert_eq!(k.run(&["get", "cm", "m", "-o", "jsonpath={.data}"]).await.ok(), r#"{"a":"1","c":"3"}"#);
    let typo = deployment("e").replace("replicas:", "replica:");
    let refused = k.pipe(&apply, &typo).await.fails();
    assert!(refused.contains("replica"), "{refused}");
    let dry = k.pipe(&["apply", "--dry-run=server", "-f", "-"], &deployment("dry")).await.ok();
    assert!(dry.contains("(server dry run)"), "{dry}");
    k.run(&["get", "deploy", "dry"]).await.fails();
});

with_each_kubectl!(apply_on_the_server_side, |c, k, namespace| {
    let apply = ["apply", "--server-side", "-f", "-"];
    assert!(k.pipe(&apply, &config_map("{a: '1'}")).await.ok().contains("serverside-applied"));
    k.run(&["patch", "cm", "m", "--type=merge", "-p", r#"{"data":{"a":"2"}}"#]).await.ok();
    let conflict = k.pipe(&apply, &config_map("{a: '3'}")).await.fails();
    assert!(conflict.contains("conflict with \"kubectl-patch\"") && conflict.contains(".data.a"), "{conflict}");
    let forced = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    k.pipe(&forced, &config_map("{a: '3'}")).await.ok();
    assert_eq!(k.run(&["get", "cm", "m", "-o", "jsonpath={.data.a}"]).await.ok(), "3");
    k.pipe(&apply, &deployment("d")).await.ok();
});

with_each_kubectl!(change_in_place, |c, k, namespace| {
    k.pipe(&["create", "-f", "-"], &deployment("d")).await.ok();
    k.run(&["label", "deploy", "d", "tier=front"]).await.ok();
    let refused = k.run(&["label", "deploy", "d", "tier=back"]).await.fails();
    assert!(refused.contains("--overwrite"), "{refused}");
    k.run(&["label", "deploy", "d", "tier=back", "--overwrite"]).await.ok();
    k.run(&["annotate", "deploy", "d", "note=hello"]).await.ok();
    k.run(&["label", "deploy", "d", "tier-"]).await.ok();
    assert_eq!(
        k.run(&["get", "deploy", "d", "-o", "jsonpath={.metadata.labels}{.metadata.annotations.note}"]).await.ok(),
        "hello"
    );
    let strategic = r#"{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"example.com/main:5"}]}}}}"#;
    k.run(&["patch", "deploy", "d", "-p", strategic]).await.ok();
    let json = r#"[{"op":"replace","path":"/spec/replicas","value":3}]"#;
    k.run(&["patch", "deploy", "d", "--type=json", "-p", json]).await.ok();
    k.run(&["set", "image", "deploy/d", "main=example.com/main:6"]).await.ok();
    // One generation for the creation, one for each change of the spec, and (Deployments only) one for the annotation.
    assert_eq!(
        k.run(&[
            "get",
            "deploy",
            "d",
            "-o",
            "jsonpath={.spec.replicas} {.spec.template.spec.containers[*].image} {.metadata.generation}"
        ])
        .await
        .ok(),
        "3 example.com/main:6 5"
    );
    k.pipe(&["replace", "-f", "-"], &deployment("d")).await.ok();
    let edited = k.run_env(&[("EDITOR", "sed -i s/main:1/main:9/")], &["edit", "deploy", "d"]).await.ok();
    assert!(edited.contains("edited"), "{edited}");
    assert_eq!(
        k.run(&["get", "deploy", "d", "-o", "jsonpath={.spec.template.spec.containers[0].image}"]).await.ok(),
        "example.com/main:9"
    );
});

with_each_kubectl!(describe_everything, |c, k, namespace| {
    k.pipe(&["create", "-f", "-"], &deployment("d")).await.ok();
    k.run(&["create", "secret", "generic", "s", "--from-literal=a=b"]).await.ok();
    k.run(&["create", "serviceaccount", "robot"]).await.ok();
    k.run(&["create", "role", "r", "--verb=get", "--resource=pods"]).await.ok();
    k.run(&["create", "rolebinding", "rb", "--role=r", &format!("--serviceaccount={namespace}:robot")]).await.ok();
    let text = k.run(&["describe", "deploy", "d"]).await.ok();
    assert!(text.contains("Pod Template:") && text.contains("example.com/main:1"), "{text}");
    assert!(k.run(&["describe", "secret", "s"]).await.ok().contains("a:  1 bytes"));
    for what in ["sa/robot", "role/r", "rolebinding/rb"] {
        k.run(&["describe", what]).await.ok();
    }
    k.run(&["describe", "namespace", &namespace]).await.ok();
    k.run(&["describe", "nodes"]).await.ok();
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": namespace}, "type": "Warning",
        "reason": "Stuck", "message": "nothing moves", "count": 2, "firstTimestamp": "2024-01-01T00:00:00Z",
        "lastTimestamp": "2024-01-01T00:00:00Z", "source": {"component": "test"},
        "involvedObject": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "namespace": namespace,
            "uid": k.run(&["get", "deploy", "d", "-o", "jsonpath={.metadata.uid}"]).await.ok()}});
    k.pipe(&["create", "-f", "-"], &event.to_string()).await.ok();
    let text = k.run(&["describe", "deploy", "d"]).await.ok();
    assert!(text.contains("Stuck") && text.contains("nothing moves"), "{text}");
    let events = k.run(&["get", "events"]).await.ok();
    assert!(events.contains("Stuck") && events.contains("deployment/d"), "{events}");
});

with_each_kubectl!(delete_and_wait, |c, k, namespace| {
    k.pipe(&["create", "-f", "-"], &config_map("{}")).await.ok();
    k.run(&["patch", "cm", "m", "--type=merge", "-p", r#"{"metadata":{"finalizers":["example.com/hold"]}}"#])
        .await
        .ok();
    k.run(&["delete", "cm", "m", "--wait=false"]).await.ok();
    let late = k.run(&["wait", "--for=delete", "cm/m", "--timeout=1s"]).await.fails();
    assert!(late.contains("timed out"), "{late}");
    k.run(&["patch", "cm", "m", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).await.ok();
    // Clients before 1.24 call it an error when the object was gone before they looked.
    let gone = k.run(&["wait", "--for=delete", "cm/m", "--timeout=30s"]).await;
    assert!(gone.code == 0 || gone.stderr.contains("NotFound") || gone.stderr.contains("no matching"), "{gone:?}");
    k.pipe(&["create", "-f", "-"], &deployment("d")).await.ok();
    k.run(&["delete", "deploy", "d", "--cascade=foreground"]).await.ok();
    k.run(&["delete", "cm", "-l", "made-by=us"]).await.ok();
    let gone = k.run(&["delete", "cm", "absent"]).await.fails();
    assert!(gone.contains("NotFound"), "{gone}");
    k.run(&["delete", "cm", "absent", "--ignore-not-found"]).await.ok();
});

with_each_kubectl!(diff_and_explain, |c, k, namespace| {
    k.pipe(&["apply", "-f", "-"], &config_map("{a: '1'}")).await.ok();
    let same = k.pipe(&["diff", "-f", "-"], &config_map("{a: '1'}")).await;
    assert_eq!((same.code, same.stdout.as_str()), (0, ""), "{same:?}");
    let different = k.pipe(&["diff", "-f", "-"], &config_map("{a: '2'}")).await;
    assert_eq!(different.code, 1, "{different:?}");
    assert!(different.stdout.contains("-  a: \"1\"") && different.stdout.contains("+  a: \"2\""), "{different:?}");
    let text = k.run(&["explain", "deployment.spec.template.spec.containers.image"]).await.ok();
    assert!(text.contains("<string>") && text.contains("Container image name"), "{text}");
    let text = k.run(&["explain", "configmap", "--recursive"]).await.ok();
    assert!(text.contains("binaryData"), "{text}");
    k.run(&["explain", "configmap.nonsense"]).await.fails();
});

with_each_kubectl!(custom_kinds, |c, k, namespace| {
    let w = crds::install(c).await;
    let group = &w.group;
    let resource = format!("widgets.{group}");
    let widget =
        |size: &str| format!("apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: a}}\nspec: {{size: {size}}}\n");
    let apply = ["apply", "-f", "-"];
    k.pipe(&apply, &widget("3")).await.ok();
    let table = k.run(&["get", &resource]).await.ok();
    let lines: Vec<_> = table.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[0], ["NAME", "SIZE", "PART", "AGE"], "{table}");
    assert_eq!((lines[1][0], lines[1][1]), ("a", "3"), "{table}");
    assert!(k.run(&["get", &resource, "-o", "wide"]).await.ok().contains("COLOUR"));
    let refused = k.pipe(&apply, &widget("1000")).await.fails();
    assert!(refused.contains("spec.size") && refused.contains("less than or equal to 100"), "{refused}");
    k.pipe(&apply, &widget("5")).await.ok();
    k.pipe(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &widget("6")).await.ok();
    let text = k.run(&["explain", &format!("{resource}.spec.size")]).await;
    // kubectl names a resource for `explain` by its plural or short name when the group has dots.
    let text = if text.code == 0 {
        text.ok()
    } else {
        k.run(&["explain", "wdg.spec.size", &format!("--api-version={group}/v1")]).await.ok()
    };
    assert!(text.contains("How large, in centimetres."), "{text}");
    let text = k.run(&["describe", &resource, "a"]).await.ok();
    assert!(text.contains("Size:"), "{text}");
    k.run(&["wait", "--for=condition=established", "--timeout=30s", &format!("crd/{resource}")]).await.ok();
    let resources = k.run(&["api-resources", &format!("--api-group={group}")]).await.ok();
    assert!(resources.contains("widgets") && resources.contains("wdg"), "{resources}");
    k.run(&["delete", &resource, "--all"]).await.ok();
});

with_each_kubectl!(api_resources_and_versions, |c, k, namespace| {
    let resources = k.run(&["api-resources"]).await.ok();
    for kind in
        ["ConfigMap", "Deployment", "Lease", "CertificateSigningRequest", "CustomResourceDefinition", "ClusterRole"]
    {
        assert!(resources.contains(kind), "{resources}");
    }
    assert!(k.run(&["api-versions"]).await.ok().contains("apps/v1"));
    assert!(k.run(&["version"]).await.ok().contains("Server Version"));
    assert!(k.run(&["cluster-info"]).await.ok().contains("is running at"));
});

with_each_kubectl!(authorization_questions, |c, k, namespace| {
    k.run(&["create", "serviceaccount", "robot"]).await.ok();
    k.run(&["create", "role", "reader", "--verb=get,list", "--resource=configmaps"]).await.ok();
    k.run(&["create", "rolebinding", "b", "--role=reader", &format!("--serviceaccount={namespace}:robot")]).await.ok();
    assert_eq!(k.run(&["auth", "can-i", "delete", "nodes"]).await.ok().trim(), "yes");
    let robot = format!("--as=system:serviceaccount:{namespace}:robot");
    assert_eq!(k.run(&["auth", "can-i", "list", "configmaps", &robot]).await.ok().trim(), "yes");
    let no = k.run(&["auth", "can-i", "delete", "configmaps", &robot]).await;
    assert_eq!((no.code, no.stdout.trim()), (1, "no"), "{no:?}");
    let rules = k.run(&["auth", "can-i", "--list", &robot]).await.ok();
    assert!(rules.contains("configmaps"), "{rules}");
    let refused = k.run(&["get", "secrets", &robot]).await.fails();
    assert!(refused.contains("Error from server (Forbidden): secrets is forbidden: User"), "{refused}");
});

with_each_kubectl!(certificates_are_approved_and_denied, |c, k, namespace| {
    use base64::Engine as _;
    let pem = |name: &str| {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("system:node:{name}"));
        params.serialize_request(&rcgen::KeyPair::generate().unwrap()).unwrap().pem().unwrap()
    };
    for (verb, word) in [("approve", "Approved,Issued"), ("deny", "Denied")] {
        let name = unique("csr");
        let request = base64::engine::general_purpose::STANDARD.encode(pem(&name));
        // Not the kubelets' signer: whose requests a cluster may approve by itself.
        let body = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
            "spec": {"signerName": "kubernetes.io/kube-apiserver-client", "request": request,
                "usages": ["client auth", "digital signature"]}});
        k.pipe(&["create", "-f", "-"], &body.to_string()).await.ok();
        c.undo(format!("/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}"));
        k.run(&["certificate", verb, &name]).await.ok();
        super::wait::until(&format!("the request is {word}"), || async {
            let table = k.run(&["get", "csr", &name]).await.ok();
            if table.contains(word) { Ok(()) } else { Err(table) }
        })
        .await;
        k.run(&["describe", "csr", &name]).await.ok();
    }
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_only_a_current_kubectl_has() {
    let cluster = Cluster::get().await;
    let namespace = cluster.namespace().await;
    let current = binaries().swap_remove(0);
    let k = Kubectl::new(&cluster, current, &namespace);
    k.run(&["create", "serviceaccount", "robot"]).await.ok();
    let token = k.run(&["create", "token", "robot", "--duration=20m"]).await.ok();
    let answer = cluster.with_token(token.trim()).get("/api/v1/namespaces").await;
    assert_eq!(answer.code, 403, "a valid token without permissions: {}", answer.text);
    let who = k.run(&["auth", "whoami", "-o", "json"]).await.ok();
    assert!(who.contains("\"username\""), "{who}");
    k.pipe(&["create", "-f", "-"], &deployment("d")).await.ok();
    k.run(&["wait", "--for=jsonpath={.spec.replicas}=1", "deploy/d", "--timeout=10s"]).await.ok();
    let events = k.run(&["events"]).await;
    assert_eq!(events.code, 0, "{events:?}");
    k.run(&["get", "deploy", "d", "--show-managed-fields", "-o", "yaml"]).await.ok();
    let subresource = k.run(&["get", "deploy", "d", "--subresource=status", "-o", "name"]).await.ok();
    assert_eq!(subresource.trim(), "deployment.apps/d");
}
