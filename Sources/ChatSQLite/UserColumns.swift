import ChatDomain
import GRDB

/// The column indexes of a user.
struct UserColumns {
    static let list = """
        id, name, avatar_url, metadata, kind, created_at, deactivated_at, tokens_valid_after, erases_below
        """

    private let id, name, avatarURL, metadata, kind, createdAt, deactivatedAt, tokensValidAfter, erasesBelow: Int

    init(_ statement: Statement) throws {
        id = try statement.column("id")
        name = try statement.column("name")
        avatarURL = try statement.column("avatar_url")
        metadata = try statement.column("metadata")
        kind = try statement.column("kind")
        createdAt = try statement.column("created_at")
        deactivatedAt = try statement.column("deactivated_at")
        tokensValidAfter = try statement.column("tokens_valid_after")
        erasesBelow = try statement.column("erases_below")
    }

    func record(_ row: Row) throws(StoreError) -> UserRecord {
        guard let id = UserID(stored: row[id]), let kind = User.Kind(rawValue: row[kind]) else {
            throw .failed(reason: "a stored user is invalid")
        }
        let user = User(
            id: id,
            name: row[name],
            avatarURL: row[avatarURL],
            metadata: Metadata(stored: row[metadata]),
            kind: kind,
            deactivatedAt: Instant(stored: row[deactivatedAt]),
            createdAt: Instant(microsecondsSinceEpoch: row[createdAt])
        )
        return UserRecord(
            user: user,
            tokensValidAfter: Instant(stored: row[tokensValidAfter]),
            erasesBelow: MessageID(stored: row[erasesBelow])
        )
    }
}
