//! The table of operations of the HTTP interface.
//!
//! The routes and the rights that they require, the labels of the metrics, the requests of the client, and the OpenAPI
//! document are derived from it. To add an operation, add a row here and a handler in `server/routes`.
//!
//! A row has the name of the operation, its id, its method and path, and in parentheses its subject, the right that it
//! requires, and the name of its command in metrics. The rest, and the documentation, is for the OpenAPI document.

#[cfg(feature = "server")]
use super::{CompactionResult, StoreStats, parameters::*, response_schemas::*};
use hyper::Method;

use super::Tag;
#[cfg(feature = "server")]
use super::{accounts::*, bodies::*, description::media::*, headers::*, responses::Done};
use crate::auth::Right;
#[cfg(feature = "server")]
use crate::auth::{Access, NewToken, Profile};

super::operation::operations! {
    /// Set a key.
    ///
    /// Creates or replaces the entry, with a new `created_at`. Without a `ttl`, the default of the store applies, which is
    /// no time to live unless configured.
    Set "set" = POST "/api/v1/set" (Entries, Write, "set") {
        parameters: conditions(); errors: "write", "body";
        body: JSON NewEntry = {"key": "car/speed", "value": 42.5, "ttl": "1h"};
        response: 200 "The key was set." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Read an entry.
    ///
    /// Reflects every request that was completed before this one was sent.
    Get "get" = GET "/api/v1/{key}" (Entries, Read, "get") {
        parameters: key(), etags(); errors: "store", "item_not_found";
        response: 200 "The entry." ["ETag"] JSON Row = {"key": "car/speed", "kind": "json", "value": 42.5, "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Set the key of the path.
    ///
    /// The same as `POST /api/v1/set`.
    Put "put" = PUT "/api/v1/{key}" (Entries, Write, "set") {
        parameters: key(), conditions(); errors: "write", "body";
        body: JSON NewValue = {"value": ["a", "b"]};
        response: 200 "The key was set." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Update an entry.
    ///
    /// The key must be present. The entry keeps its `created_at`, and its deadline unless there is a `ttl`. Its kind may
    /// change.
    Update "update" = PATCH "/api/v1/{key}" (Entries, Write, "update") {
        parameters: key(), conditions(); errors: "write", "body", "item_not_found";
        body: JSON NewValue = {"value": "fast", "ttl": "none"};
        response: 200 "The entry was updated." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Remove an entry.
    ///
    /// The key must be present.
    Remove "remove" = DELETE "/api/v1/{key}" (Entries, Write, "remove") {
        parameters: key(), conditions(); errors: "write", "item_not_found";
        response: 200 "The entry was removed." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Push an element to a list.
    ///
    /// Creates the list if the key is absent. The size of the response does not depend on the list.
    Push "push" = POST "/api/v1/{key}/push" (Lists, Write, "push") {
        parameters: key(), fields::<ListEnd>(), conditions(); errors: "write", "body", "invalid_data_type";
        body: JSON NewElement = {"value": "b"};
        response: 200 "The element was pushed." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 2};
    }
    /// Push an element to an existing list, and return the list.
    ///
    /// Unlike `POST`, the response is the list, and an absent key is an error.
    PushRow "push_row" = PATCH "/api/v1/{key}/push" (Lists, Write, "push") {
        parameters: key(), fields::<ListEnd>(), conditions(); errors: "write", "body", "invalid_data_type", "item_not_found";
        body: JSON NewElement = {"value": "b", "ttl": "24h"};
        response: 200 "The list." ["ETag"] JSON RowOrDone = {"key": "laps", "kind": "string_slice", "value": ["a"], "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Pop an element from a list.
    ///
    /// The size of the response does not depend on the list.
    Pop "pop" = POST "/api/v1/{key}/pop" (Lists, Write, "pop") {
        parameters: key(), fields::<ListEnd>(), conditions(); errors: "write", "invalid_data_type", "item_not_found", "list_empty";
        response: 200 "The element was popped." JSON Popped = {"popped": "b", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 1};
    }
    /// Pop an element from a list, and return the list.
    ///
    /// Unlike `POST`, the response has the list besides the element.
    PopRow "pop_row" = PATCH "/api/v1/{key}/pop" (Lists, Write, "pop") {
        parameters: key(), fields::<ListEnd>(), conditions(); errors: "write", "invalid_data_type", "item_not_found", "list_empty";
        response: 200 "The list, and the element that was popped." ["ETag"] JSON RowOrPopped = {"key": "laps", "kind": "string_slice", "value": ["a"], "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z", "popped": "b"};
    }
    /// Keep at most `keep` elements at one end of a list.
    ///
    /// A list that is already short enough also gets a new revision, and `removed` is 0. With `keep=0` an empty list
    /// remains.
    Trim "trim" = POST "/entry/trim" (Lists, Write, "trim") {
        parameters: fields::<TrimQuery>(), conditions(); errors: "write", "invalid_data_type", "item_not_found";
        response: 200 "The list was trimmed." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 100, "removed": 1};
    }
    /// Read a range of a list.
    ///
    /// `limit=0` returns only the length, `offset=-1&limit=1` the last element.
    Range "range" = GET "/api/v1/{key}/range" (Lists, Read, "range") {
        parameters: key(), fields::<Window>(); errors: "store", "invalid_data_type", "item_not_found";
        response: 200 "The range." ["ETag"] JSON Part = {"elements": ["a", "b"], "length": 3, "revision": 7};
    }
    /// Set or remove the deadline of an entry.
    ///
    /// The size of the response does not depend on the entry.
    Expire "expire" = POST "/api/v1/{key}/ttl" (Entries, Write, "expire") {
        parameters: key(), conditions(); errors: "write", "body", "item_not_found";
        body: JSON NewTtl = {"ttl": "90s"};
        response: 200 "The deadline was changed." JSON Done = {"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// Set or remove the deadline of an entry, and return the entry.
    ///
    /// Unlike `POST`, the response is the entry.
    ExpireRow "expire_row" = PATCH "/api/v1/{key}/ttl" (Entries, Write, "expire") {
        parameters: key(), conditions(); errors: "write", "body", "item_not_found";
        body: JSON NewTtl = {"ttl": "none"};
        response: 200 "The entry." ["ETag"] JSON RowOrDone = {"key": "car/speed", "kind": "json", "value": 42.5, "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"};
    }
    /// List keys or entries, one sorted page at a time.
    ///
    /// The cost is that of the page, not of the store. A page of entries ends early when it exceeds 4 MiB; `next` is
    /// `null` on the last page.
    Keys "keys" = GET "/keys" (Store, Read, "keys") {
        parameters: fields::<PageQuery>(); errors: "store";
        response: 200 "A page." JSON Page = {"keys": ["car/location", "car/speed"], "next": "car/speed", "revision": 7};
    }
    /// Apply several writes in one request.
    ///
    /// All or none, atomically, and delivered to subscribers as one event. The error is that of the first write that
    /// fails, with its `index`. With `independent`, each write succeeds or fails alone, and its error is at its index in
    /// the response.
    Batch "batch" = POST "/batch" (Store, Write, "batch") {
        parameters: fields::<BatchQuery>(); errors: "write", "body", "item_not_found", "invalid_data_type", "list_empty";
        body: JSON [BatchCommand] = [{"command": "set", "key": "car/speed", "value": 42.5}, {"command": "push", "key": "laps", "value": "b"}];
        response: 200 "The results of the writes, in their order." JSON [BatchResult] = [{"revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"}, {"revision": 8, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 2}];
    }
    /// Subscribe to changes.
    ///
    /// A stream of server-sent events, in order, without gaps and duplicates: `entry` (a `Row`) and `snapshot_end` (a
    /// `Mark`) if it starts from a snapshot, `change` (a `Change`), `batch` (a `Batch`), `progress` (a `Mark`) after the
    /// filter has hidden many changes, and `end` (a `Problem`) when the server ends the stream. An `id` is a position to
    /// resume from; browsers resume automatically. A comment is sent when there was no event for a while.
    Watch "watch" = GET "/watch" (Store, Read, "watch") {
        parameters: fields::<WatchQuery>(), last_event_id(); errors: "store", "compacted", "wrong_store", "journal_failed";
        response: 200 "The stream." ["Mainspring-Store", "Mainspring-Resume"] EVENTS ServerSentEvent = {"event": "change", "id": "5f0c9a1b2c3d4e5f-7", "data": "{\"revision\":7,\"time\":\"2026-11-21T08:42:39.299482077Z\",\"key\":\"car/speed\",\"change\":\"removed\"}"};
    }
    /// Statistics of the store.
    ///
    /// Counters start at zero with the store. Sizes are in bytes, times in seconds.
    Stats "stats" = GET "/stats" (Store, ReadAll) {
        response: 200 "The statistics." JSON StoreStats = {"id": "5f0c9a1b2c3d4e5f", "revision": 7, "entries": 2, "bytes": 120, "queued": 0, "queue_capacity": 1024, "turns": 9, "commands": 9, "expired": 0, "subscribers": 1, "lagged": 0, "max_lag": 0, "history_floor": 0, "history_changes": 7, "history_bytes": 420, "journal": {"appends": 0, "appended_bytes": 0, "syncs": 0, "sync_seconds": 0.0, "unsynced_seconds": 0.0, "compactions": 0, "failed_compactions": 0, "bytes": 0}};
    }
    /// Replace the log of the journal by a snapshot.
    ///
    /// Responds when the compaction has succeeded or failed, which may take minutes if there is much data. It continues
    /// if the client disconnects. A request during another compaction waits for its end, and then for a compaction of its
    /// own, so that the snapshot is never older than the request. Does nothing without a journal.
    Compact "compact" = POST "/compact" (Store, Admin, "compact") {
        errors: "store", "compaction_failed", "journal_failed";
        response: 200 "The log was compacted." JSON CompactionResult = {"revision": 7, "bytes_before": 5242880, "bytes_after": 4096};
    }
    /// Download a backup of all data in one file.
    ///
    /// All entries as of one revision, and the accounts if there are any, as lines of JSON with checksums. It is complete
    /// if the transfer ends normally and `mainspring journal check FILE` succeeds; `mainspring journal restore FILE --into
    /// NEW` creates a journal from it. It contains the hashes of passwords and tokens, and no signing keys.
    Backup "backup" = GET "/backup" (Backup, Admin, "backup") {
        errors: "store", "journal_failed";
        response: 200 "The backup." ["Mainspring-Store", "Content-Disposition", "Cache-Control"] LINES String = "{\"format\":2,\"store\":\"5f0c9a1b2c3d4e5f\",\"part\":\"data\",\"parts\":[\"data\"],\"time\":\"2026-11-21T08:42:39.299482077Z\",\"crc\":\"90c1bd65\"}\n";
    }
    /// Remove all keys.
    ///
    /// As one change, or none if the store is already empty. Errors are plain text, or JSON for clients that accept
    /// `application/json`.
    Flush "flush" = DELETE "/flush" (Plain, WriteAll, "clear") {
        errors: "write";
        response: 200 "The store is empty." ["Mainspring-Cleared"];
    }
    /// Read a value as plain text.
    ///
    /// A value that is not a text, such as a list, is returned as JSON.
    RawGet "raw_get" = GET "/v1/{key}" (Plain, Read, "get") {
        parameters: key(); errors: "store", "item_not_found";
        response: 200 "The text." ["X-Content-Type-Options"] TEXT String = "Hello World";
    }
    /// Set a key to the body.
    ///
    /// The entry never expires.
    RawPut "raw_put" = PUT "/v1/{key}" (Plain, Write, "set") {
        parameters: key(), conditions(); errors: "write";
        body: TEXT String = "Hello World";
        response: 201 "The key was set.";
    }
    /// Remove a key.
    ///
    /// Also succeeds if the key is absent.
    RawDelete "raw_delete" = DELETE "/v1/{key}" (Plain, Write, "remove") {
        parameters: key(), conditions(); errors: "write";
        response: 200 "The key is absent.";
    }
    /// The OpenAPI document as JSON.
    ///
    /// OpenAPI 3.1, generated from the table of operations.
    OpenapiJson "openapi_json" = GET "/openapi.json" (Description, None) {
        response: 200 "The document." JSON Object = {"openapi": "3.1.0"};
    }
    /// The OpenAPI document as YAML.
    ///
    /// The same document as `/openapi.json`.
    OpenapiYaml "openapi_yaml" = GET "/api/v1/docs/swagger.yaml" (Description, None) {
        response: 200 "The document." YAML Object = {"openapi": "3.1.0"};
    }
    /// A page to read and try the API.
    ///
    /// Swagger UI; this server serves all its files.
    Docs "docs" = GET "/docs" (Description, None) {
        response: 200 "A page." HTML String = "<!DOCTYPE html>";
    }
    /// A file of the Swagger UI page.
    ///
    /// Its style sheets, scripts and icons.
    DocsFile "docs_file" = GET "/docs/{file}" (Description, None) {
        parameters: fields::<FilePath>(); errors: "not_found";
        response: 200 "The file." HTML String = "<!DOCTYPE html>", CSS String = "a {}", SCRIPT String = "1", PNG String = "PNG";
    }
    /// A file of the Swagger UI page, under the older path.
    ///
    /// Start at `index.html`.
    SwaggerFile "swagger_file" = GET "/api/v1/docs/swagger/{file}" (Description, None) {
        parameters: fields::<FilePath>(); errors: "not_found";
        response: 200 "The file." HTML String = "<!DOCTYPE html>", CSS String = "a {}", SCRIPT String = "1", PNG String = "PNG";
    }
    /// Log in.
    ///
    /// After several failures, further attempts for the account and from the address are delayed.
    Login "login" = POST "/auth/login" (Accounts, None) {
        errors: "invalid_json", "unauthorized", "too_many_attempts";
        body: JSON Login = {"name": "ada", "password": "wheels within wheels"};
        response: 200 "The tokens." JSON TokenPair = {"access_token": "eyJ0eXAi.eyJzdWIi.c2lnbmVk", "token_type": "Bearer", "expires_in": 600, "refresh_token": "msr_ada.x.y", "refresh_expires_in": 2592000};
    }
    /// Exchange a refresh token for new tokens.
    ///
    /// A refresh token is valid once. Using it a second time ends the login, because the token may have been stolen.
    Refresh "refresh" = POST "/auth/refresh" (Accounts, None) {
        errors: "invalid_json", "unauthorized";
        body: JSON Refresh = {"refresh_token": "msr_ada.x.y"};
        response: 200 "The new tokens." JSON TokenPair = {"access_token": "eyJ0eXAi.eyJzdWIi.c2lnbmVk", "token_type": "Bearer", "expires_in": 600, "refresh_token": "msr_ada.x.z", "refresh_expires_in": 2592000};
    }
    /// Log out.
    ///
    /// Revokes the tokens of this login; with `all`, those of all logins of the account.
    Logout "logout" = POST "/auth/logout" (Accounts, Account) {
        errors: "invalid_json";
        body: JSON Logout = {"all": false};
        response: 200 "The login has ended." JSON Acknowledgement = {"message": "ok"};
    }
    /// Read the account of the caller.
    ///
    /// A caller with an API token sees only that token.
    Me "me" = GET "/auth/me" (Accounts, Account) {
        response: 200 "The account." JSON Profile = {"name": "ada", "role": "writer", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "logins": 1, "tokens": []};
    }
    /// Change the password of the caller.
    ///
    /// All logins of the account end; its API tokens remain valid.
    ChangePassword "change_password" = POST "/auth/password" (Accounts, Account) {
        errors: "invalid_json", "too_many_attempts";
        body: JSON OwnPassword = {"current": "wheels within wheels", "new": "springs and wheels"};
        response: 200 "The password was changed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Create an account.
    Register "register" = POST "/auth/register" (Accounts, Admin) {
        errors: "invalid_json", "account_exists";
        body: JSON NewAccount = {"name": "ada", "password": "wheels within wheels", "role": "writer", "prefix": "car/"};
        response: 201 "The account was created." JSON Profile = {"name": "ada", "role": "writer", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "logins": 0, "tokens": []};
    }
    /// List all accounts.
    Accounts "accounts" = GET "/auth/accounts" (Accounts, Admin) {
        response: 200 "The accounts." JSON Profiles = {"accounts": [{"name": "ada", "role": "admin", "created_at": "2026-11-21T08:42:38Z", "logins": 1, "tokens": []}]};
    }
    /// Change the access of an account.
    ///
    /// Takes effect with the next request of the account, and ends its streams.
    SetAccess "set_access" = PUT "/auth/accounts/{name}" (Accounts, Admin) {
        parameters: fields::<AccountPath>(); errors: "invalid_json", "account_not_found";
        body: JSON Access = {"role": "reader", "prefix": "car/"};
        response: 200 "The access was changed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Remove an account.
    ///
    /// Its tokens become invalid and its streams end at once.
    RemoveAccount "remove_account" = DELETE "/auth/accounts/{name}" (Accounts, Admin) {
        parameters: fields::<AccountPath>(); errors: "account_not_found";
        response: 200 "The account was removed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Set the password of an account.
    ///
    /// All logins of the account end; its API tokens remain valid.
    SetPassword "set_password" = PUT "/auth/accounts/{name}/password" (Accounts, Admin) {
        parameters: fields::<AccountPath>(); errors: "invalid_json", "account_not_found";
        body: JSON Password = {"password": "springs and wheels"};
        response: 200 "The password was changed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Create an API token.
    ///
    /// It has the access of the account, or less. It is shown only once. Only an administrator can create one for another
    /// account.
    AddToken "add_token" = POST "/auth/tokens" (Accounts, Account) {
        errors: "invalid_json", "invalid_ttl", "account_not_found";
        body: JSON NewTokenRequest = {"label": "dashboard", "access": {"role": "reader", "prefix": "car/"}, "ttl": "720h"};
        response: 201 "The token was created." JSON NewToken = {"token": "mst_ada.x.y", "id": "x", "label": "dashboard", "role": "reader", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "expires_at": "2026-12-21T08:42:38Z"};
    }
    /// Remove an API token.
    ///
    /// It is rejected from then on. Only an administrator can remove one of another account.
    RemoveToken "remove_token" = DELETE "/auth/tokens/{name}/{id}" (Accounts, Account) {
        parameters: fields::<TokenPath>(); errors: "account_not_found";
        response: 200 "The token was removed." JSON Acknowledgement = {"message": "ok"};
    }
    /// Rotate the signing keys.
    ///
    /// Tokens signed with the previous key are valid until they expire; those signed with an older key are rejected from
    /// then on.
    RotateKeys "rotate_keys" = POST "/auth/keys" (Accounts, Admin) {
        response: 200 "The valid keys, newest first." JSON SigningKeys = {"keys": ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]};
    }
    /// Report whether the store accepts requests, with details.
    Health "health" = GET "/health" (Health, None) {}
    /// Report whether the process is running.
    Alive "alive" = GET "/healthz" (Health, None) {}
    /// Report whether the store accepts requests.
    Ready "ready" = GET "/readyz" (Health, None) {}
    /// Report whether the store has recovered.
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

    /// Returns the paths on which it is served. `/api/v1/set` is also the path of the entry whose key is `set`.
    pub(crate) fn paths(self) -> impl Iterator<Item = &'static str> {
        let alias = (self.path() == Self::Get.path()).then_some(Self::Set.path());
        std::iter::once(self.path()).chain(alias)
    }

    /// Returns its unique name.
    pub(crate) fn id(self) -> &'static str {
        self.row().id
    }

    pub(crate) fn tag(self) -> Tag {
        self.row().tag
    }

    /// Returns the right that it requires.
    pub(crate) fn right(self) -> Right {
        self.row().right
    }

    /// Returns the name of its command in metrics.
    pub(crate) fn command(self) -> Option<&'static str> {
        self.row().command
    }
}
