//! Telephony put together: media engine, edge, switch, and the ports of calls filled from organisations and accounts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use liandong_dialplans::{PlanSet, QueueName};
use liandong_media::engine::{EngineConfig, MediaEngine};
use liandong_media::net::PortRange;
use rust_embed::RustEmbed;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::StartError;
use crate::access::{Action, Actor};
use crate::calls::CodeView;
use crate::calls::edge::{Credentials, Edge, EdgeConfig, SipAccount, SipTls};
use crate::calls::records::Writer;
use crate::calls::switch::{AgentProfile, Agents, Areas, County, PortFuture, Ready, Setup};
use crate::calls::{Calls, StoredRegistry, close_interrupted, past, running};
use crate::config::{Config, WrapUpCode};
use crate::events::Record;
use crate::http::SipNames;
use crate::ids::{OrgPath, PersonId, PhoneNumber, Timestamp};
use crate::log::{Follower, Vault};
use crate::orgs::accounts::{self, SipGuard};
use crate::orgs::{Orgs, UnitKind, people};
use crate::store::{Store, StoreError, Tx, WriteFuture};

/// Events of the edge that may wait for the switch.
const EDGE_EVENTS: usize = 8_192;
/// Accounts read at a time.
const ACCOUNTS_PAGE: i64 = 200;
/// Changes of accounts are gathered so long before all are read again.
const GATHER: Duration = Duration::from_millis(500);
/// How long running calls may go on after the hub was told to stop.
pub(super) const DRAIN_LIMIT: Duration = Duration::from_secs(60);
/// Names whose accounts may wait to be looked up.
const MISSES: usize = 256;

/// The prompts that come with the plans.
#[derive(RustEmbed)]
#[folder = "dialplans/prompts"]
struct Prompts;

/// Telephony, running.
#[derive(Clone)]
pub(super) struct Telephony {
    pub(super) calls: Calls,
    pub(super) edge: Edge,
    pub(super) media: Arc<MediaEngine>,
    pub(super) phones: Arc<PhoneBook>,
}

/// What telephony is built from.
pub(super) struct Ground<'a> {
    pub(super) config: &'a Config,
    pub(super) store: Store,
    pub(super) vault: Vault,
    pub(super) orgs: Orgs,
    pub(super) tasks: &'a TaskTracker,
    pub(super) stop: CancellationToken,
}

pub(super) async fn start(ground: Ground<'_>) -> Result<Telephony, StartError> {
    let Ground { config, store, vault, orgs, tasks, stop } = ground;
    let failed = |cause| StartError::Store { url: "the database".into(), cause };
    let plans = Arc::new(plans()?);
    let (media, media_events) = media(config)?;
    let phones = PhoneBook::open(orgs.clone(), store.clone(), tasks, stop.clone()).await.map_err(failed)?;
    let (edge_out, edge_events) = mpsc::channel(EDGE_EVENTS);
    let registry = Arc::new(StoredRegistry::new(store.clone(), vault.clone()));
    let edge_config = EdgeConfig { tls: Some(sip_tls(config)?), ..EdgeConfig::new(config) };
    let shown = edge_config.shown_number.clone();
    let edge = Edge::start(edge_config, media.clone(), phones.clone(), registry, edge_out, stop.clone());
    let edge = edge.await.map_err(|e| StartError::Telephony(e.to_string()))?;
    let places = Arc::new(Places { orgs: orgs.clone() });
    let setup = Setup {
        plans: plans.clone(),
        phones: Arc::new(edge.clone()),
        edge_events,
        engine: media.clone(),
        media_events,
        agents: Arc::new(Seats { orgs, store: store.clone(), plans: plans.clone() }),
        areas: places.clone(),
        writer: Writer::start(store.clone(), vault.clone(), tasks),
        vault: vault.clone(),
        data: config.hub.data.clone(),
        prefixes: config.trunks.values().filter(|t| t.to.is_some()).flat_map(|t| t.prefixes.clone()).collect(),
        shown,
        past: past(&store).await.map_err(failed)?,
        running: running(&store, &vault).await.map_err(failed)?,
        legs: edge.taken_up().to_vec(),
    };
    let ready = Ready::new(setup);
    let taken_up = ready.taken_up();
    let interrupted = close_interrupted(&store, &vault, &config.hub.data, taken_up).await.map_err(failed)?;
    if interrupted + taken_up.len() > 0 {
        tracing::warn!(
            taken_up = taken_up.len(),
            interrupted,
            "calls were running when the hub ended; those that could not be taken up have got their end in the log"
        );
    }
    let switch = ready.start(tasks, stop.clone());
    let (changed, bell) = (phones.changed.clone(), switch.clone());
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = changed.notified() => bell.agents_changed(),
            }
        }
    });
    let calls = Calls::new(store, vault, switch, plans, places, config.hub.data.clone(), wrap_up_codes(config));
    Ok(Telephony { calls, edge, media, phones })
}

/// SIP over TLS with the certificate of HTTPS.
fn sip_tls(config: &Config) -> Result<SipTls, StartError> {
    let http = &config.http;
    let failed = |cause| StartError::Io { what: "the certificate for SIP over TLS".into(), cause };
    let shared = crate::http::tls_config(&http.certificate, &http.key, &config.hub.data).map_err(failed)?;
    let mut own = (*shared).clone();
    own.alpn_protocols.clear(); // HTTP's name means nothing to a telephone
    let port = match config.sip.tcp.port() {
        0 => 0,
        tcp => tcp.checked_add(1).unwrap_or(0),
    };
    let address = config.sip.tls.unwrap_or(SocketAddr::new(config.sip.tcp.ip(), port));
    Ok(SipTls { address, config: Arc::new(own), is_asked_for: config.sip.tls.is_some() })
}

fn wrap_up_codes(config: &Config) -> Arc<[CodeView]> {
    let view = |code: &WrapUpCode| CodeView { code: code.code.clone(), name: code.name.clone() };
    config.calls.wrap_up_codes.iter().map(view).collect()
}

/// The shipped plans; they were checked by the tests, and are again.
fn plans() -> Result<PlanSet, StartError> {
    liandong_dialplans::compile(&liandong_dialplans::builtin::files()).map_err(|diagnostics| {
        StartError::Telephony(diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn media(
    config: &Config,
) -> Result<(Arc<MediaEngine>, mpsc::Receiver<liandong_media::engine::MediaEvent>), StartError> {
    let prompts = prompts(config).map_err(|cause| StartError::Io { what: "the prompts".into(), cause })?;
    let engine = EngineConfig {
        // The public address may be another machine's (NAT); only loopback is bound as it stands.
        bind: if config.media.address.is_loopback() { config.media.address } else { Ipv4Addr::UNSPECIFIED.into() },
        ports: PortRange { first: config.media.first_port, last: config.media.last_port },
        threads: 0,
        prompts,
    };
    let (media, events) = MediaEngine::start(&engine).map_err(|e| StartError::Telephony(e.to_string()))?;
    let (loaded, errors) = media.prompts().preload();
    for error in &errors {
        tracing::warn!(%error, "a prompt cannot be played");
    }
    tracing::info!(loaded, "prompts are ready");
    Ok((Arc::new(media), events))
}

/// Writes the built-in prompts into the data folder, and the operator's own over them.
fn prompts(config: &Config) -> std::io::Result<PathBuf> {
    let folder = config.hub.data.join("prompts");
    std::fs::create_dir_all(&folder)?;
    for name in Prompts::iter().filter(|name| name.ends_with(".wav")) {
        if let Some(file) = Prompts::get(&name) {
            write_changed(&folder.join(name.as_ref()), &file.data)?;
        }
    }
    if !config.media.prompts.as_os_str().is_empty() {
        for entry in std::fs::read_dir(&config.media.prompts)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                write_changed(&folder.join(entry.file_name()), &std::fs::read(entry.path())?)?;
            }
        }
    }
    Ok(folder)
}

fn write_changed(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if std::fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    std::fs::write(path, bytes)
}

/// The queues of the city's own desk.
const CITY_QUEUES: [&str; 2] = ["city_hotline", "emergency"];

/// Whose queue it is: the county's whose code its name begins with.
fn county_of_queue<'a>(codes: impl Iterator<Item = &'a str>, queue: &str) -> Option<&'a str> {
    codes.filter(|code| queue.starts_with(code)).max_by_key(|code| code.len())
}

/// Where callers and queues belong, from the organisation tree in memory.
struct Places {
    orgs: Orgs,
}

impl Areas for Places {
    fn county_of(&self, number: &str) -> Option<County> {
        let directory = self.orgs.directory();
        let unit = directory.county_of_phone(&PhoneNumber::parse(number).ok()?)?;
        Some(County { code: unit.code.clone(), name: unit.name.clone() })
    }

    fn home_of(&self, queue: &QueueName) -> OrgPath {
        let directory = self.orgs.directory();
        let counties: Vec<_> = directory.tree.iter().filter(|u| u.kind == UnitKind::County).collect();
        let code = county_of_queue(counties.iter().map(|u| u.code.as_str()), queue.as_str());
        code.and_then(|c| counties.iter().find(|u| u.code == c)).map_or_else(|| self.home(), |u| u.path.clone())
    }

    fn home(&self) -> OrgPath {
        self.orgs.directory().city().map_or_else(OrgPath::root, |c| c.path.clone())
    }
}

/// Who the agents are: those with an extension whose post may take or make calls.
struct Seats {
    orgs: Orgs,
    store: Store,
    plans: Arc<PlanSet>,
}

impl Agents for Seats {
    fn members(&self) -> PortFuture<'_, Result<Vec<AgentProfile>, StoreError>> {
        Box::pin(async move {
            let mut members = Vec::new();
            for (person, extension) in extensions(&self.store).await? {
                members.extend(self.member(person, extension).await?);
            }
            Ok(members)
        })
    }
}

impl Seats {
    async fn member(&self, person: PersonId, extension: String) -> Result<Option<AgentProfile>, StoreError> {
        let mut conn = self.store.reader().acquire().await?;
        let seats = people::seats(&mut conn, person, Timestamp::now()).await?;
        let has = |seat: &people::SeatRow, action| seat.seat.grants.iter().any(|g| g.action == action);
        let may_dial = seats.iter().any(|s| has(s, Action::CallDial));
        let agent = seats.iter().find(|s| has(s, Action::CallAgent));
        let Some(seat) = agent.or_else(|| seats.iter().find(|s| has(s, Action::CallDial))) else { return Ok(None) };
        let queues = if agent.is_some() { self.queues(seat.seat.unit) } else { Vec::new() };
        let (name, unit_path) = (seat.seat.name.clone(), seat.seat.unit_path.clone());
        Ok(Some(AgentProfile { person, extension, name, queues, unit_path, may_dial }))
    }

    /// A county's agents serve its queue, all others the city's.
    fn queues(&self, unit: crate::ids::UnitId) -> Vec<QueueName> {
        let directory = self.orgs.directory();
        let known = self.plans.queues().map(|(name, _)| name);
        match directory.tree.county_of(unit) {
            Some(county) => known.filter(|q| q.as_str().starts_with(county.code.as_str())).cloned().collect(),
            None => known.filter(|q| CITY_QUEUES.contains(&q.as_str())).cloned().collect(),
        }
    }
}

/// All accounts that have an extension.
async fn extensions(store: &Store) -> Result<Vec<(PersonId, String)>, StoreError> {
    let (hub, mut after, mut found) = (Actor::hub("话务交换"), String::new(), Vec::new());
    loop {
        let mut conn = store.reader().acquire().await?;
        let page = accounts::accounts(&mut conn, &hub, Action::OrgRead, &after, ACCOUNTS_PAGE).await?;
        let Some(last) = page.last().map(|a| a.user.clone()) else { return Ok(found) };
        let active = page.into_iter().filter(|a| a.disabled_at.is_none());
        found.extend(active.filter_map(|a| Some((a.person, a.extension?))));
        after = last;
    }
}

/// The registrar's accounts, in memory: it asks for each request and may not wait. What it does not find is looked up
/// behind its back and is there at the phone's next attempt.
pub(super) struct PhoneBook {
    orgs: Orgs,
    store: Store,
    names: RwLock<HashMap<String, SipAccount>>,
    guard: Mutex<SipGuard>,
    misses: mpsc::Sender<String>,
    locks: mpsc::Sender<(String, IpAddr)>,
    /// Rings when accounts or posts have changed.
    changed: Arc<Notify>,
    stale: Arc<Notify>,
}

impl PhoneBook {
    async fn open(
        orgs: Orgs,
        store: Store,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, StoreError> {
        let (misses, missing) = mpsc::channel(MISSES);
        let (locks, locked) = mpsc::channel(MISSES);
        let book = Arc::new(Self {
            orgs,
            store,
            names: RwLock::default(),
            guard: Mutex::default(),
            misses,
            locks,
            changed: Arc::default(),
            stale: Arc::default(),
        });
        book.read_all().await?;
        tasks.spawn(book.clone().keep(missing, locked, stop));
        Ok(book)
    }

    /// Reads all extensions and every name in use again; what is gone goes.
    async fn read_all(&self) -> Result<(), StoreError> {
        let mut names: Vec<String> = self.read().keys().cloned().collect();
        names.extend(extensions(&self.store).await?.into_iter().map(|(_, extension)| extension));
        for name in names {
            self.look_up(&name).await?;
        }
        Ok(())
    }

    async fn look_up(&self, name: &str) -> Result<(), StoreError> {
        let found = self.orgs.sip_account(name).await?;
        let account = found.and_then(|a| {
            let extension = a.extension?;
            Some(SipAccount { person: a.person, extension, ha1_md5: a.ha1.md5, ha1_sha256: a.ha1.sha256 })
        });
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        match account {
            Some(account) => names.insert(name.to_owned(), account),
            None => names.remove(name),
        };
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, SipAccount>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep(
        self: Arc<Self>,
        mut missing: mpsc::Receiver<String>,
        mut locked: mpsc::Receiver<(String, IpAddr)>,
        stop: CancellationToken,
    ) {
        loop {
            let done = tokio::select! {
                () = stop.cancelled() => return,
                Some(name) = missing.recv() => self.look_up(&name).await,
                Some((name, source)) = locked.recv() => self.orgs.note_sip_lock(&name, source).await,
                () = self.stale.notified() => {
                    tokio::time::sleep(GATHER).await;
                    let done = self.read_all().await;
                    self.changed.notify_one();
                    done
                }
            };
            if let Err(error) = done {
                tracing::warn!(%error, "the telephones' accounts could not be read");
            }
        }
    }
}

impl Credentials for PhoneBook {
    fn by_extension(&self, extension: &str) -> Option<SipAccount> {
        let found = self.read().get(extension).cloned();
        if found.is_none() && extension.len() <= 64 {
            let _ = self.misses.try_send(extension.to_owned()); // a flood of wrong names is not worth more
        }
        found
    }

    fn by_person(&self, person: PersonId) -> Option<SipAccount> {
        self.read().values().find(|account| account.person == person).cloned()
    }

    fn failed(&self, extension: &str, source: IpAddr) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.fail(extension, source, false, Timestamp::now()) {
            let _ = self.locks.try_send((extension.to_owned(), source));
        }
    }

    fn locked(&self, extension: &str, source: IpAddr) -> bool {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.locked(extension, source, false, Timestamp::now()).is_some()
    }
}

impl SipNames for PhoneBook {
    fn expect<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(self.look_up(name))
    }
}

/// Rings the telephone book when accounts or posts change.
pub(super) struct PhoneBell(pub(super) Arc<PhoneBook>);

impl Follower for PhoneBell {
    fn name(&self) -> &'static str {
        "calls.phones"
    }

    fn wants(&self, kind: &str) -> bool {
        kind.starts_with("org.") || matches!(kind, "access.changed" | "access.signed_out" | "access.locked")
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, _: &'a Record) -> WriteFuture<'a, (), StoreError> {
        let stale = self.0.stale.clone();
        tx.after_commit(move || stale.notify_one());
        Box::pin(async { Ok(()) })
    }
}
