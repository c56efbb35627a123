//! Independent writes over HTTP, in as few requests as the limit of the server allows.

use mainspring::{Error, Write, Written};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Remote;
use super::decode::{self, RequiredMember};
use super::failure::{Effect, Failure};
use super::write::{cannot, command};
use crate::protocol::Operation;

/// The approximate maximum size of one request: half of the default limit of a server. If the limit of a server is lower,
/// it responds so, and the size is halved.
const MAX_BYTES: usize = 512 << 10;

/// A write as JSON.
struct EncodedWrite {
    json: Vec<u8>,
    required: RequiredMember,
}

impl EncodedWrite {
    fn new<T: Serialize>(write: &Write<T>) -> Result<Self, Error> {
        let json = serde_json::to_vec(&command(write)?).map_err(cannot)?;
        Ok(Self { json, required: RequiredMember::of(write) })
    }
}

impl Remote {
    /// Sends independent writes, and returns the result of each.
    pub(super) async fn write_many<T: Serialize + DeserializeOwned>(
        &self,
        writes: &[Write<T>],
    ) -> Result<Vec<Result<Written<T>, Error>>, Error> {
        // Writes that cannot be encoded fail here; the others are sent without them.
        let mut encoded = Vec::with_capacity(writes.len());
        let encode = |write| EncodedWrite::new(write).map(|write| encoded.push(write)).err();
        let invalid: Vec<Option<Error>> = writes.iter().map(encode).collect();
        let mut results = self.send_all(&encoded).await?.into_iter();
        let lost = || Err(Error::Unknown);
        let result = |invalid: Option<Error>| match invalid {
            Some(error) => Err(error),
            None => results.next().unwrap_or_else(lost),
        };
        Ok(invalid.into_iter().map(result).collect())
    }

    /// Returns one result per write. The requests are sent one after another, because the writes have an order.
    async fn send_all<T: DeserializeOwned>(
        &self,
        writes: &[EncodedWrite],
    ) -> Result<Vec<Result<Written<T>, Error>>, Error> {
        let mut results = Vec::with_capacity(writes.len());
        let mut max_bytes = MAX_BYTES;
        while results.len() < writes.len() {
            let chunk = first_chunk(&writes[results.len()..], max_bytes);
            let failure = match self.send_chunk(chunk).await {
                Ok(received) => {
                    results.extend(received);
                    continue;
                }
                Err(failure) => failure,
            };
            if failure.is_too_large() && chunk.len() > 1 {
                max_bytes = chunk.iter().map(|write| write.json.len()).sum::<usize>() / 2;
                continue;
            }
            let is_single = failure.is_too_large();
            let error = failure.into_error(Effect::Write, self.address());
            if is_single {
                results.push(Err(error));
                continue;
            }
            if results.is_empty() {
                return Err(error);
            }
            let unsent = match &error {
                Error::Unknown => {
                    Error::Unreachable("not sent: the response to an earlier write was lost".into())
                }
                error => error.clone(),
            };
            results.extend(chunk.iter().map(|_| Err(error.clone())));
            results.resize_with(writes.len(), || Err(unsent.clone()));
        }
        Ok(results)
    }

    async fn send_chunk<T: DeserializeOwned>(
        &self,
        writes: &[EncodedWrite],
    ) -> Result<Vec<Result<Written<T>, Error>>, Failure> {
        let all: Vec<&[u8]> = writes.iter().map(|write| &*write.json).collect();
        let body = [b"[", &*all.join(&b','), b"]"].concat();
        let request = self.request(Operation::Batch).query("independent", true).json(body);
        let response = self.retry(request.effect, || self.send_once(&request)).await?;
        let required: Vec<RequiredMember> = writes.iter().map(|write| write.required).collect();
        decode::independent(&response.body, &required).map_err(Failure::Unreadable)
    }
}

/// The first writes whose total size is within the limit, and at least one.
fn first_chunk(writes: &[EncodedWrite], max_bytes: usize) -> &[EncodedWrite] {
    let mut bytes = 0;
    let fits = |write: &&EncodedWrite| {
        bytes += write.json.len() + 1;
        bytes <= max_bytes
    };
    let count = writes.iter().take_while(fits).count();
    &writes[..count.clamp(1, writes.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_chunk_is_within_the_limit_and_not_empty() {
        let write =
            |length| EncodedWrite { json: vec![b' '; length], required: RequiredMember::Revision };
        let writes = [write(9), write(9), write(30), write(1)];
        for (max, count) in [(0, 1), (10, 1), (19, 1), (20, 2), (50, 2), (51, 3), (1_000, 4)] {
            assert_eq!(first_chunk(&writes, max).len(), count, "{max}");
        }
    }
}
