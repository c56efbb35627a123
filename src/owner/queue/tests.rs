//! Tests of the queue.

use super::*;
use std::pin::pin;

/// Receive at most `limit` messages.
async fn some<M>(receiver: &mut Receiver<M>, limit: usize) -> Vec<M> {
    let mut into = Vec::new();
    receiver.recv(&mut into, limit).await;
    into
}

/// Poll once.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn messages_are_received_in_order_up_to_the_limit() {
    let (sender, mut receiver) = channel(10);
    for n in 0..5 {
        assert!(sender.push(n).unwrap().is_none());
    }
    assert_eq!(sender.len(), 5);
    assert_eq!(some(&mut receiver, 2).await, [0, 1]);
    assert_eq!(some(&mut receiver, 10).await, [2, 3, 4]);
}

#[tokio::test]
async fn blocked_senders_are_admitted_in_order() {
    let (sender, mut receiver) = channel(2);
    let mut tickets: Vec<_> = (0..6).map(|n| sender.push(n).unwrap()).collect();
    assert_eq!(tickets.iter().flatten().count(), 4);
    assert_eq!(sender.len(), 2, "it is bounded");
    assert_eq!(sender.try_reserve().err(), Some(QueueError::Full));
    tickets[3] = None; // drops its message
    assert_eq!(some(&mut receiver, 10).await, [0, 1]);
    assert_eq!(sender.try_reserve().err(), Some(QueueError::Full), "blocked senders come first");
    assert_eq!(some(&mut receiver, 10).await, [2, 4]);
    tickets.clear(); // their messages are queued already
    assert_eq!(some(&mut receiver, 10).await, [5]);
    assert!(sender.try_reserve().is_ok());
}

#[tokio::test]
async fn permit_reserves_room_for_one_message() {
    let (sender, mut receiver) = channel(1);
    let permit = sender.try_reserve().unwrap_or_else(|_| panic!("it is empty"));
    assert_eq!(sender.try_reserve().err(), Some(QueueError::Full));
    let mut waits = pin!(sender.send(7));
    assert!(poll(waits.as_mut()).is_pending());
    drop(permit);
    assert_eq!(poll(waits.as_mut()), Poll::Ready(Ok(())), "the room goes to a blocked sender");
    assert_eq!(some(&mut receiver, 1).await, [7]);
    let permit = sender.try_reserve().unwrap_or_else(|_| panic!("it is empty"));
    permit.send(8);
    assert_eq!(some(&mut receiver, 1).await, [8]);
    assert!(sender.try_reserve().is_ok(), "a used permit reserves nothing");
}

#[tokio::test]
async fn closed_queue_keeps_queued_messages_and_drops_waiting_ones() {
    let (sender, mut receiver) = channel(1);
    assert!(sender.push(Arc::new(0)).unwrap().is_none());
    let in_line = Arc::new(1);
    let mut waits = pin!(sender.send(Arc::clone(&in_line)));
    assert!(poll(waits.as_mut()).is_pending());
    receiver.close();
    assert!(receiver.is_closed());
    assert_eq!(poll(waits), Poll::Ready(Err(QueueError::Closed)));
    assert_eq!(Arc::strong_count(&in_line), 1);
    assert_eq!(sender.push(Arc::new(2)).err(), Some(QueueError::Closed));
    assert_eq!(sender.try_reserve().err(), Some(QueueError::Closed));
    assert_eq!(some(&mut receiver, 10).await, [Arc::new(0)]);
    assert!(some(&mut receiver, 10).await.is_empty());
}

#[tokio::test]
async fn ticket_is_abandoned_if_its_message_was_never_queued() {
    let (sender, mut receiver) = channel(1);
    let mut tickets: Vec<_> = (0..4).map(|n| sender.push(n).unwrap()).collect();
    assert_eq!(some(&mut receiver, 1).await, [0]); // admits the first waiting message
    tickets.remove(2);
    receiver.close();
    receiver.close();
    let abandoned: Vec<_> = tickets.iter().flatten().map(Ticket::is_abandoned).collect();
    assert_eq!(abandoned, [false, true]);
    assert_eq!(some(&mut receiver, 10).await, [1], "a queued message can be received");
}

#[tokio::test]
async fn queue_ends_with_its_last_sender() {
    let (sender, mut receiver) = channel::<u8>(1);
    let other = sender.clone();
    let waiting = tokio::spawn(async move { some(&mut receiver, 1).await });
    tokio::task::yield_now().await;
    drop(sender);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(other);
    assert!(waiting.await.unwrap().is_empty());
}

#[tokio::test]
async fn dropped_receiver_drops_all_messages() {
    let (sender, receiver) = channel(1);
    let (queued, in_line) = (Arc::new(0), Arc::new(1));
    assert!(sender.push(Arc::clone(&queued)).unwrap().is_none());
    let ticket = sender.push(Arc::clone(&in_line)).unwrap();
    drop(receiver);
    assert_eq!((Arc::strong_count(&queued), Arc::strong_count(&in_line)), (1, 1));
    drop(ticket);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_lost_and_each_sender_keeps_its_order() {
    const SENDERS: u64 = 20;
    const EACH: u64 = 500;
    let (sender, mut receiver) = channel(7);
    for id in 0..SENDERS {
        let sender = sender.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                sender.send((id, n)).await.unwrap();
            }
        });
    }
    drop(sender);
    let mut next = [0; SENDERS as usize];
    loop {
        let some = some(&mut receiver, 5).await;
        if some.is_empty() {
            break;
        }
        assert!(some.len() <= 5);
        for (id, n) in some {
            assert_eq!(n, next[id as usize]);
            next[id as usize] += 1;
        }
    }
    assert_eq!(next, [EACH; SENDERS as usize]);
}
