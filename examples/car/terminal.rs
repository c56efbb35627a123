//! Where people read along.

use std::io;

use tokio::io::{AsyncWriteExt, stdout};

/// Dates, to the second.
pub const SECONDS: &str = "%Y-%m-%d %H:%M:%S";

/// Print a line.
///
/// Not `println!`: it panics when the reader has left, as in `| head`, and it blocks its thread, out
/// of the reach of any token, when the reader is only slow.
pub async fn say(line: &str) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(format!("{line}\n").as_bytes()).await?;
    out.flush().await
}
