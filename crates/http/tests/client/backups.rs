//! Backups with faulty transfers.

use mainspring::Error;

use super::faulty_server::{Behavior, FaultyServer};

fn response(content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{headers}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn interrupted_transfer_is_an_error() {
    let chunked = "transfer-encoding: chunked\r\n";
    let jsonl = "application/jsonl";
    for behavior in [
        Behavior::Send(response(jsonl, chunked, "5\r\n{\"a\":\r\n")),
        Behavior::Send(response(jsonl, chunked, "5\r\n{\"a\":\r\n5\r\n{\"")),
        Behavior::Send(response(jsonl, "content-length: 100\r\n", "{\"a\":")),
        Behavior::SendAndHang(response(jsonl, chunked, "5\r\n{\"a\":\r\n")),
    ] {
        let server = FaultyServer::new([behavior.clone()]).await;
        let mut backup = server.client().backup().await.unwrap();
        let error = loop {
            match backup.next().await {
                Ok(Some(chunk)) => assert!(b"{\"a\":{\"".starts_with(&chunk[..1]), "{chunk:?}"),
                Ok(None) => panic!("{behavior:?}: an incomplete backup has ended without an error"),
                Err(error) => break error,
            }
        };
        let Error::Unreachable(why) = &error else { panic!("{behavior:?}: {error}") };
        assert!(why.contains("the backup is incomplete after "), "{why}");
        assert!(backup.next().await.is_err(), "the error is repeated");
        assert_eq!(server.requests().len(), 1, "no retries: {behavior:?}");
    }
}

#[tokio::test]
async fn complete_transfer_ends_with_none() {
    let body = "5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n";
    let complete = response("application/jsonl", "transfer-encoding: chunked\r\n", body);
    let server = FaultyServer::new([Behavior::Send(complete)]).await;
    let mut backup = server.client().backup().await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = backup.next().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes, b"{\"a\":1}");
    assert_eq!(backup.next().await.unwrap(), None);
}

#[tokio::test]
async fn server_without_backups_is_reported() {
    let absent = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
    for behavior in [
        Behavior::Send(absent.as_bytes().to_vec()),
        Behavior::Send(response("text/html", "content-length: 2\r\n", "hi")),
    ] {
        let server = FaultyServer::new([behavior.clone()]).await;
        let error = server.client().backup().await.unwrap_err();
        let Error::Rejected(why) = &error else { panic!("{behavior:?}: {error}") };
        assert!(why.contains("does not support backups"), "{why}");
    }
    // A busy server is retried.
    let busy = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 29\r\n\r\n{\"code\":\"busy\",\"message\":\"m\"}";
    let complete = response("application/jsonl", "content-length: 1\r\n", "x");
    let server =
        FaultyServer::new([Behavior::Send(busy.as_bytes().to_vec()), Behavior::Send(complete)])
            .await;
    let mut backup = server.client_with(3).backup().await.unwrap();
    assert_eq!(backup.next().await.unwrap().as_deref(), Some(&b"x"[..]));
}
