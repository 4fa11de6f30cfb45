//! Builds the parts and wires them: the only file that knows them all.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::http::{self, Api};
use crate::ids::SystemIds;
use crate::log::{self, Courier, Follower, TimerHandler, Vault};
use crate::orgs::{self, Orgs, accounts::Policy};
use crate::store::{Migration, Store};

/// Every domain's tables, in the order in which they are made.
pub const MIGRATIONS: &[&[Migration]] = &[log::MIGRATIONS, http::MIGRATIONS, orgs::MIGRATIONS];

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
        let hub = Self { store: store.clone(), vault: vault.clone(), orgs: orgs.clone(), stop: stop.clone(), tasks };
        let feed = http::Feed::start(store.clone(), vault.clone(), &config.hub.site, stop.clone());
        let api = Api::new(http::Parts {
            config: config.clone(),
            store,
            vault,
            authenticator: Arc::new(ByOrgs(orgs.clone())),
            orgs: orgs.clone(),
            feed,
            metrics: metrics(),
        });
        hub.tasks.spawn(orgs::follow_directory(orgs, config.hub.site.clone(), hub.stop.clone()));
        hub.follow(&config, Vec::new(), Vec::new(), Vec::new());
        hub.listen(&config, api).await?;
        Ok(hub)
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
        for courier in couriers {
            self.tasks.spawn(log::run_courier(self.store.clone(), courier, self.stop.clone()));
        }
        self.tasks.spawn(log::run_timers(self.store.clone(), timers, self.stop.clone()));
    }

    async fn listen(&self, config: &Config, api: Api) -> Result<(), StartError> {
        let router = http::router(api);
        let plain = bind(config.http.listen).await?;
        let tls = bind(config.http.listen_tls).await?;
        let tls_config = http::tls_config(&config.http.certificate, &config.http.key, &config.hub.data)
            .map_err(|cause| StartError::Io { what: "the HTTPS certificate".into(), cause })?;
        self.tasks.spawn(http::serve_plain(plain, router.clone(), self.stop.clone()));
        self.tasks.spawn(http::serve_tls(tls, router, tls_config, self.stop.clone()));
        Ok(())
    }

    /// Stops taking work, lets what runs finish, and returns when all is on disk.
    pub async fn drain(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
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
