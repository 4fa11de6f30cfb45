//! Methods: an open set, since an unknown one must parse and be answered 405 or 501.

use std::fmt;

use crate::{lex, limits};

/// A request method. Comparison is case-sensitive (RFC 3261 §7.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Info,
    Prack,
    Update,
    Refer,
    Subscribe,
    Notify,
    Message,
    Publish,
    /// Any other token, kept as it came.
    Other(Box<str>),
}

const KNOWN: [(&str, Method); 14] = [
    ("INVITE", Method::Invite),
    ("ACK", Method::Ack),
    ("BYE", Method::Bye),
    ("CANCEL", Method::Cancel),
    ("REGISTER", Method::Register),
    ("OPTIONS", Method::Options),
    ("INFO", Method::Info),
    ("PRACK", Method::Prack),
    ("UPDATE", Method::Update),
    ("REFER", Method::Refer),
    ("SUBSCRIBE", Method::Subscribe),
    ("NOTIFY", Method::Notify),
    ("MESSAGE", Method::Message),
    ("PUBLISH", Method::Publish),
];

impl Method {
    /// The method of this token; `None` if the text is not a token or is longer than
    /// [`limits::METHOD_BYTES`].
    pub fn parse(text: &str) -> Option<Self> {
        if !lex::is_token(text) || text.len() > limits::METHOD_BYTES {
            return None;
        }
        let known = KNOWN.iter().find(|(name, _)| *name == text);
        Some(known.map_or_else(|| Self::Other(text.into()), |(_, method)| method.clone()))
    }

    /// The token as it stands on the wire.
    pub fn as_str(&self) -> &str {
        if let Self::Other(name) = self {
            return name;
        }
        let known = KNOWN.iter().find(|(_, method)| method == self);
        known.map_or("", |(name, _)| name)
    }

    /// Whether this is a method that this crate has a name for.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_goes_round() {
        for (name, method) in KNOWN {
            assert_eq!(Method::parse(name), Some(method.clone()));
            assert_eq!(method.as_str(), name);
        }
    }

    #[test]
    fn unknown_methods_parse_and_keep_their_case() {
        let odd = "!interesting-Method0123456789_*+`.%indeed'~";
        assert_eq!(Method::parse(odd).map(|m| m.to_string()).as_deref(), Some(odd));
        assert_eq!(Method::parse("invite"), Some(Method::Other("invite".into())));
    }

    #[test]
    fn what_is_no_token_is_no_method() {
        for bad in ["", "IN VITE", "INVITE\0", "é", "a,b", "a:b"] {
            assert_eq!(Method::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Method::parse(&"A".repeat(limits::METHOD_BYTES + 1)), None);
    }
}
