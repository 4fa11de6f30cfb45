//! The vault: encrypts personal texts under a key per person. Events and rows hold the sealed form; destroying a person's
//! key erases him everywhere while the chain of hashes still verifies, because it covers the sealed form.
//!
//! AES-256-GCM from ring. The person keys are wrapped by the site's key, which lies in a file outside the database.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::keys::Keys;
use crate::events::{SECRET, WORDS};
use crate::store::{StoreError, Tx};

const KEY_LEN: usize = 32;
/// Marks a sealed text inside JSON: `{"$sealed": "owner", "text": "base64"}`.
const SEALED: &str = "$sealed";
const PERSONAL: &str = "$personal";
/// What readers see of a secret: not even its length.
pub const HIDDEN: &str = "******";

/// Why a sealed text cannot be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// Its owner's key was destroyed.
    #[error("the person was erased")]
    Erased,
    /// The text or the key is damaged, or the site key is another.
    #[error("a sealed text cannot be opened: it or the site's key is not what it was")]
    Damaged,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seals and opens personal texts. Cloning shares it.
#[derive(Clone)]
pub struct Vault {
    site_key: Arc<LessSafeKey>,
    index_key: Arc<hmac::Key>,
    random: SystemRandom,
    keys: Arc<Keys>,
}

impl Vault {
    /// A vault under the site's 32-byte key.
    pub fn new(site_key: [u8; KEY_LEN]) -> Self {
        // The index key is derived, so that one file is enough and the two uses do not share a key.
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &site_key), b"liandong phone index");
        Self {
            site_key: Arc::new(aead_key(&site_key)),
            index_key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())),
            random: SystemRandom::new(),
            keys: Arc::default(),
        }
    }

    /// Reads the site key from `path`, or makes one there (mode 0600) at the first start.
    pub fn open(path: &std::path::Path) -> std::io::Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => {
                let key = bytes.try_into().map_err(|_| {
                    std::io::Error::other(format!("{}: a site key is exactly {KEY_LEN} bytes", path.display()))
                })?;
                Ok(Self::new(key))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut key = [0; KEY_LEN];
                SystemRandom::new().fill(&mut key).map_err(|_| std::io::Error::other("no randomness"))?;
                write_secret(path, &key)?;
                Ok(Self::new(key))
            }
            Err(e) => Err(e),
        }
    }

    /// The blind index of a phone number or ID: equal inputs give equal indexes, and nothing else can be learnt.
    pub fn index(&self, text: &str) -> String {
        BASE64.encode(&hmac::sign(&self.index_key, text.as_bytes()).as_ref()[..18])
    }

    /// The key owner of a phone number: everything about one number goes with one key.
    pub fn phone_owner(&self, phone: &str) -> String {
        format!("phone:{}", self.index(phone))
    }

    /// Seals `text` under `owner`'s key, making the key at first use. A text of an erased owner is refused.
    pub async fn seal(&self, tx: &mut Tx, owner: &str, text: &str) -> Result<String, StoreError> {
        let key = self.owner_key_for_write(tx, owner).await?;
        Ok(BASE64.encode(self.encrypt(&key, owner, text.as_bytes())))
    }

    /// Opens what [`Vault::seal`] made.
    pub async fn open_text(&self, conn: &mut AnyConnection, owner: &str, sealed: &str) -> Result<String, VaultError> {
        let key = self.owner_key(conn, owner).await?.ok_or(VaultError::Erased)?;
        let bytes = BASE64.decode(sealed).map_err(|_| VaultError::Damaged)?;
        let plain = decrypt(&key, owner, bytes).ok_or(VaultError::Damaged)?;
        String::from_utf8(plain).map_err(|_| VaultError::Damaged)
    }

    /// Destroys `owner`'s key. What was sealed under it can never be read again.
    pub async fn erase(&self, tx: &mut Tx, owner: &str) -> Result<bool, StoreError> {
        self.keys.erase(owner);
        let (keys, whose) = (self.keys.clone(), owner.to_owned());
        tx.after_commit(move || keys.erase(&whose)); // whoever read it until now
        let now = tx.now().0;
        let done =
            sqlx::query("UPDATE person_keys SET wrapped = NULL, erased_at = $2 WHERE owner = $1 AND erased_at IS NULL")
                .bind(owner)
                .bind(now)
                .execute(tx.conn())
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Replaces every `Personal` in `value` by its sealed form.
    pub(super) async fn seal_value(&self, tx: &mut Tx, value: &mut Value) -> Result<(), StoreError> {
        let mut found = Vec::new();
        collect(value, PERSONAL, &mut found);
        for place in found {
            let (owner, text) = (field(place, PERSONAL), field(place, "text"));
            let sealed = self.seal(tx, &owner, &text).await?;
            *place = match place.get("as") {
                Some(form) => json!({ SEALED: owner, "text": sealed, "as": form }),
                None => json!({ SEALED: owner, "text": sealed }),
            };
        }
        Ok(())
    }

    /// Replaces every sealed text in `value`: by its plain text as `show` lets it be seen (masked or whole), by `null`
    /// where the person was erased. Secrets are not shown.
    pub async fn open_value(
        &self,
        conn: &mut AnyConnection,
        value: &mut Value,
        show: fn(&str) -> String,
    ) -> Result<(), VaultError> {
        self.open_all(conn, value, show, |_| HIDDEN.to_owned()).await
    }

    /// The same with everything whole, secrets too: for the part of the hub that sends them on, and for no screen.
    pub async fn open_secrets(&self, conn: &mut AnyConnection, value: &mut Value) -> Result<(), VaultError> {
        self.open_all(conn, value, str::to_owned, str::to_owned).await
    }

    async fn open_all(
        &self,
        conn: &mut AnyConnection,
        value: &mut Value,
        show: fn(&str) -> String,
        show_secret: fn(&str) -> String,
    ) -> Result<(), VaultError> {
        let mut found = Vec::new();
        collect(value, SEALED, &mut found);
        for place in found {
            let (owner, sealed) = (field(place, SEALED), field(place, "text"));
            let form = field(place, "as");
            *place = match self.open_text(conn, &owner, &sealed).await {
                Ok(text) if form == WORDS => Value::String(text),
                Ok(text) if form == SECRET => Value::String(show_secret(&text)),
                Ok(text) => Value::String(show(&text)),
                Err(VaultError::Erased) => Value::Null,
                Err(e) => return Err(e),
            };
        }
        Ok(())
    }

    async fn owner_key_for_write(&self, tx: &mut Tx, owner: &str) -> Result<Arc<LessSafeKey>, StoreError> {
        if let Some(key) = self.keys.to_seal(owner, tx.job()) {
            return Ok(key);
        }
        let key = match self.stored_key(tx.conn(), owner).await {
            Ok(Some(key)) => key,
            Ok(None) => self.new_key(tx, owner).await?,
            Err(VaultError::Store(e)) => return Err(e),
            Err(e) => return Err(StoreError::Damaged(e.to_string())),
        };
        // Not committed yet, if this job or one before it in the group made it: until then it seals for this job only.
        let (keys, whose, job) = (self.keys.clone(), owner.to_owned(), tx.job());
        keys.put(owner, key.clone(), Some(job));
        tx.after_commit(move || keys.committed(&whose, job));
        Ok(key)
    }

    async fn new_key(&self, tx: &mut Tx, owner: &str) -> Result<Arc<LessSafeKey>, StoreError> {
        let mut key = [0; KEY_LEN];
        self.random.fill(&mut key).map_err(|_| StoreError::Unavailable("no randomness".into()))?;
        let (wrapped, now) = (self.encrypt(&self.site_key, owner, &key), tx.now().0);
        sqlx::query("INSERT INTO person_keys (owner, wrapped, created_at) VALUES ($1, $2, $3)")
            .bind(owner)
            .bind(wrapped)
            .bind(now)
            .execute(tx.conn())
            .await?;
        Ok(Arc::new(aead_key(&key)))
    }

    /// `None`: no key was made yet.
    async fn owner_key(&self, conn: &mut AnyConnection, owner: &str) -> Result<Option<Arc<LessSafeKey>>, VaultError> {
        if let Some(key) = self.keys.to_open(owner) {
            return Ok(Some(key));
        }
        let erasures = self.keys.erasures();
        let found = self.stored_key(conn, owner).await?;
        if let Some(key) = &found {
            self.keys.put_read(owner, key.clone(), erasures);
        }
        Ok(found)
    }

    async fn stored_key(&self, conn: &mut AnyConnection, owner: &str) -> Result<Option<Arc<LessSafeKey>>, VaultError> {
        let row = sqlx::query("SELECT wrapped FROM person_keys WHERE owner = $1")
            .bind(owner)
            .fetch_optional(conn)
            .await
            .map_err(StoreError::from)?;
        let Some(row) = row else { return Ok(None) };
        let wrapped: Option<Vec<u8>> = row.try_get(0).map_err(StoreError::from)?;
        let plain = decrypt(&self.site_key, owner, wrapped.ok_or(VaultError::Erased)?).ok_or(VaultError::Damaged)?;
        let key: [u8; KEY_LEN] = plain.try_into().map_err(|_| VaultError::Damaged)?;
        Ok(Some(Arc::new(aead_key(&key))))
    }

    fn encrypt(&self, key: &LessSafeKey, owner: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).expect("the system's randomness was there when the key was made");
        let mut sealed = plain.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner.as_bytes()), &mut sealed)
            .expect("AES-GCM fails only beyond 64 GiB");
        let mut whole = nonce.to_vec();
        whole.append(&mut sealed);
        whole
    }
}

fn aead_key(bytes: &[u8; KEY_LEN]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("the key has the length of the algorithm"))
}

fn decrypt(key: &LessSafeKey, owner: &str, mut whole: Vec<u8>) -> Option<Vec<u8>> {
    if whole.len() < NONCE_LEN {
        return None;
    }
    let mut sealed = whole.split_off(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(&whole).ok()?;
    let plain = key.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut sealed).ok()?;
    Some(plain.to_vec())
}

/// Finds every object that has the key `mark`.
fn collect<'v>(value: &'v mut Value, mark: &str, found: &mut Vec<&'v mut Value>) {
    match value {
        Value::Object(map) if map.contains_key(mark) => found.push(value),
        Value::Object(map) => map.values_mut().for_each(|v| collect(v, mark, found)),
        Value::Array(list) => list.iter_mut().for_each(|v| collect(v, mark, found)),
        _ => {}
    }
}

fn field(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Writes a new file that only its owner may read.
pub(crate) fn write_secret(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
