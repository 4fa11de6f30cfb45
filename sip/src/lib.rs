//! liandong-sip
