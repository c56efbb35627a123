//! Output on the terminal.

use std::io;

use tokio::io::{AsyncWriteExt, stdout};

/// The format of dates.
pub const SECONDS: &str = "%Y-%m-%d %H:%M:%S";

/// Print a line.
///
/// `println!` would panic if the output is closed, as in `| head`, and would block the thread if the reader is slow,
/// which no token can cancel.
pub async fn print_line(line: &str) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(format!("{line}\n").as_bytes()).await?;
    out.flush().await
}
