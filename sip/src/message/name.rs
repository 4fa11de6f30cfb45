//! Header names: the well-known ones as an enum, any other by its text. Names and compact forms
//! are those of the IANA registry.

/// How a header is asked for: a [`Name`], or a text for one that has no name here.
pub trait HeaderKey {
    /// The well-known name, if it is one.
    fn known(&self) -> Option<Name>;
    /// The long form.
    fn text(&self) -> &str;

    /// Whether a field with this name is meant.
    fn is(&self, name: Option<Name>, text: &str) -> bool {
        match self.known() {
            Some(known) => name == Some(known),
            None => name.is_none() && self.text().eq_ignore_ascii_case(text),
        }
    }
}

impl HeaderKey for Name {
    fn known(&self) -> Option<Name> {
        Some(*self)
    }

    fn text(&self) -> &str {
        self.as_str()
    }
}

impl HeaderKey for &str {
    fn known(&self) -> Option<Name> {
        Name::parse(self)
    }

    fn text(&self) -> &str {
        self
    }
}

impl<T: HeaderKey> HeaderKey for &T {
    fn known(&self) -> Option<Name> {
        (*self).known()
    }

    fn text(&self) -> &str {
        (*self).text()
    }
}

macro_rules! names {
    ($($variant:ident $long:literal $($short:literal)?),* $(,)?) => {
        /// A well-known header name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the names say it
        pub enum Name { $($variant),* }

        impl Name {
            /// The long form.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $long),* }
            }

            /// The name of this text, long or compact, without case.
            pub fn parse(text: &str) -> Option<Self> {
                const ALL: &[(&str, &str, Name)] = &[$(($long, concat!($($short)?), Name::$variant)),*];
                let is = |name: &str| !name.is_empty() && name.eq_ignore_ascii_case(text);
                ALL.iter().find(|(long, short, _)| is(long) || is(short)).map(|(.., name)| *name)
            }
        }

        #[cfg(test)]
        const LIST: &[Name] = &[$(Name::$variant),*];
    };
}

names! {
    // Those in every message first: the search is linear.
    Via "Via" "v",
    From "From" "f",
    To "To" "t",
    CallId "Call-ID" "i",
    CSeq "CSeq",
    Contact "Contact" "m",
    MaxForwards "Max-Forwards",
    ContentLength "Content-Length" "l",
    ContentType "Content-Type" "c",
    Route "Route",
    RecordRoute "Record-Route",
    UserAgent "User-Agent",
    Allow "Allow",
    Supported "Supported" "k",
    Expires "Expires",
    Authorization "Authorization",
    Accept "Accept",
    AcceptContact "Accept-Contact" "a",
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    AlertInfo "Alert-Info",
    AllowEvents "Allow-Events" "u",
    AuthenticationInfo "Authentication-Info",
    CallInfo "Call-Info",
    ContentDisposition "Content-Disposition",
    ContentEncoding "Content-Encoding" "e",
    ContentLanguage "Content-Language",
    Date "Date",
    Diversion "Diversion",
    ErrorInfo "Error-Info",
    Event "Event" "o",
    FlowTimer "Flow-Timer",
    HistoryInfo "History-Info",
    Identity "Identity" "y",
    InReplyTo "In-Reply-To",
    Join "Join",
    MaxBreadth "Max-Breadth",
    MimeVersion "MIME-Version",
    MinExpires "Min-Expires",
    MinSe "Min-SE",
    Organization "Organization",
    PAssertedIdentity "P-Asserted-Identity",
    PPreferredIdentity "P-Preferred-Identity",
    Path "Path",
    Priority "Priority",
    Privacy "Privacy",
    ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthorization "Proxy-Authorization",
    ProxyRequire "Proxy-Require",
    RAck "RAck",
    RSeq "RSeq",
    Reason "Reason",
    ReferTo "Refer-To" "r",
    ReferredBy "Referred-By" "b",
    RejectContact "Reject-Contact" "j",
    Replaces "Replaces",
    ReplyTo "Reply-To",
    RequestDisposition "Request-Disposition" "d",
    Require "Require",
    ResourcePriority "Resource-Priority",
    RetryAfter "Retry-After",
    Server "Server",
    ServiceRoute "Service-Route",
    SessionExpires "Session-Expires" "x",
    SessionId "Session-ID",
    SipEtag "SIP-ETag",
    SipIfMatch "SIP-If-Match",
    Subject "Subject" "s",
    SubscriptionState "Subscription-State",
    TargetDialog "Target-Dialog",
    Timestamp "Timestamp",
    Unsupported "Unsupported",
    UserToUser "User-to-User",
    Warning "Warning",
    WwwAuthenticate "WWW-Authenticate",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_round_in_any_case() {
        for name in LIST {
            assert_eq!(Name::parse(&name.as_str().to_ascii_uppercase()), Some(*name));
        }
        assert_eq!(Name::parse("L"), Some(Name::ContentLength));
        assert_eq!(Name::parse(""), None);
        assert_eq!(Name::parse("C%6Fntact"), None);
    }

    #[test]
    fn compact_forms_are_unique() {
        for letter in "abcdefghijklmnopqrstuvwxyz".chars() {
            let text = letter.to_string();
            let by_short = Name::parse(&text);
            assert!(by_short.is_none_or(|name| name.as_str().len() > 1), "{letter}");
        }
    }
}
