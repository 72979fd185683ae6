import ChatDomain
import FoundationEssentials
import GRDB

/// The statements for server keys and changes of access; each runs inside its caller's snapshot or transaction.
extension Database {
    /// Counts up the version of access.
    func countAccessChange() throws {
        try cachedStatement(sql: "UPDATE access_state SET version = version + 1 WHERE id = 1").execute()
    }

    /// Makes all tokens void that were issued before `now`.
    func revokeAllTokens(at now: Instant) throws {
        try cachedStatement(
            sql: """
                UPDATE access_state
                SET version = version + 1, tokens_valid_after = max(coalesce(tokens_valid_after, 0), ?) WHERE id = 1
                """
        ).execute(arguments: [now.microsecondsSinceEpoch])
    }

    func fetchAccessChanges(after version: Int64) throws -> AccessChanges {
        let state = try cachedStatement(sql: "SELECT version, tokens_valid_after FROM access_state WHERE id = 1")
        guard let present = try Row.fetchOne(state) else {
            throw StoreError.failed(reason: "the database's access state is missing")
        }
        let changed = try cachedStatement(
            sql: "SELECT \(UserColumns.list) FROM users WHERE version > 0 AND version > ?"
        )
        let columns = try UserColumns(changed)
        var users: [UserID: UserStanding] = [:]
        let rows = try Row.fetchCursor(changed, arguments: [version])
        while let row = try rows.next() {
            let record = try columns.record(row)
            users[record.user.id] = record.standing
        }
        return AccessChanges(
            version: present["version"],
            tokensValidAfter: Instant(stored: present["tokens_valid_after"]),
            users: users
        )
    }

    func fetchTicketSecret() throws -> [UInt8] {
        guard let secret = try Data.fetchOne(self, sql: "SELECT ticket_secret FROM access_state WHERE id = 1") else {
            throw StoreError.failed(reason: "the database's access state is missing")
        }
        return Array(secret)
    }

    func fetchServerKeys() throws -> [ServerKeyRecord] {
        let rows = try Row.fetchCursor(
            cachedStatement(
                sql: """
                    SELECT id, secret_hash, name, scope, created_at, last_used_at, revoked_at
                    FROM server_keys ORDER BY created_at, id
                    """
            )
        )
        var keys: [ServerKeyRecord] = []
        while let row = try rows.next() {
            guard let scope = ServerKeyScope(row["scope"]) else {
                throw StoreError.failed(reason: "a stored server key is invalid")
            }
            keys.append(
                ServerKeyRecord(
                    id: row["id"],
                    secretHash: Array(row["secret_hash"] as Data),
                    name: row["name"],
                    scope: scope,
                    createdAt: Instant(microsecondsSinceEpoch: row["created_at"]),
                    lastUsedAt: Instant(stored: row["last_used_at"]),
                    revokedAt: Instant(stored: row["revoked_at"])
                )
            )
        }
        return keys
    }

    func insert(_ key: ServerKeyRecord) throws {
        try cachedStatement(
            sql: """
                INSERT INTO server_keys (id, secret_hash, name, scope, created_at, last_used_at, revoked_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(
            arguments: [
                key.id, Data(key.secretHash), key.name, key.scope.text, key.createdAt.microsecondsSinceEpoch,
                key.lastUsedAt?.microsecondsSinceEpoch, key.revokedAt?.microsecondsSinceEpoch,
            ]
        )
        try countAccessChange()
    }

    /// - Returns: Whether there is such a key.
    func revokeServerKey(_ id: String, at now: Instant) throws -> Bool {
        try cachedStatement(sql: "UPDATE server_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?")
            .execute(arguments: [now.microsecondsSinceEpoch, id])
        guard changesCount > 0 else { return false }
        try countAccessChange()
        return true
    }

    func recordUse(ofServerKey id: String, at hour: Instant) throws {
        try cachedStatement(
            sql: "UPDATE server_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?"
        ).execute(arguments: [hour.microsecondsSinceEpoch, id])
    }
}
