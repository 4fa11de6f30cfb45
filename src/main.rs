//! The command line: arguments only. `liandong --help` tells all.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use liandong::config::{Config, Loaded};
use liandong::hub::{self, Hub};
use liandong::orgs::accounts::Policy;
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
    /// Run the hub with the demo city and its accounts, on loopback.
    Demo {
        /// Configuration over the demo's own.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Where the demo keeps its data.
        #[arg(long, default_value = "demo-data")]
        data: PathBuf,
        /// Throw the demo's data away first.
        #[arg(long)]
        fresh: bool,
        /// Listen for HTTP here instead, such as 0.0.0.0:8080.
        #[arg(long)]
        listen: Option<std::net::SocketAddr>,
    },
    /// Accounts.
    User {
        #[command(subcommand)]
        command: User,
        /// Configuration file.
        #[arg(long, global = true)]
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
enum User {
    /// Make a person with a post and an account; the password is read from standard input.
    Add {
        /// User name.
        user: String,
        /// The person's name.
        #[arg(long)]
        name: String,
        /// The role's code, such as sysadmin.
        #[arg(long)]
        role: String,
        /// The unit's place in the tree, such as /zz/jinshui/.
        #[arg(long)]
        unit: String,
        /// The post's title; the role's name without it.
        #[arg(long)]
        title: Option<String>,
        /// Mobile number.
        #[arg(long)]
        phone: Option<String>,
        /// The telephone's extension.
        #[arg(long)]
        extension: Option<String>,
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
        Command::Demo { config, data, fresh, listen } => demo(config, data, fresh, listen).await,
        Command::User { command, config } => {
            user(command, Loaded::read(config.as_deref(), Config::default())?.config).await
        }
        Command::Config { config } => {
            println!("{}", Loaded::read(config.as_deref(), Config::default())?.explain());
            Ok(())
        }
        Command::Db { command, config } => db(command, Loaded::read(config.as_deref(), Config::default())?.config).await,
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    run_until_stopped(Hub::start(config).await?).await
}

async fn demo(
    file: Option<PathBuf>,
    data: PathBuf,
    fresh: bool,
    listen: Option<std::net::SocketAddr>,
) -> Result<(), Failure> {
    if fresh {
        remove_demo(&data)?;
    }
    let password = liandong::demo::password(&data)?;
    let mut defaults = Config::demo(&password);
    defaults.hub.data = data;
    let mut config = Loaded::read(file.as_deref(), defaults)?.config;
    config.http.listen = listen.unwrap_or(config.http.listen);
    let address = config.http.listen;
    let hub = Hub::start_demo(config, &password).await?;
    println!("联动演示城市：http://{address}  密码（所有账号，SIP 亦同）：{password}");
    for account in liandong::demo::accounts() {
        let extension = account.extension.map(|e| format!("分机 {e}")).unwrap_or_default();
        println!("  {:<12} {} {} {extension}", account.user, account.name, account.title);
    }
    run_until_stopped(hub).await
}

/// Only what a demo made is thrown away: a mistyped folder is refused.
fn remove_demo(data: &std::path::Path) -> Result<(), Failure> {
    if !data.exists() {
        return Ok(());
    }
    let is_empty = std::fs::read_dir(data)?.next().is_none();
    if !is_empty && !data.join("hub.db").exists() && !data.join("demo-password").exists() {
        return Err(format!("{}: this is no demo's data folder; --fresh would delete it", data.display()).into());
    }
    Ok(std::fs::remove_dir_all(data)?)
}

async fn user(command: User, config: Config) -> Result<(), Failure> {
    let User::Add { user, name, role, unit, title, phone, extension } = command;
    let mut password = String::new();
    std::io::stdin().read_line(&mut password)?;
    let phone = phone.map(|p| liandong::ids::PhoneNumber::parse(&p)).transpose()?;
    let (store, vault) = hub::open(&config).await?;
    let policy = Policy::strict(&config.sip.realm, config.http.idle_minutes);
    let orgs = liandong::orgs::Orgs::open(store, vault, policy).await?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    let new = liandong::orgs::NewUser { user: user.clone(), name, password, role, unit, title, phone, extension };
    let person = liandong::orgs::add_user(&orgs, new).await?;
    println!("{user}: person {person}; the password must be changed at the first sign-in");
    Ok(())
}

async fn run_until_stopped(hub: Hub) -> Result<(), Failure> {
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
