//! The demo city's roles and accounts. The roles are also what a real city starts from.

use crate::access::{Action, Grant, Scope, Sensitivity};
use crate::orgs::Role;

use Action as A;
use Scope::{Own, Subtree, Unit};
use Sensitivity::{Confidential, Internal, Whistle};

/// Rights by role: the code, the name, and the actions by reach and ceiling.
struct RoleLine(&'static str, &'static str, &'static [(Scope, Sensitivity, &'static [Action])]);

const ROLES: &[RoleLine] = &[
    RoleLine(
        "agent",
        "热线话务员",
        &[
            (
                Subtree,
                Internal,
                &[
                    A::CaseRead,
                    A::CaseCapture,
                    A::PersonalRead,
                    A::CallRead,
                    A::CallAgent,
                    A::CallDial,
                    A::MessageRead,
                    A::MessageSend,
                    A::MeetingRead,
                    A::DispatchRead,
                    A::OrgRead,
                ],
            ),
            // What an agent took in himself he may accept, answer at once or assign.
            (Own, Internal, &[A::CaseDispatch, A::RecordingPlay]),
        ],
    ),
    RoleLine(
        "lead",
        "热线班长",
        &[(
            Subtree,
            Internal,
            &[
                A::CaseRead,
                A::CaseCapture,
                A::CaseDispatch,
                A::CaseSupervise,
                A::PersonalRead,
                A::CallRead,
                A::CallAgent,
                A::CallDial,
                A::CallSupervise,
                A::RecordingPlay,
                A::PlanManage,
                A::MessageRead,
                A::MessageSend,
                A::SandboxUse,
                A::MeetingRead,
                A::MeetingHold,
                A::DispatchRead,
                A::OrgRead,
            ],
        )],
    ),
    RoleLine(
        "dispatcher",
        "派单员",
        &[(
            Subtree,
            Confidential,
            &[
                A::CaseRead,
                A::CaseCapture,
                A::CaseDispatch,
                A::CaseSupervise,
                A::PersonalRead,
                A::CallRead,
                A::CallDial,
                A::RecordingPlay,
                A::MessageRead,
                A::MessageSend,
                A::SandboxUse,
                A::MeetingRead,
                A::MeetingHold,
                A::DispatchRead,
                A::DispatchOrder,
                A::OrgRead,
            ],
        )],
    ),
    RoleLine(
        "officer",
        "值班长",
        &[(
            Subtree,
            Whistle,
            &[
                A::CaseRead,
                A::CaseCapture,
                A::CaseSupervise,
                A::PersonalRead,
                A::CallRead,
                A::CallDial,
                A::RecordingPlay,
                A::MessageRead,
                A::MessageSend,
                A::SandboxUse,
                A::MeetingRead,
                A::MeetingHold,
                A::DispatchRead,
                A::DispatchOrder,
                A::OrgRead,
            ],
        )],
    ),
    RoleLine("county_operator", "县级平台受理员", &[(Subtree, Internal, LOCAL_OPERATOR)]),
    RoleLine("township_operator", "乡镇街道受理员", &[(Subtree, Internal, LOCAL_OPERATOR)]),
    RoleLine(
        "village_clerk",
        "村社区干事",
        &[(
            Subtree,
            Internal,
            &[
                A::CaseRead,
                A::CaseCapture,
                A::CaseHandle,
                A::CallDial,
                A::MessageRead,
                A::MeetingRead,
                A::DispatchRead,
                A::OrderHandle,
                A::OrgRead,
            ],
        )],
    ),
    RoleLine(
        "grid_worker",
        "网格员",
        &[(
            Unit,
            Internal,
            &[
                A::CaseRead,
                A::CaseCapture,
                A::CaseHandle,
                A::CallDial,
                A::MessageRead,
                A::MeetingRead,
                A::DispatchRead,
                A::OrderHandle,
                A::OrgRead,
            ],
        )],
    ),
    RoleLine(
        "department_handler",
        "部门承办人",
        &[(
            Subtree,
            Internal,
            &[
                A::CaseRead,
                A::CaseHandle,
                A::CallDial,
                A::MessageRead,
                A::MessageSend,
                A::MeetingRead,
                A::MeetingHold,
                A::DispatchRead,
                A::DispatchOrder,
                A::OrderHandle,
                A::OrgRead,
            ],
        )],
    ),
    RoleLine(
        "chief",
        "分管负责人",
        &[(
            Subtree,
            Confidential,
            &[
                A::CaseRead,
                A::CaseSupervise,
                A::CallDial,
                A::MessageRead,
                A::MeetingRead,
                A::MeetingHold,
                A::DispatchRead,
                A::DispatchOrder,
                A::OrderHandle,
                A::OrgRead,
            ],
        )],
    ),
    RoleLine(
        "sysadmin",
        "系统管理员",
        &[(Subtree, Internal, &[A::SystemManage, A::OrgRead, A::OrgManage, A::PlanManage, A::SandboxUse])],
    ),
    RoleLine("secadmin", "安全管理员", &[(Subtree, Internal, &[A::SecurityManage, A::OrgRead])]),
    RoleLine("auditor", "审计管理员", &[(Subtree, Internal, &[A::AuditRead, A::OrgRead])]),
];

/// What whoever runs a county's or township's desk may do there.
const LOCAL_OPERATOR: &[Action] = &[
    A::CaseRead,
    A::CaseCapture,
    A::CaseDispatch,
    A::CaseHandle,
    A::CaseSupervise,
    A::CallRead,
    A::CallDial,
    A::MessageRead,
    A::MessageSend,
    A::MeetingRead,
    A::MeetingHold,
    A::DispatchRead,
    A::DispatchOrder,
    A::OrderHandle,
    A::OrgRead,
    A::OrgManage,
];

/// The roles.
pub(super) fn roles() -> Vec<Role> {
    let role = |RoleLine(code, name, lines): &RoleLine| Role {
        code: (*code).to_owned(),
        name: (*name).to_owned(),
        grants: lines
            .iter()
            .flat_map(|(scope, ceiling, actions)| {
                actions.iter().map(|action| Grant { action: *action, scope: *scope, ceiling: *ceiling })
            })
            .collect(),
    };
    ROLES.iter().map(role).collect()
}

/// Where an account's post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    City,
    Jinshui,
    /// 文化路街道.
    Township,
    /// Its first community.
    Village,
    Water,
}

/// An account of the demo.
pub(super) struct DemoUser {
    pub(super) user: &'static str,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) role: &'static str,
    pub(super) seat: Seat,
    pub(super) extension: Option<&'static str>,
}

const fn user(
    user: &'static str,
    name: &'static str,
    title: &'static str,
    role: &'static str,
    seat: Seat,
    extension: Option<&'static str>,
) -> DemoUser {
    DemoUser { user, name, title, role, seat, extension }
}

/// Everybody who can sign in.
pub(super) const USERS: &[DemoUser] = &[
    user("agent1", "李静", "市热线话务员", "agent", Seat::City, Some("8001")),
    user("agent2", "王磊", "市热线话务员", "agent", Seat::City, Some("8002")),
    user("agent3", "张敏", "市热线话务员", "agent", Seat::City, Some("8003")),
    user("agent4", "刘洋", "市热线话务员", "agent", Seat::City, Some("8004")),
    user("agent11", "陈晨", "金水区分中心话务员", "agent", Seat::Jinshui, Some("8101")),
    user("agent12", "杨帆", "金水区分中心话务员", "agent", Seat::Jinshui, Some("8102")),
    user("lead1", "赵琳", "市热线班长", "lead", Seat::City, Some("8010")),
    user("dispatcher1", "周涛", "市平台派单员", "dispatcher", Seat::City, Some("8011")),
    user("officer1", "吴刚", "市值班长", "officer", Seat::City, Some("8012")),
    user("county1", "郑华", "区平台受理员", "county_operator", Seat::Jinshui, None),
    user("township1", "孙丽", "街道受理员", "township_operator", Seat::Township, None),
    user("village1", "马超", "社区干事", "village_clerk", Seat::Village, None),
    user("grid1", "朱红", "网格员", "grid_worker", Seat::Village, None),
    user("water1", "胡军", "热线承办人", "department_handler", Seat::Water, None),
    user("sysadmin", "郭强", "系统管理员", "sysadmin", Seat::City, None),
    user("secadmin", "何平", "安全管理员", "secadmin", Seat::City, None),
    user("auditor", "高远", "审计管理员", "auditor", Seat::City, None),
];

/// Family names for invented people, the most frequent first.
pub(super) const SURNAMES: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马",
    "罗", "梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧",
];

/// Given names.
pub(super) const GIVEN: &[&str] = &[
    "伟", "芳", "娜", "敏", "静", "秀英", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "霞",
    "平", "刚", "桂英", "建国", "志强", "海燕", "红梅", "新民", "文博", "晓东", "春生",
];

/// What villages and communities are called before 村 or 社区.
pub(super) const VILLAGES: &[&str] = &[
    "东关",
    "西关",
    "南关",
    "北关",
    "大王庄",
    "小李庄",
    "张庄",
    "刘庄",
    "陈砦",
    "关虎屯",
    "燕庄",
    "白庙",
    "黄家庵",
    "姚砦",
    "柳林",
    "马渡",
    "石佛",
    "沟李",
    "岗杜",
    "任砦",
    "徐砦",
    "胡庄",
    "庙李",
    "聂庄",
    "常砦",
    "杜庄",
    "冉屯",
    "孙庄",
    "须水",
    "老坟岗",
    "兴隆",
    "永和",
    "太平",
    "和谐",
    "幸福",
    "建业",
    "正弘",
    "绿城",
    "锦绣",
    "阳光",
    "新华",
    "红旗",
    "东风",
    "文苑",
    "天荣",
    "金城",
    "银河",
    "翠竹",
    "玉兰",
    "百合",
    "梨园",
    "桃花峪",
    "石榴园",
    "杏花",
    "柿园",
    "清泉",
    "双桥",
    "三官",
    "五龙",
    "七里",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;
    use crate::orgs::{Administrator, administrator};

    #[test]
    fn the_roles_keep_the_three_administrators_apart() {
        let all = roles();
        let kind = |code: &str| administrator(&all.iter().find(|r| r.code == code).unwrap().grants).unwrap();
        assert_eq!(kind("sysadmin"), Some(Administrator::System));
        assert_eq!(kind("secadmin"), Some(Administrator::Security));
        assert_eq!(kind("auditor"), Some(Administrator::Audit));
        for role in all.iter().filter(|r| !["sysadmin", "secadmin", "auditor"].contains(&r.code.as_str())) {
            assert_eq!(kind(&role.code), None, "{}", role.code);
        }
    }

    #[test]
    fn the_accounts_are_those_of_the_contract() {
        let names: Vec<_> = USERS.iter().map(|u| u.user).collect();
        assert_eq!(
            names,
            [
                "agent1",
                "agent2",
                "agent3",
                "agent4",
                "agent11",
                "agent12",
                "lead1",
                "dispatcher1",
                "officer1",
                "county1",
                "township1",
                "village1",
                "grid1",
                "water1",
                "sysadmin",
                "secadmin",
                "auditor"
            ]
        );
        let extension = |user: &str| USERS.iter().find(|u| u.user == user).unwrap().extension;
        assert_eq!(extension("agent4"), Some("8004"));
        assert_eq!(extension("agent12"), Some("8102"));
        let roles: HashSet<_> = roles().into_iter().map(|r| r.code).collect();
        assert!(USERS.iter().all(|u| roles.contains(u.role)));
        assert!(VILLAGES.iter().collect::<HashSet<_>>().len() == VILLAGES.len());
    }
}
