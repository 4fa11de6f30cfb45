//! liandong-dialplans
