//! The command line: arguments only. `liandong --help` tells all.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use liandong::config::{Config, Loaded};
use liandong::hub::{self, Hub};
use tracing_subscriber::EnvFilter;

/// 联动: communications and command hub of a city government.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the hub.
    Serve {
        /// Configuration; without it `liandong.toml` here, if there is one.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Print each effective value of the configuration and where it came from.
    Config {
        /// Configuration file.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// The database.
    Db {
        #[command(subcommand)]
        command: Db,
        /// Configuration file.
        #[arg(long, global = true)]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum Db {
    /// Bring the schema up to this program's version.
    Migrate,
    /// Walk the log's hash chain and say whether anything was changed.
    Verify,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse(); // ends with status 2 on wrong usage
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("LIANDONG_LOG").unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .init();
    // One provider for every TLS user in the process; a second call could only repeat the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(cli.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("liandong: {e}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve { config } => serve(Loaded::read(config.as_deref(), Config::default())?.config).await,
        Command::Config { config } => {
            println!("{}", Loaded::read(config.as_deref(), Config::default())?.explain());
            Ok(())
        }
        Command::Db { command, config } => db(command, Loaded::read(config.as_deref(), Config::default())?.config).await,
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    let hub = Hub::start(config).await?;
    stop_asked().await?;
    tracing::info!("draining");
    hub.drain().await;
    Ok(())
}

/// SIGTERM or Ctrl-C.
async fn stop_asked() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        asked = tokio::signal::ctrl_c() => asked,
    }
}

async fn db(command: Db, config: Config) -> Result<(), Failure> {
    let (store, _) = hub::open(&config).await?; // opening migrates
    match command {
        Db::Migrate => println!("the schema is up to date"),
        Db::Verify => match liandong::log::verify(store.reader()).await? {
            Ok(events) => println!("{events} events, the chain holds"),
            Err(broken) => return Err(broken.into()),
        },
    }
    Ok(())
}
