//! Accounts: how a person proves who he is. Passwords, lock-out, one-time codes, sessions, and the credentials of his
//! telephone.
//!
//! **Commands:** [`create_account`], [`reset_password`], [`set_disabled`], [`unlock`], [`reset_totp`], [`set_extension`],
//! [`cut_session`]. **On [`crate::orgs::Orgs`]:** `sign_in`, `sign_out`, `change_password`, `begin_totp`, `confirm_totp`,
//! `authenticate`, `sip_account`. Every one leaves an event of `events::access`.
//!
//! Must not know: HTTP, cookies, SIP messages.

mod commands;
mod known;
mod lockout;
mod password;
mod policy;
pub(super) mod rows;
mod session;
mod sign_in;
mod sip;
mod totp;

pub use commands::{
    NewAccount, create_account, cut_session, reset_password, reset_totp, set_disabled, set_extension, unlock,
};
pub(in crate::orgs) use known::{Known, changed};
pub use lockout::{SipGuard, Tally};
pub use password::{Hasher, Prepared, check_password};
pub use policy::Policy;
pub use rows::{AccountRow, account, account_of, accounts};
pub use session::{Session, Stage};
pub use sign_in::{SignIn, SignedIn, TotpSecret};
pub use sip::{Ha1, SipAccount, SipTicket};
#[cfg(test)]
pub(crate) use totp::code as code_at;

use crate::access::Refusal;

/// Longest user name.
const USER_MAX: usize = 32;

/// A user name as it is kept: lower-case letters, digits, `.`, `-`, `_`, beginning with a letter.
pub fn check_user(text: &str) -> Result<String, Refusal> {
    let user = text.trim().to_ascii_lowercase();
    let good = (1..=USER_MAX).contains(&user.len())
        && user.starts_with(|c: char| c.is_ascii_lowercase())
        && user.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
    if good {
        return Ok(user);
    }
    let detail = format!("用户名应以字母开头，由1至{USER_MAX}位小写字母、数字、点、横线、下划线组成");
    Err(Refusal::invalid("accounts.user", detail).field("/user"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn user_names_are_kept_small_and_plain() {
        assert_eq!(check_user(" Agent1 ").unwrap(), "agent1");
        for bad in ["", "1agent", "a b", "张三", "a'--", &"a".repeat(33)] {
            assert_eq!(check_user(bad).unwrap_err().code, "accounts.user", "{bad}");
        }
    }
}
