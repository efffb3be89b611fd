//! Runs the API server on a folder: `serve DIR [ADDRESS]`. For trying it out and for tests with real clients.
#![allow(clippy::print_stdout, reason = "it is its interface")]

use std::path::PathBuf;

use apiserver::server::{ApiServer, Config};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let data_dir = PathBuf::from(arguments.next().ok_or("usage: serve DIR [ADDRESS]")?);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let server = ApiServer::start(Config { data_dir, listen, names: Vec::new(), advertise_url: None }).await?;
    println!("{}", server.url());
    let stop = CancellationToken::new();
    let signal = stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        signal.cancel();
    });
    server.run(stop).await?;
    Ok(())
}
