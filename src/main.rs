//! ua
fn main() {}
