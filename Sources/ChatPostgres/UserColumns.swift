import ChatDomain
import PostgresClient

/// The column indexes of a user.
struct UserColumns {
    static let list = [
        "id", "name", "avatar_url", "metadata", "kind", "created_at", "deactivated_at", "tokens_valid_after",
        "erases_below",
    ].map { "users.\($0)" }.joined(separator: ", ")

    private let id, name, avatarURL, metadata, kind, createdAt, deactivatedAt, tokensValidAfter, erasesBelow: Int

    init(_ result: borrowing PostgresResult) throws(PostgresError) {
        id = try result.column("id")
        name = try result.column("name")
        avatarURL = try result.column("avatar_url")
        metadata = try result.column("metadata")
        kind = try result.column("kind")
        createdAt = try result.column("created_at")
        deactivatedAt = try result.column("deactivated_at")
        tokensValidAfter = try result.column("tokens_valid_after")
        erasesBelow = try result.column("erases_below")
    }

    func record(_ result: borrowing PostgresResult, row: Int) throws(PostgresError) -> UserRecord {
        guard let id = UserID(stored: try result.text(id, row: row)),
            let kind = User.Kind(rawValue: try result.text(kind, row: row))
        else { throw .unexpectedResult("a stored user is invalid") }
        let user = User(
            id: id,
            name: try result.optionalText(name, row: row),
            avatarURL: try result.optionalText(avatarURL, row: row),
            metadata: try result.metadata(metadata, row: row),
            kind: kind,
            deactivatedAt: try result.optionalInstant(deactivatedAt, row: row),
            createdAt: try result.instant(createdAt, row: row)
        )
        return UserRecord(
            user: user,
            tokensValidAfter: try result.optionalInstant(tokensValidAfter, row: row),
            erasesBelow: try result.optionalMessageID(erasesBelow, row: row)
        )
    }
}

extension PostgresResult {
    /// Reads each row's user.
    borrowing func users() throws(PostgresError) -> [UserRecord] {
        let columns = try UserColumns(self)
        var users: [UserRecord] = []
        for row in 0..<rowCount {
            users.append(try columns.record(self, row: row))
        }
        return users
    }
}
