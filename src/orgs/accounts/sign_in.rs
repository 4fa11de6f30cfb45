//! Signing in and out, the forced steps after it, and finding who a token or a telephone belongs to.

use std::net::IpAddr;

use super::commands::{end_all, owner, store_password};
use super::known::changes;
use super::lockout::{Attempt, LOCK_MS, keys};
use super::password::{HISTORY, check_password};
use super::rows::{self, AccountRow};
use super::session::{Session, Stage, new_token, token_hash};
use super::sip::{Ha1, SipAccount, SipTicket, StoredHa1, parse_ticket_user, ticket_user};
use super::{check_user, totp};
use crate::access::{Actor, CommandError, Origin, Refusal, RefusalKind, audit};
use crate::events::access::AccessEvent;
use crate::ids::{OrgPath, PersonId, PostId, SessionId, Timestamp};
use crate::log::{Vault, VaultError};
use crate::orgs::roles::administrator;
use crate::orgs::{Orgs, people};
use crate::store::{StoreError, Tx};

/// Longest kept name of the program that signed in.
const AGENT_MAX: usize = 200;
/// Longest kept part of a wrong user name in the audit.
const NAME_MAX: usize = 64;

/// A wish to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// The user name as typed.
    pub user: String,
    /// The password.
    pub password: String,
    /// The one-time code, where it was given.
    pub totp: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// By which program, as it calls itself.
    pub agent: String,
}

/// A sign-in that was let in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The token: it is shown to its holder once and stored nowhere.
    pub token: String,
    /// The session.
    pub session: SessionId,
    /// Who.
    pub person: PersonId,
    /// What must happen first.
    pub stage: Stage,
    /// When the session ends whatever happens.
    pub expires_at: Timestamp,
}

/// A fresh secret for an authenticator.
#[derive(Debug, Clone)]
pub struct TotpSecret {
    /// In base32, to be typed.
    pub secret: String,
    /// As a URL, to be shown as a QR code.
    pub url: String,
}

impl Orgs {
    /// Signs in. Every refusal, and the lock that five of them make, is in the audit.
    pub async fn sign_in(&self, ask: SignIn) -> Result<SignedIn, CommandError> {
        let now = self.now();
        let ask = SignIn { address: ask.address.map(|a| a.to_canonical()), ..ask };
        let name = check_user(&ask.user).unwrap_or_default();
        let mut conn = self.store.reader().acquire().await?;
        let row = rows::account(&mut conn, &name).await?;
        let attempt = attempt(&mut conn, self, &name, ask.address, now).await?;
        if let Some(until) = attempt.locked(now) {
            // Not audited one by one: the lock is, and a flood of guesses must not flood the log.
            return Err(locked(until).into());
        }
        drop(conn);
        let right = self.hasher.verify(&ask.password, row.as_ref().map(|r| r.password_hash.as_str())).await?;
        let orgs = self.clone();
        let outcome = self
            .store
            .write(move |tx| Box::pin(async move { orgs.decide(tx, row.filter(|_| right), &name, ask, now).await }))
            .await?;
        Ok(outcome?)
    }

    /// What is true in the transaction counts: the account may have changed while the password was hashed.
    async fn decide(
        &self,
        tx: &mut Tx,
        proven: Option<AccountRow>,
        name: &str,
        ask: SignIn,
        now: Timestamp,
    ) -> Result<Result<SignedIn, Refusal>, CommandError> {
        let current = rows::account(tx.conn(), name).await?;
        let unchanged = |p: &AccountRow| current.as_ref().is_some_and(|c| c.password_hash == p.password_hash);
        let refused = match (proven.filter(unchanged), &current) {
            (None, _) | (_, None) => Err(wrong()),
            (Some(_), Some(account)) => self.check_account(tx, account, ask.totp.as_deref(), now).await?,
        };
        match (refused, current) {
            (Ok(()), Some(account)) => Ok(Ok(self.open_session(tx, &account, ask, now).await?)),
            (Ok(()), None) => Ok(Err(wrong())),
            (Err(refusal), account) => {
                self.note_refusal(tx, account.as_ref(), name, &ask, &refusal, now).await?;
                Ok(Err(refusal))
            }
        }
    }

    async fn check_account(
        &self,
        tx: &mut Tx,
        account: &AccountRow,
        code: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, CommandError> {
        if account.disabled_at.is_some() || self.policy.is_stale(account, now) {
            let detail = "账号已停用（人工停用或90天未使用），请联系系统管理员启用";
            return Ok(Err(Refusal::new(RefusalKind::Forbidden, "session.disabled", detail)));
        }
        if !account.totp_active {
            return Ok(Ok(()));
        }
        let Some(code) = code else {
            let detail = "请输入身份验证器上的六位动态验证码";
            return Ok(Err(Refusal::new(RefusalKind::Unauthenticated, "session.totp_required", detail).field("/totp")));
        };
        Ok(match self.use_code(tx, account, code, now).await? {
            true => Ok(()),
            false => Err(wrong_code()),
        })
    }

    async fn use_code(
        &self,
        tx: &mut Tx,
        account: &AccountRow,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, CommandError> {
        let Some(secret) = open(tx.conn(), &self.vault, &account.user, account.totp_secret.as_deref()).await? else {
            return Ok(false);
        };
        match totp::check(&secret, code, account.totp_last_step, now) {
            Some(step) => Ok(rows::use_totp_step(tx, &account.user, step).await?),
            None => Ok(false),
        }
    }

    async fn open_session(
        &self,
        tx: &mut Tx,
        account: &AccountRow,
        ask: SignIn,
        now: Timestamp,
    ) -> Result<SignedIn, CommandError> {
        let stage = self.stage_of(tx, account, now).await?;
        let token = new_token();
        let session = Session {
            id: SessionId::new(tx.ids()),
            user: account.user.clone(),
            person: account.person,
            stage,
            address: ask.address.map(|a| a.to_string()),
            agent: ask.agent.chars().filter(|c| !c.is_control()).take(AGENT_MAX).collect(),
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus_millis(self.policy.absolute_ms),
            token_hash: token_hash(&token),
        };
        let actor = self.actor_of(tx, account.person, ask.address, Some(session.id)).await?;
        self.make_room(tx, &actor, &account.user, now).await?;
        rows::insert_session(tx, &session).await?;
        rows::set_signed_in(tx, &account.user, now).await?;
        if let Some(address) = ask.address {
            let [pair, own, _] = keys(&account.user, address);
            rows::clear_tally(tx, &pair).await?;
            rows::clear_tally(tx, &own).await?;
        }
        let event = AccessEvent::SignedIn {
            user: account.user.clone(),
            address: session.address.clone(),
            session: session.id.to_string(),
        };
        audit(tx, &self.vault, &actor, &event).await?;
        let Session { id, person, expires_at, .. } = session;
        Ok(SignedIn { token, session: id, person, stage, expires_at })
    }

    /// Ends sessions that ran out of time, and the oldest beyond the limit.
    async fn make_room(&self, tx: &mut Tx, actor: &Actor, user: &str, now: Timestamp) -> Result<(), CommandError> {
        let (live, dead): (Vec<_>, Vec<_>) =
            rows::sessions_of(tx.conn(), user).await?.into_iter().partition(|s| s.is_live(self.policy.idle_ms, now));
        let surplus = (live.len() + 1).saturating_sub(self.policy.sessions_max);
        let over = dead.iter().map(|s| (s, "expired")).chain(live.iter().take(surplus).map(|s| (s, "replaced")));
        for (session, by) in over {
            rows::end_session(tx, session.id, now).await?;
            let event = AccessEvent::SignedOut { session: session.id.to_string(), by: by.to_owned() };
            audit(tx, &self.vault, actor, &event).await?;
        }
        Ok(())
    }

    async fn note_refusal(
        &self,
        tx: &mut Tx,
        account: Option<&AccountRow>,
        name: &str,
        ask: &SignIn,
        refusal: &Refusal,
        now: Timestamp,
    ) -> Result<(), CommandError> {
        let actor = match account {
            Some(account) => self.actor_of(tx, account.person, ask.address, None).await?,
            None => self.stranger(),
        };
        let address = ask.address.map(|a| a.to_string());
        let user: String = ask.user.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
        let event = AccessEvent::SignInRefused { user, address, code: refusal.code.to_owned() };
        audit(tx, &self.vault, &actor, &event).await?;
        // A missing code is no guess, and an account that is off proved its password.
        if !matches!(refusal.code, "session.wrong" | "session.wrong_totp") {
            return Ok(());
        }
        if let Some(source) = ask.address
            && self.count_failure(tx, name, source, now).await?
        {
            let until = now.plus_millis(LOCK_MS).to_string();
            audit(tx, &self.vault, &actor, &AccessEvent::Locked { user: name.to_owned(), until }).await?;
        }
        Ok(())
    }

    async fn count_failure(
        &self,
        tx: &mut Tx,
        name: &str,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<bool, CommandError> {
        rows::prune_tallies(tx, now.plus_millis(-2 * LOCK_MS)).await?;
        let mut attempt = attempt(tx.conn(), self, name, Some(source), now).await?;
        let locks = attempt.fail(now);
        let [pair, account, from] = keys(name, source);
        for (key, tally) in [(pair, attempt.pair), (account, attempt.account), (from, attempt.source)] {
            rows::put_tally(tx, &key, &tally).await?;
        }
        Ok(locks)
    }

    /// Who the token belongs to, acting under `post` or his first one.
    pub async fn authenticate(&self, token: &str, post: Option<PostId>, origin: Origin) -> Result<Actor, CommandError> {
        let (now, before) = (self.now(), changes());
        if let Some((session, seat)) = self.known.get(&token_hash(token), post, now)
            && session.is_live(self.policy.idle_ms, now)
            && !session.needs_touch(now)
        {
            return Ok(Actor::person(seat, Origin { session: Some(session.id), ..origin }));
        }
        let session = self.session(token).await?;
        match session.stage {
            Stage::Full => {}
            Stage::ChangePassword => {
                let detail = "请先修改密码：首次登录或密码已满90天（POST /session/password）";
                return Err(Refusal::forbidden("session.password_change_required", detail).into());
            }
            Stage::EnrolTotp => {
                let detail = "管理员须先绑定身份验证器（POST /session/totp）";
                return Err(Refusal::forbidden("session.totp_enrolment_required", detail).into());
            }
        }
        let mut conn = self.store.reader().acquire().await?;
        let seat = people::seat(&mut conn, session.person, post, now).await?;
        let seat = seat.ok_or_else(|| match post {
            Some(_) => Refusal::forbidden("access.not_your_post", "您当前没有担任该岗位，请重新选择岗位"),
            None => Refusal::forbidden("access.no_post", "您的账号当前没有任何岗位，请联系安全管理员"),
        })?;
        let actor = Actor::person(seat.clone(), Origin { session: Some(session.id), ..origin });
        self.known.put(post, session, seat, before, now);
        Ok(actor)
    }

    /// Counts what may have changed a session or a seat, for who keeps an actor longer than one request.
    pub fn changes(&self) -> u64 {
        changes()
    }

    /// The actor as he is now, for what outlives a request. Refused once his session has ended or the post is not his
    /// any more. Being looked at is no use of the session.
    pub async fn still(&self, actor: &Actor) -> Result<Actor, CommandError> {
        let (Some(person), Some(session)) = (actor.person, actor.origin.session) else { return Ok(actor.clone()) };
        let now = self.now();
        let mut conn = self.store.reader().acquire().await?;
        let found = rows::session(&mut conn, session).await?;
        found.filter(|s| s.is_live(self.policy.idle_ms, now) && s.stage == Stage::Full).ok_or_else(over)?;
        let seat = people::seat(&mut conn, person, actor.post, now).await?;
        let seat =
            seat.ok_or_else(|| Refusal::forbidden("access.not_your_post", "您当前没有担任该岗位，请重新选择岗位"))?;
        Ok(Actor::person(seat, actor.origin.clone()))
    }

    /// The live session of a token, whatever its stage; its use is noted.
    pub async fn session(&self, token: &str) -> Result<Session, CommandError> {
        let now = self.now();
        let mut conn = self.store.reader().acquire().await?;
        let found = rows::session_of_token(&mut conn, &token_hash(token)).await?;
        drop(conn);
        let Some(session) = found else { return Err(over().into()) };
        if !session.is_live(self.policy.idle_ms, now) {
            self.expire(session, now).await?;
            return Err(over().into());
        }
        if session.needs_touch(now) {
            let id = session.id;
            self.store
                .write(move |tx| Box::pin(async move { rows::touch_session(tx, id, now).await }))
                .await
                .unwrap_or_else(|e: StoreError| tracing::warn!(error = %e, "a session's use could not be noted"));
        }
        Ok(session)
    }

    async fn expire(&self, session: Session, now: Timestamp) -> Result<(), CommandError> {
        let orgs = self.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if rows::end_session(tx, session.id, now).await? {
                        let actor = orgs.actor_of(tx, session.person, None, Some(session.id)).await?;
                        let event = AccessEvent::SignedOut { session: session.id.to_string(), by: "expired".into() };
                        audit(tx, &orgs.vault, &actor, &event).await?;
                    }
                    Ok::<_, CommandError>(())
                })
            })
            .await
    }

    /// Ends the token's session. A token that is over already is no error.
    pub async fn sign_out(&self, token: &str) -> Result<(), CommandError> {
        let Ok(session) = self.session(token).await else { return Ok(()) };
        let (orgs, now) = (self.clone(), self.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if rows::end_session(tx, session.id, now).await? {
                        let actor = orgs.actor_of(tx, session.person, None, Some(session.id)).await?;
                        let event = AccessEvent::SignedOut { session: session.id.to_string(), by: "self".into() };
                        audit(tx, &orgs.vault, &actor, &event).await?;
                    }
                    Ok::<_, CommandError>(())
                })
            })
            .await
    }

    /// Changes one's own password, at any stage. Other sessions of the account end. Returns the stage reached.
    pub async fn change_password(&self, token: &str, old: &str, new: &str) -> Result<Stage, CommandError> {
        let session = self.session(token).await?;
        let mut conn = self.store.reader().acquire().await?;
        let row = rows::account(&mut conn, &session.user).await?.ok_or_else(over)?;
        let former = rows::old_passwords(&mut conn, &session.user, HISTORY - 1).await?;
        drop(conn);
        self.check_lock(&session).await?;
        if !self.hasher.verify(old, Some(&row.password_hash)).await? {
            self.note_wrong_old_password(&session).await?;
            let detail = "原密码不正确";
            return Err(Refusal::new(RefusalKind::Unauthenticated, "session.wrong", detail).field("/password").into());
        }
        check_password(&session.user, new)?;
        for hash in std::iter::once(&row.password_hash).chain(&former) {
            if self.hasher.verify(new, Some(hash)).await? {
                let detail = format!("新密码不得与最近{HISTORY}次使用过的密码相同");
                return Err(Refusal::invalid("accounts.password_reused", detail).field("/new_password").into());
            }
        }
        let prepared = self.hasher.prepare(new).await?;
        let orgs = self.clone();
        let now = self.now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let actor = orgs.actor_of(tx, session.person, None, Some(session.id)).await?;
                    store_password(tx, &orgs.vault, &row, prepared, &orgs.policy.realm, false).await?;
                    end_all(tx, &orgs.vault, &actor, &session.user, Some(session.id)).await?;
                    orgs.note_change(tx, &actor, "password.changed", &session.user).await?;
                    orgs.next_stage(tx, &session, now).await
                })
            })
            .await
    }

    /// A guess at the old password from within a session counts like one at the door.
    async fn note_wrong_old_password(&self, session: &Session) -> Result<(), CommandError> {
        let Some(source) = session.address.as_ref().and_then(|a| a.parse::<IpAddr>().ok()) else { return Ok(()) };
        let (orgs, user, now) = (self.clone(), session.user.clone(), self.now());
        self.store
            .write(move |tx| Box::pin(async move { orgs.count_failure(tx, &user, source, now).await.map(drop) }))
            .await
    }

    async fn check_lock(&self, session: &Session) -> Result<(), CommandError> {
        let source = session.address.as_ref().and_then(|a| a.parse::<IpAddr>().ok());
        let now = self.now();
        let mut conn = self.store.reader().acquire().await?;
        match attempt(&mut conn, self, &session.user, source, now).await?.locked(now) {
            Some(until) => Err(locked(until).into()),
            None => Ok(()),
        }
    }

    /// Begins to enrol an authenticator: a new secret, not yet asked for. Refused while one is in use.
    pub async fn begin_totp(&self, token: &str) -> Result<TotpSecret, CommandError> {
        let session = self.session(token).await?;
        if session.stage == Stage::ChangePassword {
            return Err(Refusal::forbidden("session.password_change_required", "请先修改密码").into());
        }
        let secret = totp::new_secret();
        let answer = TotpSecret { url: totp::url(&session.user, &secret), secret: secret.clone() };
        let vault = self.vault.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let row = rows::account(tx.conn(), &session.user).await?.ok_or_else(over)?;
                    if row.totp_active {
                        let detail = "已绑定身份验证器；如已遗失，请安全管理员先解绑";
                        return Err(Refusal::conflict("session.totp_active", detail).into());
                    }
                    let sealed = vault.seal(tx, &owner(&row.user), &secret).await?;
                    rows::set_totp(tx, &row.user, Some(&sealed), false).await?;
                    Ok::<_, CommandError>(())
                })
            })
            .await?;
        Ok(answer)
    }

    /// Finishes enrolling: the code shows that the authenticator has the secret. Returns the stage reached.
    pub async fn confirm_totp(&self, token: &str, code: &str) -> Result<Stage, CommandError> {
        let session = self.session(token).await?;
        self.check_lock(&session).await?;
        let (orgs, code, now) = (self.clone(), code.to_owned(), self.now());
        let outcome: Result<Stage, Refusal> = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row = rows::account(tx.conn(), &session.user).await?.ok_or_else(over)?;
                    if row.totp_secret.is_none() || row.totp_active {
                        let detail = "没有待绑定的身份验证器，请先获取密钥";
                        return Ok::<_, CommandError>(Err(Refusal::conflict("session.totp_not_begun", detail)));
                    }
                    if !orgs.use_code(tx, &row, &code, now).await? {
                        if let Some(source) = session.address.as_ref().and_then(|a| a.parse().ok()) {
                            orgs.count_failure(tx, &row.user, source, now).await?;
                        }
                        return Ok(Err(wrong_code()));
                    }
                    rows::activate_totp(tx, &row.user).await?;
                    let actor = orgs.actor_of(tx, session.person, None, Some(session.id)).await?;
                    orgs.note_change(tx, &actor, "totp.enrolled", &row.user).await?;
                    Ok(Ok(orgs.next_stage(tx, &session, now).await?))
                })
            })
            .await?;
        Ok(outcome?)
    }

    async fn note_change(&self, tx: &mut Tx, actor: &Actor, what: &str, user: &str) -> Result<(), CommandError> {
        let event = AccessEvent::Changed { what: what.to_owned(), subject: format!("account:{user}") };
        Ok(audit(tx, &self.vault, actor, &event).await?)
    }

    async fn next_stage(&self, tx: &mut Tx, session: &Session, now: Timestamp) -> Result<Stage, CommandError> {
        let row = rows::account(tx.conn(), &session.user).await?.ok_or_else(over)?;
        let stage = self.stage_of(tx, &row, now).await?;
        rows::set_stage(tx, session.id, stage).await?;
        Ok(stage)
    }

    async fn stage_of(&self, tx: &mut Tx, account: &AccountRow, now: Timestamp) -> Result<Stage, CommandError> {
        let seats = people::seats(tx.conn(), account.person, now).await?;
        let is_administrator = seats.iter().any(|s| matches!(administrator(&s.seat.grants), Ok(Some(_)) | Err(_)));
        Ok(self.policy.stage(account, is_administrator, now))
    }

    /// Whether this is the account's password; `None` if there is no such account. For the demo's start, not for a door:
    /// nothing is counted.
    pub async fn has_password(&self, user: &str, password: &str) -> Result<Option<bool>, CommandError> {
        let mut conn = self.store.reader().acquire().await?;
        let Some(row) = rows::account(&mut conn, user).await? else { return Ok(None) };
        drop(conn);
        Ok(Some(self.hasher.verify(password, Some(&row.password_hash)).await?))
    }

    /// Open sessions of an account, the oldest first.
    pub async fn sessions_of(&self, user: &str) -> Result<Vec<Session>, StoreError> {
        let now = self.now();
        let mut conn = self.store.reader().acquire().await?;
        let all = rows::sessions_of(&mut conn, user).await?;
        Ok(all.into_iter().filter(|s| s.is_live(self.policy.idle_ms, now)).collect())
    }

    /// What a browser registers its telephone with; the secret is derived from the session and dies with it.
    pub async fn sip_ticket(&self, token: &str) -> Result<SipTicket, CommandError> {
        let session = self.session(token).await?;
        let mut conn = self.store.reader().acquire().await?;
        let row = rows::account(&mut conn, &session.user).await?.ok_or_else(over)?;
        let extension = row
            .extension
            .ok_or_else(|| Refusal::conflict("accounts.no_extension", "您的账号没有分机号，请系统管理员分配"))?;
        Ok(SipTicket {
            user: ticket_user(&extension, session.id),
            password: self.ticket_password(&session),
            realm: self.policy.realm.clone(),
            extension,
        })
    }

    fn ticket_password(&self, session: &Session) -> String {
        self.vault.index(&format!("sip ticket {}", session.token_hash))
    }

    /// The account behind the user name in a telephone's credentials: an extension, a user name, or a browser's ticket.
    /// `None`: there is no such account, it is off, or the session is over.
    pub async fn sip_account(&self, name: &str) -> Result<Option<SipAccount>, StoreError> {
        let mut conn = self.store.reader().acquire().await?;
        let ticket = match parse_ticket_user(name) {
            Some((_, id)) => match rows::session(&mut conn, id).await? {
                Some(session) if session.is_live(self.policy.idle_ms, self.now()) => Some(session),
                _ => return Ok(None),
            },
            None => None,
        };
        let row = match &ticket {
            Some(session) => rows::account(&mut conn, &session.user).await?,
            None => rows::account_of_phone(&mut conn, name).await?,
        };
        let Some(row) = row.filter(|r| r.disabled_at.is_none()) else { return Ok(None) };
        let ha1 = match &ticket {
            Some(session) => Some(Ha1::new(name, &self.policy.realm, &self.ticket_password(session))),
            None => stored_ha1(&mut conn, &self.vault, &row, name).await?,
        };
        let Some(ha1) = ha1 else { return Ok(None) };
        let person = people::person(&mut conn, row.person).await?.map(|(p, _)| p.name).unwrap_or_default();
        let session = ticket.map(|s| s.id);
        Ok(Some(SipAccount {
            user: row.user,
            person: row.person,
            name: person,
            extension: row.extension,
            ha1,
            session,
        }))
    }

    /// Notes in the audit that a telephone's account was locked after wrong passwords.
    pub async fn note_sip_lock(&self, name: &str, source: IpAddr) -> Result<(), StoreError> {
        let (orgs, now) = (self.clone(), self.now());
        let user: String = name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let actor = orgs.stranger();
                    let address = Some(source.to_string());
                    let refused =
                        AccessEvent::SignInRefused { user: user.clone(), address, code: "sip.wrong_password".into() };
                    audit(tx, &orgs.vault, &actor, &refused).await?;
                    let until = now.plus_millis(LOCK_MS).to_string();
                    audit(tx, &orgs.vault, &actor, &AccessEvent::Locked { user, until }).await
                })
            })
            .await
    }

    /// The person as the audit names him, under his first post.
    async fn actor_of(
        &self,
        tx: &mut Tx,
        person: PersonId,
        address: Option<IpAddr>,
        session: Option<SessionId>,
    ) -> Result<Actor, CommandError> {
        let now = self.now();
        let origin = Origin { address, session, via: "web" };
        Ok(match people::seat(tx.conn(), person, None, now).await? {
            Some(seat) => Actor::person(seat, origin),
            None => {
                let mut actor = self.stranger();
                (actor.person, actor.origin) = (Some(person), origin);
                actor
            }
        })
    }

    /// Whoever stands at the door: his acts concern the city, so that its auditor sees them.
    fn stranger(&self) -> Actor {
        let mut actor = Actor::hub("登录");
        actor.unit_path = self.directory().city().map_or_else(OrgPath::root, |c| c.path.clone());
        actor
    }
}

async fn attempt(
    conn: &mut sqlx::AnyConnection,
    orgs: &Orgs,
    name: &str,
    source: Option<IpAddr>,
    now: Timestamp,
) -> Result<Attempt, StoreError> {
    let Some(source) = source else { return Ok(Attempt::default()) };
    let [pair, account, from] = keys(name, source);
    let here = source.to_string();
    let sessions = rows::sessions_of(conn, name).await?;
    let familiar = sessions.iter().any(|s| s.address.as_ref() == Some(&here) && s.is_live(orgs.policy.idle_ms, now));
    Ok(Attempt {
        pair: rows::tally(conn, &pair).await?,
        account: rows::tally(conn, &account).await?,
        source: rows::tally(conn, &from).await?,
        familiar,
    })
}

async fn stored_ha1(
    conn: &mut sqlx::AnyConnection,
    vault: &Vault,
    row: &AccountRow,
    name: &str,
) -> Result<Option<Ha1>, StoreError> {
    let Some(text) = open(conn, vault, &row.user, row.sip_secret.as_deref()).await? else { return Ok(None) };
    let stored: StoredHa1 =
        serde_json::from_str(&text).map_err(|e| StoreError::Damaged(format!("a telephone's hashes: {e}")))?;
    Ok(stored.of(name))
}

async fn open(
    conn: &mut sqlx::AnyConnection,
    vault: &Vault,
    user: &str,
    sealed: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let Some(sealed) = sealed else { return Ok(None) };
    match vault.open_text(conn, &owner(user), sealed).await {
        Ok(text) => Ok(Some(text)),
        Err(VaultError::Erased) => Ok(None),
        Err(VaultError::Store(e)) => Err(e),
        Err(e) => Err(StoreError::Damaged(e.to_string())),
    }
}

fn wrong() -> Refusal {
    Refusal::new(RefusalKind::Unauthenticated, "session.wrong", "用户名或密码不正确")
}

fn wrong_code() -> Refusal {
    Refusal::new(RefusalKind::Unauthenticated, "session.wrong_totp", "动态验证码不正确或已用过，请等下一个")
        .field("/totp")
}

fn over() -> Refusal {
    Refusal::new(RefusalKind::Unauthenticated, "access.unauthenticated", "登录已失效，请重新登录")
}

fn locked(until: Timestamp) -> Refusal {
    let at = until.civil();
    let detail = format!("连续登录失败次数过多，已锁定至{:02}:{:02}；安全管理员可提前解锁", at.hour(), at.minute());
    Refusal::new(RefusalKind::TooMany, "session.locked", detail)
}
