use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use super::*;

#[test]
fn a_cable_joins_two_networks() {
    let (left, right) = (Namespace::new("left").unwrap(), Namespace::new("right").unwrap());
    left.veth("eth0", &right, "eth0").unwrap();
    left.address("eth0", "10.0.0.1/24").unwrap();
    right.address("eth0", "10.0.0.2/24").unwrap();
    let listener = left.run(|| TcpListener::bind("10.0.0.1:80")).unwrap();
    let mut sent =
        right.run(|| TcpStream::connect_timeout(&"10.0.0.1:80".parse().unwrap(), Duration::from_secs(10))).unwrap();
    sent.write_all(b"through").unwrap();
    drop(sent);
    let mut got = String::new();
    listener.accept().unwrap().0.read_to_string(&mut got).unwrap();
    assert_eq!(got, "through");
}

#[test]
fn a_bridge_joins_many() {
    let switch = Namespace::new("switch").unwrap();
    let hosts: Vec<_> = (0..3).map(|n| Namespace::new(&format!("host{n}")).unwrap()).collect();
    let ports: Vec<_> = (0..3).map(|n| format!("p{n}")).collect();
    for (n, host) in hosts.iter().enumerate() {
        switch.veth(&ports[n], host, "eth0").unwrap();
        host.address("eth0", &format!("10.0.0.{}/24", n + 1)).unwrap();
    }
    switch.bridge("br0", &ports.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let bind = |n: usize, at: &str| {
        let socket = hosts[n].run(|| UdpSocket::bind(at)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    };
    let (one, two, three) = (bind(0, "0.0.0.0:0"), bind(1, "0.0.0.0:7000"), bind(2, "0.0.0.0:7000"));
    one.set_broadcast(true).unwrap();
    one.send_to(b"all", "10.0.0.255:7000").unwrap();
    for socket in [two, three] {
        let mut buffer = [0; 8];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from.ip().to_string().as_str()), (&b"all"[..], "10.0.0.1"));
    }
}

#[test]
fn networks_are_apart_and_refusals_say_where() {
    let (left, right) = (Namespace::new("left").unwrap(), Namespace::new("right").unwrap());
    left.tap("tap0").unwrap();
    assert!(left.ip("link show tap0").unwrap().contains("tap0"));
    let refusal = right.up("tap0").unwrap_err().to_string();
    assert!(refusal.starts_with("in right: ip link set tap0 up:"), "{refusal}");
    let output = left.command("ip").args(["-br", "link"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("tap0"));
}
