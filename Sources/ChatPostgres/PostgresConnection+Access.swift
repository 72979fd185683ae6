import ChatDomain
import PostgresClient

extension PostgresConnection {
    /// Makes all tokens void that were issued before `now`.
    func revokeAllTokens(at now: Instant) throws(PostgresError) {
        try transact([
            PostgresStatement(
                """
                UPDATE access_state
                SET version = version + 1, tokens_valid_after = greatest(tokens_valid_after, $1) WHERE id = 1
                """,
                [.instant(now)]
            )
        ])
    }

    /// Reads the version and the users in one statement, and so from one snapshot.
    func fetchAccessChanges(after version: Int64) throws(PostgresError) -> AccessChanges {
        let result = try query(
            """
            SELECT
                access_state.version, access_state.tokens_valid_after AS all_valid_after, users.id, deactivated_at,
                users.tokens_valid_after
            FROM access_state LEFT JOIN users ON users.version > 0 AND users.version > $1
            WHERE access_state.id = 1
            """,
            [.int64(version)]
        )
        guard result.rowCount > 0 else { throw .unexpectedResult("the database's access state is missing") }
        let id = try result.column("id")
        let deactivatedAt = try result.column("deactivated_at")
        let tokensValidAfter = try result.column("tokens_valid_after")
        var users: [UserID: UserStanding] = [:]
        for row in 0..<result.rowCount where !result.isNull(id, row: row) {
            guard let user = UserID(stored: try result.text(id, row: row)) else { continue }
            users[user] = UserStanding(
                tokensValidAfter: try result.optionalInstant(tokensValidAfter, row: row),
                isDeactivated: !result.isNull(deactivatedAt, row: row)
            )
        }
        return AccessChanges(
            version: try result.int64(result.column("version"), row: 0),
            tokensValidAfter: try result.optionalInstant(result.column("all_valid_after"), row: 0),
            users: users
        )
    }

    func fetchTicketSecret() throws(PostgresError) -> [UInt8] {
        let result = try query("SELECT ticket_secret FROM access_state WHERE id = 1")
        guard result.rowCount == 1 else { throw .unexpectedResult("the database's access state is missing") }
        return try result.bytes(result.column("ticket_secret"), row: 0)
    }

    func fetchServerKeys() throws(PostgresError) -> [ServerKeyRecord] {
        let result = try query(
            """
            SELECT id, secret_hash, name, scope, created_at, last_used_at, revoked_at
            FROM server_keys ORDER BY created_at, id
            """
        )
        let (id, secretHash) = (try result.column("id"), try result.column("secret_hash"))
        let (name, scope) = (try result.column("name"), try result.column("scope"))
        let createdAt = try result.column("created_at")
        let (lastUsedAt, revokedAt) = (try result.column("last_used_at"), try result.column("revoked_at"))
        var keys: [ServerKeyRecord] = []
        for row in 0..<result.rowCount {
            guard let scope = ServerKeyScope(try result.text(scope, row: row)) else {
                throw .unexpectedResult("a stored server key is invalid")
            }
            keys.append(
                ServerKeyRecord(
                    id: try result.text(id, row: row),
                    secretHash: try result.bytes(secretHash, row: row),
                    name: try result.text(name, row: row),
                    scope: scope,
                    createdAt: try result.instant(createdAt, row: row),
                    lastUsedAt: try result.optionalInstant(lastUsedAt, row: row),
                    revokedAt: try result.optionalInstant(revokedAt, row: row)
                )
            )
        }
        return keys
    }

    func insert(_ key: ServerKeyRecord) throws(PostgresError) {
        try transact([
            .countAccessChange,
            PostgresStatement(
                """
                INSERT INTO server_keys (id, secret_hash, name, scope, created_at, last_used_at, revoked_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                [
                    .text(key.id), .bytes(key.secretHash), .text(key.name), .text(key.scope.text),
                    .instant(key.createdAt), .instant(key.lastUsedAt), .instant(key.revokedAt),
                ]
            ),
        ])
    }

    /// - Returns: Whether there is such a key.
    func revokeServerKey(_ id: String, at now: Instant) throws(PostgresError) -> Bool {
        var isThere = false
        try transact([
            PostgresStatement(
                """
                UPDATE access_state SET version = version + 1
                WHERE id = 1 AND EXISTS (SELECT FROM server_keys WHERE server_keys.id = $1)
                """,
                [.text(id)]
            ),
            PostgresStatement(
                "UPDATE server_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2 RETURNING id",
                [.instant(now), .text(id)]
            ),
        ]) { index, result throws(PostgresError) in
            isThere = index == 1 && result.rowCount > 0
        }
        return isThere
    }

    func recordUse(ofServerKeys hours: [String: Instant]) throws(PostgresError) {
        let uses = hours.sorted { $0.key < $1.key }
        try transact([
            PostgresStatement(
                """
                UPDATE server_keys SET last_used_at = greatest(last_used_at, hour)
                FROM unnest($1::text[], $2::timestamptz[]) AS used (id, hour) WHERE server_keys.id = used.id
                """,
                [.textArray(uses.map(\.key)), .timestampArray(uses.map(\.value.microsecondsSinceEpoch))]
            )
        ])
    }
}

extension PostgresStatement {
    /// Counts up the version of access, and locks it until the transaction ends.
    static let countAccessChange = PostgresStatement("UPDATE access_state SET version = version + 1 WHERE id = 1")
}
