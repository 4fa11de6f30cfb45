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
    /// Found a city in an empty database: its unit and the roles it starts from. Then `user add` makes the first accounts.
    Found {
        /// The city's name, such as 郑州市.
        name: String,
        /// Its part of every path: letters, digits, `-`.
        #[arg(long, default_value = "zz")]
        code: String,
        /// Configuration file.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Accounts.
    User {
        #[command(subcommand)]
        command: User,
        /// Configuration file.
        #[arg(long, global = true)]
        config: Option<PathBuf>,
    },
    /// Plans of the hotline 话务流程.
    Plan {
        #[command(subcommand)]
        command: Plan,
    },
    /// Flows of cases 工单流程.
    Flow {
        #[command(subcommand)]
        command: Flow,
    },
    /// Print the OpenAPI document of the REST API.
    Openapi,
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
enum Plan {
    /// Check plan files; without files, the shipped ones. Each finding has line, column, reason and hint.
    Check {
        /// YAML files that belong together.
        files: Vec<PathBuf>,
    },
    /// Run scenarios against plans on a virtual clock.
    Simulate {
        /// Scenario files.
        #[arg(required = true)]
        scenarios: Vec<PathBuf>,
        /// Plan files; without any, the shipped ones.
        #[arg(long, num_args = 1..)]
        plan: Vec<PathBuf>,
    },
    /// Draw plans as Mermaid text.
    Draw {
        /// YAML files that belong together; without files, the shipped ones.
        files: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum Flow {
    /// Check flow files; without files, the shipped one.
    Check {
        /// TOML files, one flow each.
        files: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum Db {
    /// Copy the running or stopped hub's SQLite database into one new file; the site's key is not in it.
    Backup {
        /// The file to make; it must not be there.
        to: PathBuf,
    },
    /// Put a backup in place of a database that is not there yet, and verify its chain.
    Restore {
        /// The file that `backup` made.
        from: PathBuf,
    },
    /// Bring the schema up to this program's version.
    Migrate,
    /// Walk the log's hash chain and say whether anything was changed.
    Verify,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse(); // ends with status 2 on wrong usage
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("LIANDONG_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG)))
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

/// What is logged unless `LIANDONG_LOG` says otherwise: the WebRTC crate warns of what is nobody's fault.
const DEFAULT_LOG: &str = "info,rtc=error";

type Failure = Box<dyn std::error::Error>;

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve { config } => serve(Loaded::read(config.as_deref(), Config::default())?.config).await,
        Command::Demo { config, data, fresh, listen } => demo(config, data, fresh, listen).await,
        Command::Found { name, code, config } => {
            let config = Loaded::read(config.as_deref(), Config::default())?.config;
            let (store, vault) = hub::open(&config).await?;
            let policy = Policy::strict(&config.sip.realm, config.http.idle_minutes);
            let orgs = liandong::orgs::Orgs::open(store.clone(), vault.clone(), policy).await?;
            liandong::demo::found(&store, &vault, &orgs, &name, &code).await?;
            println!(
                "{name} is founded at /{code}/; next: liandong user add USER --name NAME --role sysadmin --unit /{code}/"
            );
            Ok(())
        }
        Command::User { command, config } => {
            user(command, Loaded::read(config.as_deref(), Config::default())?.config).await
        }
        Command::Config { config } => {
            println!("{}", Loaded::read(config.as_deref(), Config::default())?.explain());
            Ok(())
        }
        Command::Plan { command } => plan(command),
        Command::Flow { command: Flow::Check { files } } => check_flows(&files),
        Command::Openapi => {
            println!("{}", serde_json::to_string_pretty(&liandong::http::document())?);
            Ok(())
        }
        Command::Db { command: Db::Backup { to }, config } => {
            let config = Loaded::read(config.as_deref(), Config::default())?.config;
            liandong::store::backup(&config.store_url(), &to).await?;
            println!("{}: keep it apart from {}", to.display(), config.hub.data.join("site.key").display());
            Ok(())
        }
        Command::Db { command: Db::Restore { from }, config } => {
            let config = Loaded::read(config.as_deref(), Config::default())?.config;
            liandong::store::restore(&from, &config.store_url())?;
            db(Db::Verify, config).await
        }
        Command::Db { command, config } => {
            db(command, Loaded::read(config.as_deref(), Config::default())?.config).await
        }
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
        Db::Backup { .. } | Db::Restore { .. } => {} // need no open hub
        Db::Migrate => println!("the schema is up to date"),
        Db::Verify => match liandong::log::verify(store.reader()).await? {
            Ok(events) => println!("{events} events, the chain holds"),
            Err(broken) => return Err(broken.into()),
        },
    }
    Ok(())
}

fn plan(command: Plan) -> Result<(), Failure> {
    match command {
        Plan::Check { files } => compile(&files).map(|set| println!("{} plans are sound", set.plans().count())),
        Plan::Draw { files } => {
            compile(&files)?.plans().for_each(|(_, plan)| println!("{}", liandong_dialplans::draw(plan)));
            Ok(())
        }
        Plan::Simulate { scenarios, plan } => simulate(&scenarios, &plan),
    }
}

/// The plans of `files`, or the shipped ones; every finding is printed.
fn compile(files: &[PathBuf]) -> Result<liandong_dialplans::PlanSet, Failure> {
    let files = if files.is_empty() { liandong_dialplans::builtin::files() } else { read_files(files)? };
    let findings = liandong_dialplans::check(&files);
    findings.iter().for_each(|finding| eprintln!("{finding}"));
    liandong_dialplans::compile(&files).map_err(|_| "the plans are refused".into())
}

fn simulate(scenarios: &[PathBuf], plans: &[PathBuf]) -> Result<(), Failure> {
    let set = std::sync::Arc::new(compile(plans)?);
    let mut failed = 0;
    for file in read_files(scenarios)? {
        let scenario =
            liandong_dialplans::simulate::Scenario::read(&file, &set).map_err(|finding| finding.to_string())?;
        let transcript = liandong_dialplans::simulate::simulate(&set, &scenario);
        println!("{}\n{transcript}", file.name);
        failed += usize::from(!transcript.passed());
    }
    if failed > 0 { Err(format!("{failed} scenarios failed").into()) } else { Ok(()) }
}

fn read_files(paths: &[PathBuf]) -> Result<Vec<liandong_dialplans::InputFile>, Failure> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(liandong_dialplans::InputFile::new(path.display().to_string(), text))
    };
    paths.iter().map(read).collect()
}

fn check_flows(files: &[PathBuf]) -> Result<(), Failure> {
    use liandong::cases::{classes::Classes, clocks::Calendars, flow};
    let (classes, calendars) = (Classes::shipped(), Calendars::shipped());
    let texts = if files.is_empty() {
        vec![("flow_city.toml".to_owned(), flow::CITY.to_owned())]
    } else {
        read_files(files)?.into_iter().map(|f| (f.name, f.text)).collect()
    };
    let mut refused = 0;
    for (name, text) in texts {
        match flow::check_text(&text, &classes, &calendars) {
            Ok(flow) => println!("{name}: {} nodes, version {}", flow.nodes.len(), flow.version),
            Err(findings) => {
                findings.iter().for_each(|finding| eprintln!("{name}:{finding}"));
                refused += 1;
            }
        }
    }
    if refused > 0 { Err(format!("{refused} flows are refused").into()) } else { Ok(()) }
}
