//! Roles: named sets of rights that posts are given. They are data; this file knows only what a role is and which rights
//! exclude each other.

use serde::{Deserialize, Serialize};

use crate::access::{Action, Grant, Refusal};

/// A role 角色.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its code, such as `dispatcher`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its rights.
    pub grants: Vec<Grant>,
}

/// The three administrators 三员: whoever is one can be no other (GB/T 22239-2019 8.1.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Administrator {
    /// 系统管理员.
    System,
    /// 安全管理员.
    Security,
    /// 审计管理员.
    Audit,
}

impl Administrator {
    /// What officials call it.
    pub fn zh(self) -> &'static str {
        match self {
            Self::System => "系统管理员",
            Self::Security => "安全管理员",
            Self::Audit => "审计管理员",
        }
    }
}

/// Which administrator these rights make; `None` for everybody else. Rights of two are refused.
pub fn administrator(grants: &[Grant]) -> Result<Option<Administrator>, Refusal> {
    let mut found = None;
    for grant in grants {
        let kind = match grant.action {
            Action::SystemManage => Administrator::System,
            Action::SecurityManage => Administrator::Security,
            Action::AuditRead => Administrator::Audit,
            _ => continue,
        };
        match found {
            Some(other) if other != kind => return Err(exclusive(other, kind)),
            _ => found = Some(kind),
        }
    }
    Ok(found)
}

/// The refusal to be two administrators at once.
pub fn exclusive(held: Administrator, wanted: Administrator) -> Refusal {
    Refusal::conflict("orgs.administrators_exclude", format!("{}与{}不得由同一人兼任", held.zh(), wanted.zh()))
}

/// A grant as events name it.
pub fn grant_text(grant: &Grant) -> String {
    let word = |v: serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    let scope = serde_json::to_value(grant.scope).map(word).unwrap_or_default();
    let ceiling = serde_json::to_value(grant.ceiling).map(word).unwrap_or_default();
    format!("{} {scope} {ceiling}", grant.action.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::access::{Scope, Sensitivity};

    fn grant(action: Action) -> Grant {
        Grant { action, scope: Scope::Subtree, ceiling: Sensitivity::Internal }
    }

    #[test]
    fn the_three_administrators_exclude_each_other() {
        let [system, security, audit] = [Action::SystemManage, Action::SecurityManage, Action::AuditRead].map(grant);
        assert_eq!(administrator(&[grant(Action::CaseRead)]).unwrap(), None);
        assert_eq!(administrator(&[system, grant(Action::OrgRead)]).unwrap(), Some(Administrator::System));
        for pair in [[system, security], [security, audit], [audit, system]] {
            assert_eq!(administrator(&pair).unwrap_err().code, "orgs.administrators_exclude");
        }
    }

    #[test]
    fn a_grant_reads_as_three_words() {
        assert_eq!(grant_text(&grant(Action::CaseRead)), "case.read subtree internal");
    }
}
