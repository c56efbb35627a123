//! Backups that a server does not complete.

use mainspring::Error;

use super::liar::{Liar, Say};

fn answer(kind: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{headers}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn cut_transfer_is_an_error_and_not_an_end() {
    let chunked = "transfer-encoding: chunked\r\n";
    let kind = "application/jsonl";
    for say in [
        Say::Bytes(answer(kind, chunked, "5\r\n{\"a\":\r\n")),
        Say::Bytes(answer(kind, chunked, "5\r\n{\"a\":\r\n5\r\n{\"")),
        Say::Bytes(answer(kind, "content-length: 100\r\n", "{\"a\":")),
        Say::Stay(answer(kind, chunked, "5\r\n{\"a\":\r\n")),
    ] {
        let liar = Liar::new([say.clone()]).await;
        let mut backup = liar.client().backup().await.unwrap();
        let error = loop {
            match backup.next().await {
                Ok(Some(piece)) => assert!(b"{\"a\":{\"".starts_with(&piece[..1]), "{piece:?}"),
                Ok(None) => panic!("{say:?}: the end of half a backup"),
                Err(error) => break error,
            }
        };
        let Error::Unreachable(why) = &error else { panic!("{say:?}: {error}") };
        assert!(why.contains("the backup is incomplete after "), "{why}");
        assert!(backup.next().await.is_err(), "an error is the end");
        assert_eq!(liar.requests().len(), 1, "nothing is asked again: {say:?}");
    }
}

#[tokio::test]
async fn whole_transfer_ends_once_and_for_all() {
    let body = "5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n";
    let whole = answer("application/jsonl", "transfer-encoding: chunked\r\n", body);
    let liar = Liar::new([Say::Bytes(whole)]).await;
    let mut backup = liar.client().backup().await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = backup.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(bytes, b"{\"a\":1}");
    assert_eq!(backup.next().await.unwrap(), None);
}

#[tokio::test]
async fn server_without_backups_is_named() {
    let absent = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
    for say in [
        Say::Bytes(absent.as_bytes().to_vec()),
        Say::Bytes(answer("text/html", "content-length: 2\r\n", "hi")),
    ] {
        let liar = Liar::new([say.clone()]).await;
        let error = liar.client().backup().await.unwrap_err();
        let Error::Rejected(why) = &error else { panic!("{say:?}: {error}") };
        assert!(why.contains("makes no backups"), "{why}");
    }
    // One that is busy is asked again.
    let busy = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 29\r\n\r\n{\"code\":\"busy\",\"message\":\"m\"}";
    let whole = answer("application/jsonl", "content-length: 1\r\n", "x");
    let liar = Liar::new([Say::Bytes(busy.as_bytes().to_vec()), Say::Bytes(whole)]).await;
    let mut backup = liar.client_with(3).backup().await.unwrap();
    assert_eq!(backup.next().await.unwrap().as_deref(), Some(&b"x"[..]));
}
