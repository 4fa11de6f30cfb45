//! liandong-media
