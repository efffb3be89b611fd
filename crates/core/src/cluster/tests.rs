use super::*;
use k8s_openapi::api::core::v1::ServiceSpec;

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn kubeconfig(server: &str, ca: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: \"\"\n  cluster:\n    certificate-authority-data: {ca}\n    server: {server}\ncontexts: null\nusers: null\n"
    )
}

#[test]
fn kubeadms_cluster_info_is_read() {
    let data = [(CLUSTER_INFO_KEY.to_owned(), kubeconfig("https://10.0.0.2:6443/", &STANDARD.encode(PEM)))];
    let config_map = ConfigMap { data: Some(data.into()), ..ConfigMap::default() };
    let info = cluster_info(&config_map).unwrap();
    assert_eq!(info, ClusterInfo { server: "https://10.0.0.2:6443".into(), ca_pem: PEM.into() });
}

#[test]
fn problems_name_the_object_and_the_field() {
    let ca = STANDARD.encode(PEM);
    let message = |text: &str| parse_kubeconfig(text).unwrap_err().to_string();
    assert!(message("clusters: []").contains("clusters is empty"));
    assert!(message("apiVersion: v1").contains("clusters is empty"));
    assert!(message("clusters: [{}, {}]").contains("several"));
    assert!(message("clusters: [{}]").contains("clusters[0].cluster.server"));
    assert!(message(&kubeconfig("ldap://x", &ca)).contains("clusters[0].cluster.server"));
    assert!(message(&kubeconfig("https://x", "'%%'")).contains("certificate-authority-data is not base64"));
    assert!(message(&kubeconfig("https://x", &STANDARD.encode("hello"))).contains("no PEM certificate"));
    assert!(message("\t- nonsense: [").contains("kube-public/cluster-info is not a kubeconfig"));
    assert!(cluster_info(&ConfigMap::default()).unwrap_err().to_string().contains("METALMAN_APISERVER_URL"));
}

#[test]
fn versions_lose_what_a_distribution_appends() {
    for (git_version, expected) in [
        ("v1.33.1", "v1.33.1"),
        ("1.33.1", "v1.33.1"),
        ("v1.33.1+k3s1", "v1.33.1"),
        ("v1.33.1-gke.1706000", "v1.33.1"),
        ("v1.33.1-eks-5e0fdde", "v1.33.1"),
        ("v1.34.0-rc.1", "v1.34.0-rc.1"),
        ("v1.34.0-alpha.2+dirty", "v1.34.0-alpha.2"),
    ] {
        assert_eq!(kubernetes_version(git_version).unwrap(), expected, "{git_version}");
    }
    for git_version in ["", "v1.33", "v1.33.x", "latest", "v1.33.1.2", "v1..1"] {
        let message = kubernetes_version(git_version).unwrap_err().to_string();
        assert!(message.contains(&format!("{git_version:?}")), "{message}");
    }
}

#[test]
fn dns_needs_an_address() {
    let service = |ip: Option<&str>| Service {
        spec: Some(ServiceSpec { cluster_ip: ip.map(str::to_owned), ..ServiceSpec::default() }),
        ..Service::default()
    };
    assert_eq!(cluster_dns(&service(Some("10.96.0.10"))).unwrap().to_string(), "10.96.0.10");
    assert_eq!(cluster_dns(&service(Some("fd00::a"))).unwrap().to_string(), "fd00::a");
    for ip in [None, Some(""), Some("None")] {
        assert!(cluster_dns(&service(ip)).unwrap_err().to_string().contains("kube-system/kube-dns"));
    }
    assert!(cluster_dns(&Service::default()).is_err());
}
