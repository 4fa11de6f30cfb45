//! Starts the program as a user would, on free ports and a folder of its own, and talks to its REST interface.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Every account's password in the scenarios.
pub(crate) const PASSWORD: &str = "Scenario-2026-pass";
/// How long the hub may take to be ready in a debug build on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// How long a fact may take to appear. A patience, not a speed: the wait ends when the fact is there.
const FACT_PATIENCE: Duration = Duration::from_secs(120);
/// How long a peer may take to end by itself.
const PEER_END: Duration = Duration::from_secs(10);
/// Starts of a hub whose ports others took.
const STARTS: u32 = 3;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Where a hub listens and keeps its data; survives a kill.
pub(crate) struct Place {
    pub(crate) http: u16,
    /// UDP port of SIP.
    pub(crate) sip: u16,
    ports: Ports,
    /// `LIANDONG_…` variables beyond the ports.
    variables: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

/// A running hub.
pub(crate) struct Hub {
    process: Process,
    pub(crate) place: Place,
}

/// The program; ended when it is dropped, as a power cut would.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let ports = Ports::take();
        let variables = vec![("LIANDONG_DEMO_PASSWORD".to_owned(), PASSWORD.to_owned())];
        let (http, sip) = (ports.at(HTTP), ports.at(SIP));
        Self { http, sip, ports, variables, folder: tempfile::tempdir().unwrap() }
    }

    /// Sets one more `LIANDONG_…` variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// The value of a `LIANDONG_…` variable of this place.
    pub(crate) fn variable(&self, name: &str) -> String {
        let own = self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        own.or_else(|| self.ports.variables().into_iter().find(|(n, _)| *n == name).map(|(_, value)| value)).unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a `liandong.toml` for this hub.
    pub(crate) fn config(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("liandong.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self) -> Command {
        // SCENARIO_HUB tries another build, such as a release one or one that stays while the tree is built anew.
        let program = std::env::var_os("SCENARIO_HUB").unwrap_or_else(|| env!("CARGO_BIN_EXE_liandong").into());
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).envs(self.ports.variables());
        command.envs(self.variables.iter().map(|(k, v)| (k, v)));
        command.env("LIANDONG_LOG", "warn,rtc=off,rtc_dtls=off"); // the WebRTC crate warns of what it merely does not know
        for ours in ["LIANDONG_KILLS", "LIANDONG_TEST_POSTGRES"] {
            command.env_remove(ours); // the tests' own, no setting of the hub
        }
        command
    }

    /// Runs a command line of the program on this hub's data and returns (success, output).
    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let data = self.data();
        let output = self.command().env("LIANDONG_HUB__DATA", data).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }

    fn spawn(&self) -> Process {
        let mut command = self.command();
        command.arg("demo").arg("--data").arg(self.data());
        let log = self.folder.path().join("log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        Process { child: command.stdout(Stdio::null()).stderr(file).spawn().unwrap(), log }
    }

    /// Starts the hub and kills it after `life`, ready or not.
    pub(crate) fn start_and_kill(self, life: Duration) -> Self {
        let mut process = self.spawn();
        std::thread::sleep(life); // the instant of the kill, not a wait for anything
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        self
    }

    /// Starts the hub and waits until it is ready. A first start whose ports somebody took meanwhile is tried on others.
    pub(crate) fn start(mut self) -> Hub {
        let first = !self.data().exists();
        for _ in 0..STARTS {
            match self.try_start(first) {
                Ok(hub) => return hub,
                Err(place) => self = place,
            }
        }
        panic!("the hub finds no free ports in {STARTS} starts");
    }

    fn try_start(self, first: bool) -> Result<Hub, Self> {
        let mut hub = Hub { process: self.spawn(), place: self };
        let until = Instant::now() + START_PATIENCE;
        while hub.status("/readyz") != Some(200) {
            if let Some(status) = hub.process.child.try_wait().unwrap() {
                let taken = hub.log().to_lowercase().contains("address already in use");
                assert!(first && taken, "the hub ended with {status} at its start:\n{}", hub.log());
                return Err(hub.kill().moved());
            }
            assert!(Instant::now() < until, "the hub is not ready:\n{}", hub.log());
            std::thread::sleep(LOOK);
        }
        Ok(hub)
    }

    /// The same on other ports.
    fn moved(mut self) -> Self {
        self.ports = Ports::take();
        (self.http, self.sip) = (self.ports.at(HTTP), self.ports.at(SIP));
        self
    }
}

impl Hub {
    pub(crate) fn demo() -> Self {
        Place::new().start()
    }

    /// SIGKILL, as a power cut would end it.
    pub(crate) fn kill(self) -> Place {
        let Self { process, place } = self;
        drop(process);
        place
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    fn status(&self, path: &str) -> Option<u16> {
        let url = format!("http://127.0.0.1:{}{path}", self.place.http);
        ureq::get(url).config().http_status_as_error(false).build().call().ok().map(|r| r.status().as_u16())
    }

    /// Signs in; every later call of the client acts under the account's first post.
    pub(crate) fn sign_in(&self, user: &str) -> Client {
        let client = Client { http: self.place.http, token: String::new() };
        let body = json!({ "user": user, "password": PASSWORD });
        let (status, answer) = client.call("POST", "/session", Some(&body), None).unwrap();
        assert_eq!(status, 201, "{user}: {answer}");
        Client { token: answer["token"].as_str().unwrap().to_owned(), ..client }
    }
}

impl Process {
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // an error says that it has ended by itself
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the hub's log:\n{}", self.log());
        }
    }
}

/// A signed-in account.
#[derive(Clone)]
pub(crate) struct Client {
    http: u16,
    pub(crate) token: String,
}

impl Client {
    /// One request. `None` if the hub went away before it answered.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Option<(u16, Value)> {
        let url = format!("http://127.0.0.1:{}/api/v1{path}", self.http);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = request.header("content-type", "application/json").body(text).unwrap();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        let mut response = agent.run(request).ok()?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, None, None).expect("the hub is there");
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call("POST", path, Some(body), None).expect("the hub is there");
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        answer
    }

    /// Waits until `look` finds a fact.
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let until = Instant::now() + FACT_PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < until, "never happened: {what}");
            std::thread::sleep(LOOK);
        }
    }
}

/// A foreign peer written in Python or for Node, spoken to by lines of JSON.
pub(crate) struct Peer {
    child: Child,
    lines: std::sync::mpsc::Receiver<Value>,
}

impl Peer {
    /// Starts `tests/peers/NAME`.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::run("python3", name, arguments)
    }

    /// The same for a peer that Node runs.
    pub(crate) fn node(name: &str, arguments: &[&str]) -> Self {
        Self::run("node", name, arguments)
    }

    fn run(program: &str, name: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name);
        let mut child = Command::new(program)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}; tests/setup.sh installs what the tests need"));
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line)
                    && send.send(value).is_err()
                {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line for which `wanted` holds.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + FACT_PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("the peer never said: {what}"));
            if wanted(&line) {
                return line;
            }
        }
    }

    /// What it said since it was last listened to.
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.lines.try_iter().collect()
    }

    /// Tells the peer something.
    pub(crate) fn tell(&mut self, command: &Value) {
        use std::io::Write;
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
    }
}

impl Drop for Peer {
    /// The end of its input ends it, and its browser with it; if not, it is killed.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + PEER_END;
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ports of one hub: a block below the system's own ephemeral range, from which phones and peers have theirs. It is
/// locked by a file while it is in use, so that no other hub of this or of another test run has it.
struct Ports {
    first: u16,
    _lock: File,
}

/// Ports of a block: the listeners, then those of RTP.
const BLOCK: u16 = 256;
const BLOCKS: std::ops::Range<u16> = 40..126;
/// The first port of RTP in a block, even.
const RTP: u16 = 16;
/// Places of listeners in a block.
const HTTP: u16 = 0;
const SIP: u16 = 1;
const LISTENERS: [(&str, u16); 8] = [
    ("LIANDONG_HTTP__LISTEN", HTTP),
    ("LIANDONG_SIP__UDP", SIP),
    ("LIANDONG_HTTP__LISTEN_TLS", 2),
    ("LIANDONG_SIP__TCP", 3),
    ("LIANDONG_MEDIA__WEBRTC", 4),
    ("LIANDONG_MEETINGS__UDP", 5),
    ("LIANDONG_SMS__SERVER", 6),
    ("LIANDONG_SIP__TLS", 7),
];

impl Ports {
    /// Locks the next block whose ports nobody uses, beginning at a place of this process.
    fn take() -> Self {
        let uid = std::fs::metadata("/proc/self").map_or(0, |m| m.uid()); // a folder that another user made is not ours
        let folder = std::env::temp_dir().join(format!("liandong-test-ports-{uid}"));
        std::fs::create_dir_all(&folder).unwrap();
        let count = BLOCKS.end - BLOCKS.start;
        let from = (std::process::id() % u32::from(count)) as u16;
        for n in 0..count {
            let block = BLOCKS.start + (from + n) % count;
            let path = folder.join(block.to_string());
            let Ok(lock) = File::options().create(true).append(true).open(path) else { continue };
            let ports = Self { first: block * BLOCK, _lock: lock };
            if ports._lock.try_lock().is_ok() && ports.are_free() {
                return ports;
            }
        }
        panic!("no {BLOCK} free ports for a hub");
    }

    fn are_free(&self) -> bool {
        let free =
            |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok();
        (0..BLOCK).all(|n| free(self.at(n)))
    }

    fn at(&self, place: u16) -> u16 {
        self.first + place
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let listeners = LISTENERS.iter().map(|(name, place)| (*name, format!("127.0.0.1:{}", self.at(*place))));
        let rtp = [("LIANDONG_MEDIA__FIRST_PORT", RTP), ("LIANDONG_MEDIA__LAST_PORT", BLOCK - 1)];
        listeners.chain(rtp.map(|(name, place)| (name, self.at(place).to_string()))).collect()
    }
}
