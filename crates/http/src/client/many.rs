//! Several independent writes, over HTTP: in as many requests as it takes.

use mainspring::{Error, Write, Written};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Remote;
use super::answer::{self, Wanted};
use super::fault::{Effect, Fault};
use super::write::{cannot, command};
use crate::protocol::Operation;

/// About the most bytes of one request: half of what a server takes unless it is told otherwise. If it takes less, it
/// says so, and gets less.
const MOST_BYTES: usize = 512 << 10;

/// A write that can be sent.
struct Part {
    json: Vec<u8>,
    wanted: Wanted,
}

impl Part {
    fn of<T: Serialize>(write: &Write<T>) -> Result<Self, Error> {
        let json = serde_json::to_vec(&command(write)?).map_err(cannot)?;
        Ok(Self { json, wanted: Wanted::of(write) })
    }
}

impl Remote {
    /// Send independent writes, and answer each.
    pub(super) async fn write_many<T: Serialize + DeserializeOwned>(
        &self,
        writes: &[Write<T>],
    ) -> Result<Vec<Result<Written<T>, Error>>, Error> {
        // What cannot be sent is refused here, and the others go without it.
        let mut parts = Vec::with_capacity(writes.len());
        let prepare = |write| Part::of(write).map(|part| parts.push(part)).err();
        let refused: Vec<Option<Error>> = writes.iter().map(prepare).collect();
        let mut answers = self.each(&parts).await?.into_iter();
        let lost = || Err(Error::Unknown);
        let answer = |refused: Option<Error>| match refused {
            Some(error) => Err(error),
            None => answers.next().unwrap_or_else(lost),
        };
        Ok(refused.into_iter().map(answer).collect())
    }

    /// An answer to each. The requests go one after another, because the writes have an order.
    async fn each<T: DeserializeOwned>(
        &self,
        parts: &[Part],
    ) -> Result<Vec<Result<Written<T>, Error>>, Error> {
        let mut answers = Vec::with_capacity(parts.len());
        let mut most = MOST_BYTES;
        while answers.len() < parts.len() {
            let some = first_of(&parts[answers.len()..], most);
            let fault = match self.send_some(some).await {
                Ok(answered) => {
                    answers.extend(answered);
                    continue;
                }
                Err(fault) => fault,
            };
            if fault.is_too_large() && some.len() > 1 {
                most = some.iter().map(|part| part.json.len()).sum::<usize>() / 2;
                continue;
            }
            let is_of_one = fault.is_too_large();
            let error = fault.into_error(Effect::Write, self.address());
            if is_of_one {
                answers.push(Err(error));
                continue;
            }
            if answers.is_empty() {
                return Err(error);
            }
            let unsent = match &error {
                Error::Unknown => Error::Unreachable("not sent: the answer before was lost".into()),
                error => error.clone(),
            };
            answers.extend(some.iter().map(|_| Err(error.clone())));
            answers.resize_with(parts.len(), || Err(unsent.clone()));
        }
        Ok(answers)
    }

    async fn send_some<T: DeserializeOwned>(
        &self,
        parts: &[Part],
    ) -> Result<Vec<Result<Written<T>, Error>>, Fault> {
        let all: Vec<&[u8]> = parts.iter().map(|part| &*part.json).collect();
        let body = [b"[", &*all.join(&b','), b"]"].concat();
        let request = self.request(Operation::Batch).query("independent", true).json(body);
        let answer = self.retried(request.effect, || self.send_once(&request)).await?;
        let wanted: Vec<Wanted> = parts.iter().map(|part| part.wanted).collect();
        answer::each(&answer.body, &wanted).map_err(Fault::Unreadable)
    }
}

/// As many as there is room for, and at least one.
fn first_of(parts: &[Part], most: usize) -> &[Part] {
    let mut bytes = 0;
    let fits = |part: &&Part| {
        bytes += part.json.len() + 1;
        bytes <= most
    };
    let count = parts.iter().take_while(fits).count();
    &parts[..count.clamp(1, parts.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_is_room_for() {
        let part = |length| Part { json: vec![b' '; length], wanted: Wanted::Revision };
        let parts = [part(9), part(9), part(30), part(1)];
        for (most, count) in [(0, 1), (10, 1), (19, 1), (20, 2), (50, 2), (51, 3), (1_000, 4)] {
            assert_eq!(first_of(&parts, most).len(), count, "{most}");
        }
    }
}
