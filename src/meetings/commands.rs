//! What others may ask of meetings.

use super::link::{Invitation, LinkError};
use super::rows::{self, MeetingRow};
use super::token::{Claims, Signer, VideoGrants};
use super::views::{Invited, MeetingFilter, MeetingView, StayView};
use crate::access::{Action, Actor, CommandError, Refusal, RefusalKind, Target};
use crate::events::cases::PersonalText;
use crate::events::meetings::MeetingEvent;
use crate::events::{ActorRef, NewEvent, Personal};
use crate::ids::{CaseId, MeetingId, PersonId, Timestamp};
use crate::log::{self, Vault};
use crate::store::{Store, StoreError, Tx};

/// Longest title: it must fit an SMS with its frame.
const TITLE_MAX: usize = 60;
/// Units invited to one meeting: every unit of a city's emergency headquarters; a link counts them in one byte.
const INVITED_MAX: usize = 100;
/// Meetings in one page.
const PAGE_MAX: i64 = 200;
/// How long a ticket may be used to join; while joined, the socket renews it.
const TICKET_MILLIS: i64 = 3_600_000;
/// How long a guest link is good, unless the meeting ends before.
const LINK_MILLIS: i64 = 24 * 3_600_000;
/// Longest name of a guest.
const NAME_MAX: usize = 30;

/// The domain's door. Cloning shares it.
#[derive(Clone)]
pub struct Meetings {
    vault: Vault,
    signer: Signer,
}

/// A meeting to be called.
#[derive(Debug, Clone)]
pub struct CallMeeting {
    /// What it is about.
    pub title: String,
    /// The case it is about.
    pub case: Option<CaseId>,
    /// Who is invited.
    pub invite: Vec<Invited>,
    /// What stands before the link's code, such as `https://12345.example.gov.cn/meet#`.
    pub link: String,
}

/// What a live room reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Somebody is in the room.
    Joined {
        /// His session's id.
        sid: String,
        /// His identity.
        identity: String,
        /// His name.
        name: String,
    },
    /// Somebody is no longer in the room.
    Left {
        /// His session's id.
        sid: String,
        /// Why.
        reason: &'static str,
    },
    /// Everybody has left, for good as it seems.
    Emptied,
}

impl Meetings {
    /// The domain, with the vault of the log and the key that signs tickets.
    pub fn new(vault: Vault, signer: Signer) -> Self {
        Self { vault, signer }
    }

    /// The key that signs tickets.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Calls a meeting and invites units.
    pub async fn call(&self, tx: &mut Tx, actor: &Actor, wish: CallMeeting) -> Result<MeetingView, CommandError> {
        let host = actor.unit_path.clone();
        actor.check(Action::MeetingHold, Target::of(std::slice::from_ref(&host)))?;
        let title = checked_title(&wish.title)?;
        if wish.invite.len() > INVITED_MAX {
            return Err(Refusal::invalid("meeting.too_many", format!("一次最多邀请 {INVITED_MAX} 个单位"))
                .field("/invite")
                .into());
        }
        let mut invited: Vec<Invited> = Vec::new();
        for unit in wish.invite {
            if invited.iter().all(|i| i.id != unit.id) {
                invited.push(unit);
            }
        }
        let mut orgs = vec![host.clone()];
        orgs.extend(invited.iter().map(|i| i.path.clone()));
        orgs.dedup();
        let row = MeetingRow {
            id: MeetingId::new(tx.ids()),
            title,
            case: wish.case,
            host,
            orgs,
            held_by: actor.person,
            held_by_name: actor.as_ref().name,
            created_at: tx.now(),
            started_at: None,
            ended_at: None,
            invited,
        };
        rows::insert(tx, &row).await?;
        self.tell_called(tx, actor, &row, &wish.link).await?;
        Ok(view(&row, Vec::new()))
    }

    async fn tell_called(&self, tx: &mut Tx, actor: &Actor, row: &MeetingRow, link: &str) -> Result<(), StoreError> {
        let (meeting, case, title) = (row.id, row.case, row.title.clone());
        let invited = row.invited.iter().map(|i| i.name.clone()).collect();
        self.tell(tx, row, actor.as_ref(), &MeetingEvent::Created { meeting, case, title: title.clone(), invited })
            .await?;
        let until = tx.now().plus_millis(LINK_MILLIS);
        for (place, unit) in (0u8..).zip(&row.invited) {
            let code = Invitation { meeting, invited: place }.seal(&self.signer, until);
            let event = MeetingEvent::Invited {
                meeting,
                case,
                unit: unit.id,
                unit_name: unit.name.clone(),
                title: title.clone(),
                url: PersonalText::Plain(Personal::secret(format!("meeting:{meeting}"), format!("{link}{code}"))),
            };
            self.tell(tx, row, actor.as_ref(), &event).await?;
        }
        Ok(())
    }

    /// A token for any LiveKit client: for the host's people, who chair, and the invited units' people.
    pub async fn ticket(&self, tx: &mut Tx, actor: &Actor, id: MeetingId) -> Result<String, CommandError> {
        let row = self.seen(tx, actor, id).await?;
        refuse_ended(&row)?;
        let person = actor.person.map_or_else(|| actor.name.clone(), |p| p.to_string());
        let video = VideoGrants { room_admin: chairs(actor, &row), ..joining(&row) };
        Ok(self.token(tx.now(), &person, &actor.as_ref().name, video))
    }

    /// A token for who holds the link of an SMS, under the name he gives.
    pub async fn guest_ticket(&self, tx: &mut Tx, link: &str, name: &str) -> Result<String, CommandError> {
        let invitation = Invitation::open(&self.signer, link, tx.now()).map_err(bad_link)?;
        let row = rows::load(tx, invitation.meeting).await?.ok_or_else(|| bad_link(LinkError::Forged))?;
        let unit = row.invited.get(usize::from(invitation.invited)).ok_or_else(|| bad_link(LinkError::Forged))?;
        refuse_ended(&row)?;
        let name = checked_name(name)?;
        let identity = format!("guest:{}", tx.ids().uuid());
        Ok(self.token(tx.now(), &identity, &format!("{}·{name}（访客）", unit.name), joining(&row)))
    }

    fn token(&self, now: Timestamp, identity: &str, name: &str, video: VideoGrants) -> String {
        let seconds = |at: Timestamp| at.0.div_euclid(1_000);
        self.signer.mint(&Claims {
            sub: identity.to_owned(),
            name: name.to_owned(),
            nbf: seconds(now),
            exp: seconds(now.plus_millis(TICKET_MILLIS)),
            video: Some(video),
            ..Claims::default()
        })
    }

    /// Closes a meeting. Who is still in the room is put out by whoever owns the rooms.
    pub async fn end(&self, tx: &mut Tx, actor: &Actor, id: MeetingId) -> Result<MeetingView, CommandError> {
        let mut row = self.seen(tx, actor, id).await?;
        if !chairs(actor, &row) {
            actor.check(Action::MeetingHold, Target::of(std::slice::from_ref(&row.host)))?;
        }
        refuse_ended(&row)?;
        self.close(tx, &mut row, actor.as_ref(), "closed").await?;
        let stays = rows::stays(tx, id).await?;
        Ok(view(&row, stays))
    }

    /// One meeting with who was there.
    pub async fn meeting(&self, tx: &mut Tx, actor: &Actor, id: MeetingId) -> Result<MeetingView, CommandError> {
        let row = self.seen(tx, actor, id).await?;
        let stays = rows::stays(tx, id).await?;
        Ok(view(&row, stays))
    }

    /// The meetings that `actor` may see, newest first.
    pub async fn meetings(
        &self,
        store: &Store,
        actor: &Actor,
        filter: MeetingFilter,
    ) -> Result<Vec<MeetingView>, StoreError> {
        let action = if actor.may_somewhere(Action::MeetingRead) { Action::MeetingRead } else { Action::MeetingHold };
        let visible = actor.predicate(action, "orgs", "held_by", "0", 1);
        let filter = MeetingFilter { limit: filter.limit.clamp(1, PAGE_MAX), ..filter };
        Ok(rows::list(store.reader(), visible, &filter).await?.iter().map(|r| view(r, Vec::new())).collect())
    }

    /// Whether a room may be entered now: rooms of ended meetings may not; rooms that are no meeting of ours may, for
    /// who signed their token holds the key.
    pub async fn may_enter(&self, store: &Store, room: &str) -> Result<bool, StoreError> {
        let Ok(id) = room.parse::<MeetingId>() else { return Ok(true) };
        let ended = rows::has_ended(store.reader(), id).await?;
        Ok(ended != Some(true))
    }

    /// Records what a live room reports. Rooms that are no meeting leave no trace.
    pub async fn record(&self, tx: &mut Tx, room: &str, happening: Happening) -> Result<(), StoreError> {
        let Ok(id) = room.parse::<MeetingId>() else { return Ok(()) };
        let Some(mut row) = rows::load(tx, id).await? else { return Ok(()) };
        match happening {
            Happening::Joined { sid, identity, name } => self.joined(tx, &mut row, &sid, identity, name).await,
            Happening::Left { sid, reason } => self.left(tx, &row, &sid, reason).await,
            Happening::Emptied if row.ended_at.is_none() && row.started_at.is_some() => {
                self.close(tx, &mut row, ActorRef::part("system", "会议"), "empty").await
            }
            Happening::Emptied => Ok(()),
        }
    }

    /// After a restart nobody is in a room: stays that were open have ended.
    pub async fn recover(&self, store: &Store) -> Result<(), StoreError> {
        let this = self.clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    for (id, sid) in rows::open_stays(tx).await? {
                        if let Some(row) = rows::load(tx, id).await? {
                            this.left(tx, &row, &sid, "restart").await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn joined(
        &self,
        tx: &mut Tx,
        row: &mut MeetingRow,
        sid: &str,
        identity: String,
        name: String,
    ) -> Result<(), StoreError> {
        if row.ended_at.is_some() {
            return Ok(());
        }
        let (now, meeting) = (tx.now(), row.id);
        let by = ActorRef::part("system", &name);
        if row.started_at.is_none() {
            row.started_at = Some(now);
            rows::update(tx, row).await?;
            self.tell(tx, row, by.clone(), &MeetingEvent::Started { meeting, title: row.title.clone() }).await?;
        }
        rows::insert_stay(
            tx,
            row.id,
            sid,
            &StayView { identity: identity.clone(), name: name.clone(), joined_at: now, left_at: None },
        )
        .await?;
        self.tell(tx, row, by, &MeetingEvent::Joined { meeting, identity, name }).await
    }

    async fn left(&self, tx: &mut Tx, row: &MeetingRow, sid: &str, reason: &str) -> Result<(), StoreError> {
        let Some(stay) = rows::end_stay(tx, row.id, sid).await? else { return Ok(()) };
        let seconds = tx.now().since(stay.joined_at) / 1_000;
        let by = ActorRef::part("system", &stay.name);
        let (identity, name, reason) = (stay.identity, stay.name, reason.to_owned());
        self.tell(tx, row, by, &MeetingEvent::Left { meeting: row.id, identity, name, reason, seconds }).await
    }

    async fn close(&self, tx: &mut Tx, row: &mut MeetingRow, by: ActorRef, reason: &str) -> Result<(), StoreError> {
        let now = tx.now();
        for (_, sid) in rows::open_stays(tx).await?.into_iter().filter(|(id, _)| *id == row.id) {
            self.left(tx, row, &sid, "ended").await?;
        }
        row.ended_at = Some(now);
        rows::update(tx, row).await?;
        let mut people: Vec<String> = rows::stays(tx, row.id).await?.into_iter().map(|s| s.identity).collect();
        people.sort();
        people.dedup();
        let event = MeetingEvent::Ended {
            meeting: row.id,
            title: row.title.clone(),
            seconds: row.started_at.map_or(0, |start| now.since(start) / 1_000),
            participants: i64::try_from(people.len()).unwrap_or(0),
            reason: reason.to_owned(),
        };
        self.tell(tx, row, by, &event).await
    }

    async fn tell(&self, tx: &mut Tx, row: &MeetingRow, by: ActorRef, event: &MeetingEvent) -> Result<(), StoreError> {
        log::append(tx, &self.vault, NewEvent::of(row.id, row.orgs.clone(), by, event)).await.map(drop)
    }

    async fn seen(&self, tx: &mut Tx, actor: &Actor, id: MeetingId) -> Result<MeetingRow, CommandError> {
        let row = rows::load(tx, id).await?.ok_or_else(no_meeting)?;
        if !chairs(actor, &row) && !actor.may(Action::MeetingRead, about(&row)) {
            return Err(no_meeting().into());
        }
        Ok(row)
    }
}

fn about(row: &MeetingRow) -> Target<'_> {
    Target { owner: row.held_by, ..Target::of(&row.orgs) }
}

/// Who called it chairs, and who may hold meetings for the unit that holds it.
fn chairs(actor: &Actor, row: &MeetingRow) -> bool {
    let called_it = |person: PersonId| row.held_by == Some(person);
    actor.person.is_some_and(called_it) || actor.may(Action::MeetingHold, Target::of(std::slice::from_ref(&row.host)))
}

fn joining(row: &MeetingRow) -> VideoGrants {
    VideoGrants {
        room_join: true,
        room: row.id.to_string(),
        can_update_own_metadata: Some(true),
        ..VideoGrants::default()
    }
}

fn view(row: &MeetingRow, participants: Vec<StayView>) -> MeetingView {
    MeetingView {
        id: row.id,
        room: row.id.to_string(),
        title: row.title.clone(),
        case_id: row.case,
        state: match (row.started_at, row.ended_at) {
            (_, Some(_)) => "ended",
            (Some(_), None) => "running",
            (None, None) => "called",
        },
        held_by: row.held_by_name.clone(),
        invited: row.invited.clone(),
        created_at: row.created_at,
        started_at: row.started_at,
        ended_at: row.ended_at,
        participants,
    }
}

fn checked_title(title: &str) -> Result<String, Refusal> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > TITLE_MAX || title.chars().any(char::is_control) {
        let text = format!("会议主题应为 1 至 {TITLE_MAX} 个字，不含换行等控制字符");
        return Err(Refusal::invalid("meeting.title", text).field("/title"));
    }
    Ok(title.to_owned())
}

fn checked_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::invalid("meeting.guest_name", format!("请填写 1 至 {NAME_MAX} 个字的姓名")).field("/name"));
    }
    Ok(name.to_owned())
}

fn refuse_ended(row: &MeetingRow) -> Result<(), Refusal> {
    match row.ended_at {
        None => Ok(()),
        Some(at) => Err(Refusal::conflict("meeting.ended", format!("会议已于 {at} 结束，如需再议请重新召集"))),
    }
}

fn bad_link(error: LinkError) -> Refusal {
    let (code, text) = match error {
        LinkError::Forged => ("meeting.bad_link", "会议链接无效：请使用短信中的完整链接，或请召集单位重新邀请"),
        LinkError::Expired => ("meeting.link_expired", "会议链接已过期：请联系召集单位重新邀请"),
    };
    Refusal::new(RefusalKind::Unauthenticated, code, text).field("/token")
}

fn no_meeting() -> Refusal {
    Refusal::not_found("access.not_found", "没有找到该会议，或当前岗位无权查看")
}
