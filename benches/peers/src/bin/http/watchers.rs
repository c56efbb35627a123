//! The memory of idle watches.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};
use peers::measure::Figures;
use peers::report::{Better, Row, Unit};

use crate::contenders::Contender;
use crate::process::{Placement, Server, raise_limit};

/// The memory per connection in kilobytes.
pub(crate) fn rows(watchers: usize, contenders: &[Contender]) -> Result<Vec<Row>> {
    let room = raise_limit()?;
    ensure!(
        room > watchers as u64 + 100,
        "the limit of open files (ulimit -n) is too low for {watchers} connections"
    );
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let body = "{\"create_request\":{\"key\":\"a2V5\"}}";
    let length = body.len();
    let etcd = format!(
        "POST /v3/watch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let cases = [
        (Contender::Bare, "an idle connection", get("/json")),
        (Contender::Mainspring, "an idle connection", get("/stats")),
        (Contender::Mainspring, "a watch of all keys", get("/watch")),
        (Contender::Mainspring, "a watch of a key", get("/watch?key=key")),
        (Contender::Etcd, "a watch of a key", etcd),
    ];
    let mut rows = Vec::new();
    for (contender, what, request) in cases {
        if !contenders.contains(&contender) {
            continue;
        }
        let server = contender.start(Placement::Shared, [100; 3])?;
        let bytes = each(&server, &request, watchers)?;
        let what = format!("memory of {what}, {}, one of {watchers}", contender.name());
        let figures = Figures::named("total, MiB").with("resident", mebibytes(&server)?);
        let row = Row::without_goal(Better::Less, what, bytes / 1024.0);
        rows.push(row.unit(Unit::Kilobytes).figures([figures]));
    }
    Ok(rows)
}

fn mebibytes(server: &Server) -> Result<f64> {
    Ok(server.resident()? as f64 / f64::from(1 << 20))
}

/// Open connections, and return the memory per connection.
fn each(server: &Server, request: &str, watchers: usize) -> Result<f64> {
    let before = server.resident()?;
    let open = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = [0; 1024];
        let read = stream.read(&mut answer)?;
        ensure!(answer[..read].starts_with(b"HTTP/1.1 200"), "a connection was rejected");
        Ok(stream)
    };
    let streams = (0..watchers).map(open).collect::<Result<Vec<_>>>()?;
    let after = server.resident()?;
    drop(streams);
    Ok((after as f64 - before as f64) / watchers as f64)
}
