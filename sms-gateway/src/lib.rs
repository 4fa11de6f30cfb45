//! liandong-sms
