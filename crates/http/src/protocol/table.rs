//! The table of operations: what the HTTP interface can do.
//!
//! From it come the routes and the rights that they require, the labels of the metrics, the requests of the client, and
//! the OpenAPI document. To add an operation, add a row here and its handler to `http/routes`.
//!
//! A row has the name of the operation, its id, its method and path, and in parentheses its subject, the right that it
//! requires, and the name of its command in metrics. The rest is for the OpenAPI document, as is the documentation.

#[cfg(feature = "server")]
use super::{CompactionResult, StoreStats, answer_schemas::*, parameters::*};
use hyper::Method;

use super::Tag;
#[cfg(feature = "server")]
use super::{accounts::*, answers::Done, bodies::*, description::media::*, headers::*};
use crate::auth::Right;
#[cfg(feature = "server")]
use crate::auth::{Access, NewToken, Profile};

super::operation::operations! {
    /// Set a key.
    ///
    /// Creates the entry or replaces it, with a new `created_at`. Without a `ttl` the default of the store applies, which
    /// is none unless configured.
    Set "set" = POST "/api/v1/set" (Entries, Write, "set") {
        parameters: conditions(); errors: "write", "body";
        body: JSON NewEntry = {"key": "car/speed", "value": 42.5, "ttl": "1h"};
        answer: 200 "The key was set." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Read an entry.
    ///
    /// Ordered after every request that was answered before.
    Get "get" = GET "/api/v1/{key}" (Entries, Read, "get") {
        parameters: key(), etags(); errors: "store", "item_not_found";
        answer: 200 "The entry." ["ETag"] JSON Row = {"key": "car/speed", "kind": "json", "value": 42.5, "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Set the key of the path.
    ///
    /// As `POST /api/v1/set`.
    Put "put" = PUT "/api/v1/{key}" (Entries, Write, "set") {
        parameters: key(), conditions(); errors: "write", "body";
        body: JSON NewValue = {"value": ["a", "b"]};
        answer: 200 "The key was set." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Update an entry.
    ///
    /// It must be present, and keeps its `created_at`, and its deadline unless there is a `ttl`. May change its kind.
    Update "update" = PATCH "/api/v1/{key}" (Entries, Write, "update") {
        parameters: key(), conditions(); errors: "write", "body", "item_not_found";
        body: JSON NewValue = {"value": "fast", "ttl": "none"};
        answer: 200 "The entry was updated." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Remove an entry.
    ///
    /// It must be present.
    Remove "remove" = DELETE "/api/v1/{key}" (Entries, Write, "remove") {
        parameters: key(), conditions(); errors: "write", "item_not_found";
        answer: 200 "The entry was removed." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Push an element to a list.
    ///
    /// Creates the list if the key is absent. The answer does not grow with the list.
    Push "push" = POST "/api/v1/{key}/push" (Lists, Write, "push") {
        parameters: key(), fields::<ListEnd>(), conditions(); errors: "write", "body", "invalid_data_type";
        body: JSON NewElement = {"value": "b"};
        answer: 200 "The element was pushed." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 2};
    }
    /// Push an element to a list that is present, and answer the list.
    ///
    /// As `POST`, but for the answer and for an absent key.
    PushRow "push_row" = PATCH "/api/v1/{key}/push" (Lists, Write, "push") {
        parameters: key(), fields::<ListEnd>(), conditions(); errors: "write", "body", "invalid_data_type", "item_not_found";
        body: JSON NewElement = {"value": "b", "ttl": "24h"};
        answer: 200 "The list." ["ETag"] JSON RowOrDone = {"key": "laps", "kind": "string_slice", "value": ["a"], "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Pop an element from a list.
    ///
    /// The answer does not grow with the list.
    Pop "pop" = POST "/api/v1/{key}/pop" (Lists, Write, "pop") {
        parameters: key(), fields::<ListEnd>(), conditions(); errors: "write", "invalid_data_type", "item_not_found", "list_empty";
        answer: 200 "The element was popped." JSON Popped = {"popped": "b", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 1};
    }
    /// Pop an element from a list, and answer the list.
    ///
    /// As `POST`, with the list besides the element.
    PopRow "pop_row" = PATCH "/api/v1/{key}/pop" (Lists, Write, "pop") {
        parameters: key(), fields::<ListEnd>(), conditions(); errors: "write", "invalid_data_type", "item_not_found", "list_empty";
        answer: 200 "The list, and the element that was popped." ["ETag"] JSON RowOrPopped = {"key": "laps", "kind": "string_slice", "value": ["a"], "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z", "popped": "b"};
    }
    /// Keep at most so many elements at one end of a list.
    ///
    /// A list that is short enough already is changed too, and `removed` is 0. With `keep=0` the list stays, and is empty.
    Trim "trim" = POST "/entry/trim" (Lists, Write, "trim") {
        parameters: fields::<TrimQuery>(), conditions(); errors: "write", "invalid_data_type", "item_not_found";
        answer: 200 "The list was trimmed." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 100, "removed": 1};
    }
    /// Read a part of a list.
    ///
    /// `limit=0` asks for the length alone, `offset=-1&limit=1` for the last element.
    Range "range" = GET "/api/v1/{key}/range" (Lists, Read, "range") {
        parameters: key(), fields::<Window>(); errors: "store", "invalid_data_type", "item_not_found";
        answer: 200 "The part." ["ETag"] JSON Part = {"elements": ["a", "b"], "length": 3, "revision": 7};
    }
    /// Let an entry expire, or never.
    ///
    /// The answer does not grow with the entry.
    Expire "expire" = POST "/api/v1/{key}/ttl" (Entries, Write, "expire") {
        parameters: key(), conditions(); errors: "write", "body", "item_not_found";
        body: JSON NewTtl = {"ttl": "90s"};
        answer: 200 "The deadline was changed." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Let an entry expire, or never, and answer it.
    ///
    /// As `POST`, but for the answer.
    ExpireRow "expire_row" = PATCH "/api/v1/{key}/ttl" (Entries, Write, "expire") {
        parameters: key(), conditions(); errors: "write", "body", "item_not_found";
        body: JSON NewTtl = {"ttl": "none"};
        answer: 200 "The entry." ["ETag"] JSON RowOrDone = {"key": "car/speed", "kind": "json", "value": 42.5, "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// A sorted page of keys, or of entries.
    ///
    /// Costs what it returns, not what the store holds. A page of entries ends early when it is longer than 4 MiB: `next`
    /// says whether there is more.
    Keys "keys" = GET "/keys" (Store, Read, "keys") {
        parameters: fields::<PageQuery>(); errors: "store";
        answer: 200 "A page." JSON Page = {"keys": ["car/location", "car/speed"], "next": "car/speed", "revision": 7};
    }
    /// Several writes in one request.
    ///
    /// All or nothing, at one moment, and one event to subscribers: the first write that fails is the error, with its
    /// `index`. With `independent` each write succeeds or fails alone, and its error is at its place in the answer.
    Batch "batch" = POST "/batch" (Store, Write, "batch") {
        parameters: fields::<BatchQuery>(); errors: "write", "body", "item_not_found", "invalid_data_type", "list_empty";
        body: JSON [BatchCommand] = [{"command": "set", "key": "car/speed", "value": 42.5}, {"command": "push", "key": "laps", "value": "b"}];
        answer: 200 "What each write did, in their order." JSON [Outcome] = [{"revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"}, {"revision": 8, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 2}];
    }
    /// Changes as they come.
    ///
    /// A stream of server-sent events, in order, without gaps and duplicates: `entry` (a `Row`) and `snapshot_end` (a
    /// `Mark`) if it starts from a snapshot, `change` (a `Change`), `batch` (a `Batch`), `progress` (a `Mark`) when a
    /// filter has hidden many, and `end` (a `Problem`) when the server ends it. An `id` is a position to resume from:
    /// browsers do so by themselves. A comment is sent when there was no event for a while.
    Watch "watch" = GET "/watch" (Store, Read, "watch") {
        parameters: fields::<WatchQuery>(), last_event_id(); errors: "store", "compacted", "wrong_store", "journal_failed";
        answer: 200 "The stream." ["Mainspring-Store", "Mainspring-Resume"] EVENTS ServerSentEvent = {"event": "change", "id": "5f0c9a1b2c3d4e5f-7", "data": "{\"revision\":7,\"time\":\"2026-11-21T08:42:39.299482077Z\",\"key\":\"car/speed\",\"change\":\"removed\"}"};
    }
    /// Statistics of the store.
    ///
    /// Counters are since its start, sizes are in bytes, times in seconds.
    Stats "stats" = GET "/stats" (Store, ReadAll) {
        answer: 200 "The statistics." JSON StoreStats = {"id": "5f0c9a1b2c3d4e5f", "revision": 7, "entries": 2, "bytes": 120, "queued": 0, "queue_capacity": 1024, "turns": 9, "commands": 9, "expired": 0, "subscribers": 1, "lagged": 0, "max_lag": 0, "history_floor": 0, "history_changes": 7, "history_bytes": 420, "journal": {"appends": 0, "appended_bytes": 0, "syncs": 0, "sync_seconds": 0.0, "unsynced_seconds": 0.0, "compactions": 0, "failed_compactions": 0, "bytes": 0}};
    }
    /// Replace the journal's log by a snapshot.
    ///
    /// Answers when that is done or has failed, which may take minutes if there is much data. It goes on if the client
    /// disconnects. A request during another compaction waits for its end, and then for one of its own, so that the
    /// snapshot is never older than the request. Does nothing without a journal.
    Compact "compact" = POST "/compact" (Store, Admin, "compact") {
        errors: "store", "compaction_failed", "journal_failed";
        answer: 200 "The log was compacted." JSON CompactionResult = {"revision": 7, "bytes_before": 5242880, "bytes_after": 4096};
    }
    /// Everything in one file, to restore it from.
    ///
    /// All entries as of one revision, and the accounts if there are any, as lines of JSON with checksums. It is complete
    /// if the transfer ends regularly and `mainspring journal check FILE` says so; `mainspring journal restore FILE --into
    /// NEW` makes a journal of it. It has the hashes of passwords and tokens, and no signing keys.
    Backup "backup" = GET "/backup" (Backup, Admin, "backup") {
        errors: "store", "journal_failed";
        answer: 200 "The backup." ["Mainspring-Store", "Content-Disposition", "Cache-Control"] LINES String = "{\"format\":2,\"store\":\"5f0c9a1b2c3d4e5f\",\"part\":\"data\",\"parts\":[\"data\"],\"time\":\"2026-11-21T08:42:39.299482077Z\",\"crc\":\"90c1bd65\"}\n";
    }
    /// Remove everything.
    ///
    /// As one change, and none if the store is empty already. Errors are texts, or JSON for clients that accept
    /// `application/json`.
    Flush "flush" = DELETE "/flush" (Plain, WriteAll, "clear") {
        errors: "write";
        answer: 200 "The store is empty." ["Mainspring-Cleared"];
    }
    /// Read a text.
    ///
    /// A value that is not a text is answered as JSON, lists too.
    RawGet "raw_get" = GET "/v1/{key}" (Plain, Read, "get") {
        parameters: key(); errors: "store", "item_not_found";
        answer: 200 "The text." ["X-Content-Type-Options"] TEXT String = "Hello World";
    }
    /// Set a key to the body.
    ///
    /// It never expires.
    RawPut "raw_put" = PUT "/v1/{key}" (Plain, Write, "set") {
        parameters: key(), conditions(); errors: "write";
        body: TEXT String = "Hello World";
        answer: 201 "The key was set.";
    }
    /// Remove a key.
    ///
    /// Succeeds if it is absent.
    RawDelete "raw_delete" = DELETE "/v1/{key}" (Plain, Write, "remove") {
        parameters: key(), conditions(); errors: "write";
        answer: 200 "The key is absent.";
    }
    /// The OpenAPI document as JSON.
    ///
    /// OpenAPI 3.1, made from the table of operations.
    OpenapiJson "openapi_json" = GET "/openapi.json" (Description, None) {
        answer: 200 "The document." JSON Object = {"openapi": "3.1.0"};
    }
    /// The OpenAPI document as YAML.
    ///
    /// The same document as `/openapi.json`.
    OpenapiYaml "openapi_yaml" = GET "/api/v1/docs/swagger.yaml" (Description, None) {
        answer: 200 "The document." YAML Object = {"openapi": "3.1.0"};
    }
    /// A page to read the description and try it.
    ///
    /// Swagger UI; all its files come from this server.
    Docs "docs" = GET "/docs" (Description, None) {
        answer: 200 "A page." HTML String = "<!DOCTYPE html>";
    }
    /// A file of that page.
    ///
    /// Its style, its program, its icons.
    DocsFile "docs_file" = GET "/docs/{file}" (Description, None) {
        parameters: fields::<FilePath>(); errors: "not_found";
        answer: 200 "The file." HTML String = "<!DOCTYPE html>", CSS String = "a {}", SCRIPT String = "1", PNG String = "PNG";
    }
    /// A file of the same page, below the older path.
    ///
    /// Begin at `index.html`.
    SwaggerFile "swagger_file" = GET "/api/v1/docs/swagger/{file}" (Description, None) {
        parameters: fields::<FilePath>(); errors: "not_found";
        answer: 200 "The file." HTML String = "<!DOCTYPE html>", CSS String = "a {}", SCRIPT String = "1", PNG String = "PNG";
    }
    /// Log in.
    ///
    /// After several failures an account has to wait, and so has an address.
    Login "login" = POST "/auth/login" (Accounts, None) {
        errors: "invalid_json", "unauthorized", "too_many_attempts";
        body: JSON Login = {"name": "ada", "password": "wheels within wheels"};
        answer: 200 "The tokens." JSON TokenPair = {"access_token": "eyJ0eXAi.eyJzdWIi.c2lnbmVk", "token_type": "Bearer", "expires_in": 600, "refresh_token": "msr_ada.x.y", "refresh_expires_in": 2592000};
    }
    /// Exchange a refresh token for the next tokens.
    ///
    /// It is valid once. One that is used a second time ends the login, because it was stolen.
    Refresh "refresh" = POST "/auth/refresh" (Accounts, None) {
        errors: "invalid_json", "unauthorized";
        body: JSON Refresh = {"refresh_token": "msr_ada.x.y"};
        answer: 200 "The next tokens." JSON TokenPair = {"access_token": "eyJ0eXAi.eyJzdWIi.c2lnbmVk", "token_type": "Bearer", "expires_in": 600, "refresh_token": "msr_ada.x.z", "refresh_expires_in": 2592000};
    }
    /// Log out.
    ///
    /// Revokes the tokens of this login; with `all`, those of every login of the account.
    Logout "logout" = POST "/auth/logout" (Accounts, Account) {
        errors: "invalid_json";
        body: JSON Logout = {"all": false};
        answer: 200 "The login has ended." JSON Acknowledgement = {"message": "ok"};
    }
    /// The caller's account.
    ///
    /// With an API token, the only token in it is that one.
    Me "me" = GET "/auth/me" (Accounts, Account) {
        answer: 200 "The account." JSON Profile = {"name": "ada", "role": "writer", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "logins": 1, "tokens": []};
    }
    /// Change the caller's password.
    ///
    /// Every login of the account ends; its API tokens stay.
    ChangePassword "change_password" = POST "/auth/password" (Accounts, Account) {
        errors: "invalid_json", "too_many_attempts";
        body: JSON OwnPassword = {"current": "wheels within wheels", "new": "springs and wheels"};
        answer: 200 "The password was changed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Make an account.
    Register "register" = POST "/auth/register" (Accounts, Admin) {
        errors: "invalid_json", "account_exists";
        body: JSON NewAccount = {"name": "ada", "password": "wheels within wheels", "role": "writer", "prefix": "car/"};
        answer: 201 "The account was made." JSON Profile = {"name": "ada", "role": "writer", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "logins": 0, "tokens": []};
    }
    /// All accounts.
    Accounts "accounts" = GET "/auth/accounts" (Accounts, Admin) {
        answer: 200 "The accounts." JSON Profiles = {"accounts": [{"name": "ada", "role": "admin", "created_at": "2026-11-21T08:42:38Z", "logins": 1, "tokens": []}]};
    }
    /// Change what an account may do.
    ///
    /// Takes effect with its next request, and ends its streams.
    SetAccess "set_access" = PUT "/auth/accounts/{name}" (Accounts, Admin) {
        parameters: fields::<AccountPath>(); errors: "invalid_json", "account_not_found";
        body: JSON Access = {"role": "reader", "prefix": "car/"};
        answer: 200 "The access was changed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Remove an account.
    ///
    /// Its tokens and streams end at once.
    RemoveAccount "remove_account" = DELETE "/auth/accounts/{name}" (Accounts, Admin) {
        parameters: fields::<AccountPath>(); errors: "account_not_found";
        answer: 200 "The account was removed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Give an account another password.
    ///
    /// Every login of the account ends; its API tokens stay.
    SetPassword "set_password" = PUT "/auth/accounts/{name}/password" (Accounts, Admin) {
        parameters: fields::<AccountPath>(); errors: "invalid_json", "account_not_found";
        body: JSON Password = {"password": "springs and wheels"};
        answer: 200 "The password was changed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Make an API token.
    ///
    /// It may do what the account may do, or less. It is shown only once. Only an admin makes one of another account.
    AddToken "add_token" = POST "/auth/tokens" (Accounts, Account) {
        errors: "invalid_json", "invalid_ttl", "account_not_found";
        body: JSON NewTokenRequest = {"label": "dashboard", "access": {"role": "reader", "prefix": "car/"}, "ttl": "720h"};
        answer: 201 "The token was made." JSON NewToken = {"token": "mst_ada.x.y", "id": "x", "label": "dashboard", "role": "reader", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "expires_at": "2026-12-21T08:42:38Z"};
    }
    /// Remove a token.
    ///
    /// It is rejected from now on. Only an admin removes one of another account.
    RemoveToken "remove_token" = DELETE "/auth/tokens/{name}/{id}" (Accounts, Account) {
        parameters: fields::<TokenPath>(); errors: "account_not_found";
        answer: 200 "The token was removed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Sign with a new key.
    ///
    /// Tokens signed with the key before it are valid until they expire; those signed with an older one are rejected from
    /// now on.
    RotateKeys "rotate_keys" = POST "/auth/keys" (Accounts, Admin) {
        answer: 200 "The keys that are valid, the newest first." JSON SigningKeys = {"keys": ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]};
    }
    /// Whether the store takes requests, with details.
    Health "health" = GET "/health" (Health, None) {}
    /// Whether the process serves.
    Alive "alive" = GET "/healthz" (Health, None) {}
    /// Whether the store takes requests.
    Ready "ready" = GET "/readyz" (Health, None) {}
    /// Whether the store has recovered.
    Started "started" = GET "/started" (Health, None) {}
    /// Metrics as OpenMetrics text.
    Metrics "metrics" = GET "/metrics" (Metrics, None) {}
}

impl Operation {
    pub(crate) fn method(self) -> &'static Method {
        &self.row().method
    }

    pub(crate) fn path(self) -> &'static str {
        self.row().path
    }

    /// The paths on which it is served. `/api/v1/set` is also the entry whose key is `set`.
    pub(crate) fn paths(self) -> impl Iterator<Item = &'static str> {
        let alias = (self.path() == Self::Get.path()).then_some(Self::Set.path());
        std::iter::once(self.path()).chain(alias)
    }

    /// Its unique name.
    pub(crate) fn id(self) -> &'static str {
        self.row().id
    }

    pub(crate) fn tag(self) -> Tag {
        self.row().tag
    }

    /// The right that a caller needs.
    pub(crate) fn right(self) -> Right {
        self.row().right
    }

    /// The name of the command in metrics.
    pub(crate) fn command(self) -> Option<&'static str> {
        self.row().command
    }
}
