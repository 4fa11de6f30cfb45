//! Builds the parts and wires them: the only file that knows them all.

use std::sync::Arc;

use liandong_sms::link::{SandboxLink, Secret, SmppConfig, SmppLink};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod plugs;
mod telephony;
#[cfg(test)]
mod tests;

use crate::calls::{self, Calls};
use crate::cases::{self, Cases};
use crate::config::{Config, SmsLink};
use crate::dispatch::{self, Dispatch};
use crate::http::{self, Api};
use crate::ids::{OrgPath, SystemIds};
use crate::log::{self, Courier, Follower, TimerHandler, Vault};
use crate::meetings::{self, Meetings, signal::Rooms, token::Signer};
use crate::messages::{self, Gateway, Messages, Reminders, Templates};
use crate::orgs::{self, Orgs, accounts::Policy};
use crate::store::{Migration, Store};

/// Every domain's tables, in the order in which they are made.
pub const MIGRATIONS: &[&[Migration]] = &[
    log::MIGRATIONS,
    http::MIGRATIONS,
    orgs::MIGRATIONS,
    cases::MIGRATIONS,
    messages::MIGRATIONS,
    dispatch::MIGRATIONS,
    calls::MIGRATIONS,
    meetings::MIGRATIONS,
];

/// The hub could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("the database at {url} cannot be used: {cause}")]
    Store {
        /// Without its password.
        url: String,
        /// Why.
        cause: crate::store::StoreError,
    },
    /// The demo city cannot be made in this database.
    #[error("the demo city: {0}")]
    Demo(crate::access::CommandError),
    /// The flows of cases.
    #[error("the case flow cannot be used: {0}")]
    Cases(cases::OpenError),
    /// An SMS link or a template.
    #[error("SMS: {0}")]
    Sms(String),
    /// Telephony: plans, media, SIP.
    #[error("telephony: {0}")]
    Telephony(String),
    /// A file or an address.
    #[error("{what}: {cause}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        cause: std::io::Error,
    },
}

/// A running hub.
pub struct Hub {
    /// The database.
    pub store: Store,
    /// Seals and opens personal texts.
    pub vault: Vault,
    /// Organisations, people, sign-in.
    pub orgs: Orgs,
    /// The HTTP surface, for who asks without a socket.
    pub router: axum::Router,
    /// Calls: the switch, desks, records.
    pub calls: Calls,
    telephony: telephony::Telephony,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Hub {
    /// Opens the store and starts every part.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let policy = Policy::strict(&config.sip.realm, config.http.idle_minutes);
        Self::start_with(config, policy, None).await
    }

    /// The same with the demo city, in which every password is `password`.
    pub async fn start_demo(config: Config, password: &str) -> Result<Self, StartError> {
        let policy = Policy::demo(&config.sip.realm, config.http.idle_minutes);
        Self::start_with(config, policy, Some(password)).await
    }

    async fn start_with(config: Config, policy: Policy, demo: Option<&str>) -> Result<Self, StartError> {
        let (store, vault) = open(&config).await?;
        let failed = |cause| StartError::Store { url: config.store_url(), cause };
        let orgs = Orgs::open(store.clone(), vault.clone(), policy).await.map_err(failed)?;
        if let Some(password) = demo {
            crate::demo::seed(&store, &vault, &orgs, password).await.map_err(StartError::Demo)?;
        }
        let config = Arc::new(config);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let telephony = telephony::start(telephony::Ground {
            config: &config,
            store: store.clone(),
            vault: vault.clone(),
            orgs: orgs.clone(),
            tasks: &tasks,
            stop: stop.clone(),
        })
        .await?;
        let hub = Self {
            store: store.clone(),
            vault: vault.clone(),
            orgs: orgs.clone(),
            router: axum::Router::new(),
            calls: telephony.calls.clone(),
            telephony: telephony.clone(),
            stop: stop.clone(),
            tasks,
        };
        let feed = http::Feed::start(store.clone(), vault.clone(), &config.hub.site, stop.clone());
        let cases = hub.cases(&config).await?;
        let dispatch = Dispatch::new(vault.clone());
        let messages = hub.messages(&config, &cases, &dispatch)?;
        let (gateways, sandbox) = hub.sms_links(&config, &messages)?;
        hub.tasks.spawn(orgs::follow_directory(orgs.clone(), hub.stop.clone()));
        hub.follow(
            &config,
            vec![Arc::new(Reminders(messages.clone())), Arc::new(telephony::PhoneBell(telephony.phones.clone()))],
            // One link carries; several with routing are a later issue.
            gateways.first().cloned().into_iter().map(|g| g as Arc<dyn Courier>).collect(),
            vec![Arc::new(cases::ClockBell(cases.clone())), Arc::new(dispatch::Escalation(dispatch.clone()))],
        );
        let (meetings, rooms) = hub.meetings(&config).await?;
        let api = Api::new(http::Parts {
            config: config.clone(),
            store,
            vault,
            authenticator: Arc::new(ByOrgs(orgs.clone())),
            orgs,
            cases,
            messages,
            gateways,
            sandbox,
            dispatch,
            calls: telephony.calls,
            edge: telephony.edge,
            sip_names: telephony.phones,
            meetings,
            rooms,
            feed,
            metrics: metrics(),
        });
        let router = http::router(api);
        hub.listen(&config, router.clone()).await?;
        Ok(Self { router, ..hub })
    }

    async fn cases(&self, config: &Config) -> Result<Cases, StartError> {
        let tree = Arc::new(plugs::OrgTree(self.orgs.clone()));
        let parts = cases::Parts {
            site: config.hub.site.clone(),
            vault: self.vault.clone(),
            units: tree.clone(),
            duty: tree,
            block: cases::NumberBlock::default(),
        };
        Cases::open(&self.store, parts).await.map_err(StartError::Cases)
    }

    fn messages(&self, config: &Config, cases: &Cases, dispatch: &Dispatch) -> Result<Messages, StartError> {
        let templates = Templates::shipped().map_err(|e| StartError::Sms(e.to_string()))?;
        let home = self.orgs.directory().city().map_or_else(OrgPath::root, |c| c.path.clone());
        let replies = plugs::Replies { cases: cases.clone(), dispatch: dispatch.clone(), vault: self.vault.clone() };
        let contacts = Arc::new(plugs::Holders(self.vault.clone()));
        let url = config.hub.public_url.clone();
        Ok(Messages::new(self.vault.clone(), templates, contacts, Arc::new(replies), home, url))
    }

    /// Starts the configured links; without any, the sandbox, so that nothing is lost silently.
    fn sms_links(
        &self,
        config: &Config,
        messages: &Messages,
    ) -> Result<(Vec<Arc<Gateway>>, Option<http::Sandbox>), StartError> {
        let mut gateways = Vec::new();
        let mut sandbox = None;
        let default = [SmsLink::sandbox()];
        let links = if config.sms.links.is_empty() { &default[..] } else { &config.sms.links[..] };
        for link in links {
            let start =
                |link, events| Gateway::start(messages.clone(), self.store.clone(), link, events, self.stop.clone());
            match link.protocol.as_str() {
                "sandbox" => {
                    let (started, events) = SandboxLink::start(&link.name, &link.source, true);
                    let started = Arc::new(started);
                    sandbox = Some((started.clone(), link.source.clone()));
                    gateways.push(start(started, events));
                }
                "smpp" => {
                    let (started, events) = SmppLink::start(smpp(link), seed())
                        .map_err(|e| StartError::Sms(format!("{}: {e}", link.name)))?;
                    gateways.push(start(Arc::new(started), events));
                }
                other => {
                    let text = format!("[[sms.links]] {}: unknown protocol {other:?}; use smpp or sandbox", link.name);
                    return Err(StartError::Sms(text));
                }
            }
        }
        Ok((gateways, sandbox))
    }

    /// Starts the rooms and what writes into the log who is in them.
    async fn meetings(&self, config: &Config) -> Result<(Meetings, Rooms), StartError> {
        let io = |what: String| move |cause| StartError::Io { what, cause };
        let secret = meetings_secret(config).map_err(io("the meetings' secret".into()))?;
        let meetings = Meetings::new(self.vault.clone(), Signer::new(&config.meetings.api_key, &secret));
        let failed = |cause| StartError::Store { url: config.store_url(), cause };
        meetings.recover(&self.store).await.map_err(failed)?;
        let udp = config.meetings.udp;
        let advertised = if udp.ip().is_unspecified() { config.media.address } else { udp.ip() };
        let (rooms, reports) =
            Rooms::start(udp, &[advertised], self.stop.clone()).map_err(io(format!("UDP {udp} for meetings")))?;
        self.tasks.spawn(meetings::record_presence(meetings.clone(), self.store.clone(), reports));
        Ok((meetings, rooms))
    }

    /// Starts what reacts to the log: followers, couriers, timers.
    fn follow(
        &self,
        config: &Config,
        followers: Vec<Arc<dyn Follower>>,
        couriers: Vec<Arc<dyn Courier>>,
        timers: Vec<Arc<dyn TimerHandler>>,
    ) {
        for follower in followers {
            let site = config.hub.site.clone();
            self.tasks.spawn(log::run_follower(self.store.clone(), site, follower, self.stop.clone()));
        }
        let (tasks, store, stop) = (self.tasks.clone(), self.store.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            if let Err(error) = log::release_leases(&store).await {
                tracing::warn!(%error, "what was on its way when the hub ended waits for its lease to run out");
            }
            for courier in couriers {
                tasks.spawn(log::run_courier(store.clone(), courier, stop.clone()));
            }
        });
        self.tasks.spawn(log::run_timers(self.store.clone(), timers, self.stop.clone()));
    }

    async fn listen(&self, config: &Config, router: axum::Router) -> Result<(), StartError> {
        let plain = bind(config.http.listen).await?;
        let tls = bind(config.http.listen_tls).await?;
        let tls_config = http::tls_config(&config.http.certificate, &config.http.key, &config.hub.data)
            .map_err(|cause| StartError::Io { what: "the HTTPS certificate".into(), cause })?;
        self.tasks.spawn(http::serve_plain(plain, router.clone(), self.stop.clone()));
        self.tasks.spawn(http::serve_tls(tls, router, tls_config, self.stop.clone()));
        Ok(())
    }

    /// Where telephones reach the hub: ports of 0 in the configuration have become real ones.
    pub fn sip(&self) -> calls::edge::Bound {
        self.telephony.edge.addresses()
    }

    /// Stops taking work, lets what runs finish, and returns when all is on disk. Running calls go on for at most a
    /// minute; new ones are answered 503.
    pub async fn drain(self) {
        self.drain_within(telephony::DRAIN_LIMIT).await;
    }

    /// The same with another limit for running calls.
    pub async fn drain_within(self, limit: std::time::Duration) {
        self.calls.switch().drain(limit).await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.telephony.media.shutdown().await;
    }
}

fn smpp(link: &SmsLink) -> SmppConfig {
    SmppConfig {
        name: link.name.clone(),
        address: link.address.clone(),
        account: link.account.clone(),
        secret: Secret(link.secret.clone()),
        source: link.source.clone(),
        window: usize::from(link.window),
        rate: link.rate,
        ..SmppConfig::default()
    }
}

/// The secret of the meetings' key: the configured one, else one made at the first start and kept in the data folder.
fn meetings_secret(config: &Config) -> std::io::Result<String> {
    if !config.meetings.api_secret.is_empty() {
        return Ok(config.meetings.api_secret.clone());
    }
    let path = config.hub.data.join("meetings.secret");
    match std::fs::read_to_string(&path) {
        Ok(kept) => Ok(kept.trim().to_owned()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            let random = ring::rand::SystemRandom::new();
            ring::rand::SecureRandom::fill(&random, &mut bytes).map_err(|_| std::io::Error::other("no randomness"))?;
            let secret = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
            log::write_secret(&path, secret.as_bytes())?;
            Ok(secret)
        }
        Err(e) => Err(e),
    }
}

/// A seed for what only has to differ between starts: jitter, sequence bases.
fn seed() -> u64 {
    u64::from_be_bytes(uuid::Uuid::now_v7().into_bytes()[8..].try_into().unwrap_or_default())
}

/// Opens the database and the vault of `config`; used by the commands that need no running hub.
pub async fn open(config: &Config) -> Result<(Store, Vault), StartError> {
    let io = |what: String| move |cause| StartError::Io { what, cause };
    std::fs::create_dir_all(&config.hub.data).map_err(io(config.hub.data.display().to_string()))?;
    let key = config.hub.data.join("site.key");
    let vault = Vault::open(&key).map_err(io(key.display().to_string()))?;
    let url = config.store_url();
    let store = Store::open(&url, MIGRATIONS, Box::new(SystemIds)).await.map_err(|cause| StartError::Store {
        url: url.rsplit_once('@').map_or(url.clone(), |(_, host)| format!("postgres://…@{host}")),
        cause,
    })?;
    Ok((store, vault))
}

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|cause| StartError::Io { what: format!("TCP {address}"), cause })
}

/// Installs the Prometheus recorder; a second hub in one process (tests) shares the first's.
fn metrics() -> Arc<dyn Fn() -> String + Send + Sync> {
    static HANDLE: std::sync::OnceLock<metrics_exporter_prometheus::PrometheusHandle> = std::sync::OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Somebody else's recorder in a test process keeps its place; ours then renders nothing.
        let _ = ::metrics::set_global_recorder(recorder);
        handle
    });
    Arc::new(|| handle.render())
}

/// Tokens are sessions of `orgs`.
struct ByOrgs(Orgs);

impl http::Authenticator for ByOrgs {
    fn actor<'a>(
        &'a self,
        token: &'a str,
        post: Option<crate::ids::PostId>,
        origin: crate::access::Origin,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<crate::access::Actor, http::Problem>> + Send + 'a>> {
        Box::pin(async move { Ok(self.0.authenticate(token, post, origin).await?) })
    }
}
