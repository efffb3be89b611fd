//! `rack load`: clients that measure servers, for scripts.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use clap::{Args, Subcommand, ValueEnum};
use rack::load::{Fleet, boot, dhcp, http, reflect, tftp, usage};
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub(crate) enum Load {
    /// DHCP four-way exchanges: the largest rate at under 1 % drops, and the latency at half of it.
    Dhcp(DhcpArgs),
    /// A DHCP responder without any function, to find the ceiling of generators.
    DhcpReflect(ReflectArgs),
    /// Read one file by TFTP.
    Tftp(TftpArgs),
    /// Read one file by HTTP, with one or many clients.
    Http(HttpArgs),
    /// Boot machines all at once.
    Boot(BootArgs),
    /// CPU seconds and peak memory of a server and its children.
    Usage(UsageArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Report {
    /// One JSON document on one line.
    Json,
    /// The same, indented.
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct DhcpArgs {
    /// The DHCP server.
    #[arg(long)]
    server: SocketAddrV4,
    /// The simulated relay (giaddr); sends and receives on its port 67.
    #[arg(long)]
    relay: Ipv4Addr,
    /// Clients that take turns; their MACs are 02:6d:00:00:00:00 and up.
    #[arg(long, default_value_t = 4096)]
    clients: u32,
    /// Only this rate, in exchanges a second, instead of a search.
    #[arg(long)]
    rate: Option<f64>,
    /// Where the search begins.
    #[arg(long, default_value_t = 2_000.0)]
    start: f64,
    /// Factor between the rates of the search until the first fails.
    #[arg(long, default_value_t = 2.0)]
    growth: f64,
    /// Where the search ends.
    #[arg(long, default_value_t = 2_000_000.0)]
    limit: f64,
    /// Length of a trial.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    #[arg(long, value_enum, default_value_t = Report::Text)]
    report: Report,
}

#[derive(Debug, Args)]
pub(crate) struct ReflectArgs {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddrV4,
    /// The relay to answer.
    #[arg(long)]
    relay: SocketAddrV4,
    /// Address of the first client.
    #[arg(long)]
    first: Ipv4Addr,
}

#[derive(Debug, Args)]
pub(crate) struct TftpArgs {
    /// The TFTP server.
    #[arg(long)]
    server: SocketAddrV4,
    /// The address to ask from.
    #[arg(long)]
    from: Ipv4Addr,
    /// The file's name.
    #[arg(long)]
    file: String,
    /// blksize to ask for.
    #[arg(long, default_value_t = 1468)]
    blksize: u16,
    /// windowsize to ask for; 1 does not ask.
    #[arg(long, default_value_t = 1)]
    windowsize: u16,
    /// Fail unless the content has this SHA-256.
    #[arg(long)]
    sha256: Option<String>,
    #[arg(long, value_enum, default_value_t = Report::Text)]
    report: Report,
}

#[derive(Debug, Args)]
pub(crate) struct HttpArgs {
    /// The HTTP server.
    #[arg(long)]
    server: SocketAddrV4,
    /// The first client's address; the others follow it.
    #[arg(long)]
    from: Ipv4Addr,
    /// Path of the file.
    #[arg(long)]
    path: String,
    /// Clients at once.
    #[arg(long, default_value_t = 1)]
    clients: u32,
    /// How often each reads it.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Process of the server, to count its CPU seconds.
    #[arg(long)]
    server_pid: Option<u32>,
    /// Drop the content inside the kernel: the cheapest possible client.
    #[arg(long)]
    discard: bool,
    /// Read once, fail unless the content has this SHA-256, and measure nothing.
    #[arg(long)]
    sha256: Option<String>,
    #[arg(long, value_enum, default_value_t = Report::Text)]
    report: Report,
}

#[derive(Debug, Args)]
pub(crate) struct BootArgs {
    /// Address of the DHCP, TFTP and HTTP server.
    #[arg(long)]
    server: Ipv4Addr,
    /// Its HTTP port.
    #[arg(long, default_value_t = 8880)]
    http_port: u16,
    /// The simulated relay (giaddr).
    #[arg(long)]
    relay: Ipv4Addr,
    /// Machines; their MACs are 02:6d:00:00:00:00 and up.
    #[arg(long, default_value_t = 500)]
    machines: u32,
    /// Address of the first machine; the others follow it.
    #[arg(long)]
    first: Ipv4Addr,
    /// The TFTP file.
    #[arg(long)]
    tftp_file: String,
    /// Path of the HTTP file.
    #[arg(long)]
    http_path: String,
    /// TFTP windowsize to ask for.
    #[arg(long, default_value_t = 1)]
    windowsize: u16,
    #[arg(long, value_enum, default_value_t = Report::Text)]
    report: Report,
}

#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// The server's process.
    #[arg(long)]
    pid: u32,
    #[arg(long, value_enum, default_value_t = Report::Text)]
    report: Report,
}

/// Puts the load on, and prints what was seen.
pub(crate) fn run(load: Load) -> anyhow::Result<()> {
    match load {
        Load::Dhcp(args) => run_dhcp(&args),
        Load::DhcpReflect(args) => {
            let fleet = Fleet { first: args.first, count: 1 << 24 };
            Ok(reflect::run(args.listen, args.relay, fleet)?)
        }
        Load::Tftp(args) => run_tftp(args),
        Load::Http(args) => run_http(args),
        Load::Boot(args) => run_boot(args),
        Load::Usage(args) => {
            let (cpu_seconds, peak_bytes) = (usage::cpu_seconds(args.pid)?, usage::peak_bytes(args.pid)?);
            print(args.report, &serde_json::json!({ "cpu_seconds": cpu_seconds, "peak_bytes": peak_bytes }))
        }
    }
}

fn run_dhcp(args: &DhcpArgs) -> anyhow::Result<()> {
    let target = dhcp::Target { server: args.server, relay: args.relay, clients: args.clients };
    let range = dhcp::Range { start: args.start, growth: args.growth, limit: args.limit };
    match args.rate {
        Some(rate) => print(args.report, &dhcp::trial(&target, rate, Duration::from_secs_f64(args.seconds))?),
        None => print(args.report, &dhcp::maximum(&target, range, args.seconds)?),
    }
}

fn run_tftp(args: TftpArgs) -> anyhow::Result<()> {
    let received = tftp::read(&tftp::Request {
        server: args.server,
        from: args.from,
        file: args.file,
        blksize: args.blksize,
        windowsize: args.windowsize,
        timeout: Duration::from_secs(1),
        attempts: 5,
    })?;
    same(args.sha256.as_deref(), Some(&received.sha256))?;
    let mut report = serde_json::to_value(&received)?;
    report["mb_per_second"] = received.megabytes_per_second().into();
    print(args.report, &report)
}

fn run_http(args: HttpArgs) -> anyhow::Result<()> {
    let content = if args.sha256.is_some() {
        http::Content::Hash
    } else if args.discard {
        http::Content::Discard
    } else {
        http::Content::Read
    };
    let request = http::Request { server: args.server, path: args.path, content };
    if args.sha256.is_some() {
        let received = http::read(&request, args.from)?;
        same(args.sha256.as_deref(), received.sha256.as_deref())?;
        return print(args.report, &received);
    }
    print(args.report, &http::load(&request, args.from, args.clients, args.rounds, args.server_pid)?)
}

fn run_boot(args: BootArgs) -> anyhow::Result<()> {
    let plan = boot::Plan {
        fleet: Fleet { first: args.first, count: args.machines },
        relay: args.relay,
        dhcp: SocketAddrV4::new(args.server, 67),
        tftp: tftp::Request {
            server: SocketAddrV4::new(args.server, 69),
            from: args.first,
            file: args.tftp_file,
            blksize: 1468,
            windowsize: args.windowsize,
            timeout: Duration::from_secs(1),
            attempts: 30,
        },
        http: http::Request {
            server: SocketAddrV4::new(args.server, args.http_port),
            path: args.http_path,
            content: http::Content::Read,
        },
    };
    print(args.report, &boot::run(&plan)?)
}

fn same(expected: Option<&str>, got: Option<&str>) -> anyhow::Result<()> {
    match expected {
        Some(expected) if Some(expected) != got => {
            anyhow::bail!("the content has SHA-256 {} instead of {expected}", got.unwrap_or("none"))
        }
        _ => Ok(()),
    }
}

fn print(report: Report, value: &impl Serialize) -> anyhow::Result<()> {
    let text = match report {
        Report::Json => serde_json::to_string(value)?,
        Report::Text => serde_json::to_string_pretty(value)?,
    };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
