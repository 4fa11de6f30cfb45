//! `command_status`: its names and what a client does about each (facts: one table, SMPP 3.4 table 5-2).

/// A `command_status`. 0 is success; unknown values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Status(pub u32);

/// What a refusal means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// This message will never pass here: another channel.
    Permanent,
    /// This message, later (retry ladder of the owner).
    Temporary,
    /// We are too fast; not an attempt.
    Rate,
    /// The link is at fault, not the message; not an attempt. Alarm.
    Link,
}

macro_rules! statuses {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl Status {
            $(#[doc = $text] pub const $name: Self = Self($value);)*

            /// The name in the specification, or `None` for a value that it does not define.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(concat!("ESME_", stringify!($name))),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    ROK = 0x00, "Success.";
    RINVMSGLEN = 0x01, "Text too long, or in two fields.";
    RINVCMDLEN = 0x02, "Command length wrong or body truncated.";
    RINVCMDID = 0x03, "Unknown command.";
    RINVBNDSTS = 0x04, "Not allowed in this bind state.";
    RALYBND = 0x05, "Already bound, or too many binds.";
    RINVPRTFLG = 0x06, "Priority flag.";
    RINVREGDLVFLG = 0x07, "Registered delivery flag.";
    RSYSERR = 0x08, "System error: the store is down.";
    RINVSRCADR = 0x0A, "Sender not allowed.";
    RINVDSTADR = 0x0B, "Bad receiver.";
    RINVMSGID = 0x0C, "Unknown message id.";
    RBINDFAIL = 0x0D, "Bind failed.";
    RINVPASWD = 0x0E, "Wrong password.";
    RINVSYSID = 0x0F, "Unknown system id.";
    RCANCELFAIL = 0x11, "Cancel failed.";
    RREPLACEFAIL = 0x13, "Replace failed.";
    RMSGQFUL = 0x14, "Queue full.";
    RINVSERTYP = 0x15, "Service type.";
    RINVNUMDESTS = 0x33, "Number of destinations.";
    RINVDLNAME = 0x34, "Distribution list.";
    RINVDESTFLAG = 0x40, "Destination flag.";
    RINVSUBREP = 0x42, "Submit with replace.";
    RINVESMCLASS = 0x43, "esm_class.";
    RCNTSUBDL = 0x44, "Distribution list.";
    RSUBMITFAIL = 0x45, "Submit failed.";
    RINVSRCTON = 0x48, "Source type of number.";
    RINVSRCNPI = 0x49, "Source numbering plan.";
    RINVDSTTON = 0x50, "Receiver's type of number.";
    RINVDSTNPI = 0x51, "Receiver's numbering plan.";
    RINVSYSTYP = 0x53, "System type.";
    RINVREPFLAG = 0x54, "Replace flag.";
    RINVNUMMSGS = 0x55, "Number of messages.";
    RTHROTTLED = 0x58, "Over the agreed rate.";
    RINVSCHED = 0x61, "Schedule time.";
    RINVEXPIRY = 0x62, "Validity period.";
    RINVDFTMSGID = 0x63, "Predefined message id.";
    RX_T_APPN = 0x64, "Receiver: temporary, send again.";
    RX_P_APPN = 0x65, "Receiver: permanent.";
    RX_R_APPN = 0x66, "Receiver: rejected.";
    RQUERYFAIL = 0x67, "Query failed.";
    RINVOPTPARSTREAM = 0xC0, "TLVs malformed.";
    ROPTPARNOTALLWD = 0xC1, "TLV not allowed.";
    RINVPARLEN = 0xC2, "TLV length.";
    RMISSINGOPTPARAM = 0xC3, "TLV missing.";
    RINVOPTPARAMVAL = 0xC4, "TLV value.";
    RDELIVERYFAILURE = 0xFE, "Delivery failure.";
    RUNKNOWNERR = 0xFF, "Unknown error.";
}

impl Status {
    /// Whether the command succeeded.
    pub fn is_ok(self) -> bool {
        self == Self::ROK
    }

    /// What a client does about a refusal. `None` for success. Vendors' own codes (0x400–0x4FF) and unknown ones below
    /// 0x100 are temporary by default; a link may map them otherwise.
    pub fn class(self) -> Option<Class> {
        Some(match self.0 {
            0x00 => return None,
            0x02 | 0x04 | 0x05 | 0x0D..=0x0F | 0x53 => Class::Link,
            0x08 | 0x14 | 0x45 | 0x64 | 0xFE | 0xFF | 0x400..=0x4FF => Class::Temporary,
            0x58 => Class::Rate,
            0x100..=0x112 => Class::Permanent,
            _ if self.name().is_some() => Class::Permanent,
            _ => Class::Temporary,
        })
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:02x} {name}", self.0),
            None => write!(f, "0x{:02x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_table() {
        for (code, class) in [
            (0x01, Class::Permanent),
            (0x02, Class::Link),
            (0x08, Class::Temporary),
            (0x0B, Class::Permanent),
            (0x0E, Class::Link),
            (0x14, Class::Temporary),
            (0x45, Class::Temporary),
            (0x58, Class::Rate),
            (0x65, Class::Permanent),
            (0xC1, Class::Permanent),
            (0x104, Class::Permanent),
            (0x411, Class::Temporary),
            (0x7777, Class::Temporary),
        ] {
            assert_eq!(Status(code).class(), Some(class), "{code:x}");
        }
        assert_eq!(Status::ROK.class(), None);
        assert_eq!(Status::RTHROTTLED.to_string(), "0x58 ESME_RTHROTTLED");
    }
}
