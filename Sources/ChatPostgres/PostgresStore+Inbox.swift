package import ChatDomain
import PostgresClient

extension PostgresStore {
    package func inboxIndex(of user: UserID, leftSince floor: Int64) async throws(StoreError) -> InboxIndex {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchInboxIndex(of: user, leftSince: floor)
        }
    }

    /// Reads all entries in one statement.
    package func inboxEntries(of user: UserID, in chats: [ChatID]) async throws(StoreError) -> InboxEntries {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchInboxEntries(of: user, in: chats)
        }
    }
}

extension PostgresConnection {
    fileprivate func fetchInboxIndex(
        of user: UserID,
        leftSince floor: Int64
    ) throws(PostgresError) -> InboxIndex {
        var chats: [InboxIndex.Change] = []
        var left: [InboxIndex.Change] = []
        var end: (mark: InboxMark, epoch: Epoch)?
        try readSnapshot([
            .fetchInboxMark(isDistributed: isDistributed), .fetchInboxChanges(of: user, leftSince: floor),
        ]) {
            index,
            result throws(PostgresError) in
            if index == 0 {
                end = (try result.inboxMark(), try result.epoch())
            } else {
                guard let top = end?.mark.top else { return }
                try result.addInboxChanges(before: top, to: &chats, &left)
            }
        }
        guard let end else { throw .unexpectedResult("a snapshot has no result") }
        return InboxIndex(chats: chats, left: left, mark: end.mark, epoch: end.epoch)
    }

    fileprivate func fetchInboxEntries(
        of user: UserID,
        in chats: [ChatID]
    ) throws(PostgresError) -> InboxEntries {
        let states = ReadStateColumns(of: user, parameter: 2)
        let result = try query(
            """
            SELECT \(Epoch.column), \(HeadColumns.list)\(states.list), \(MessageColumns.list)
            FROM chats \(states.join) LEFT JOIN LATERAL (\(LastMessage.query)) AS messages ON state.role IS NOT NULL
            WHERE chats.id = ANY ($1::bigint[]) AND chats.deleted_at IS NULL
            """,
            [.int64Array(chats.map(\.rawValue))] + states.parameters
        )
        let readStates = try states.states(result, of: chats)
        let lastMessages = try result.lastMessages()
        var entries: [ChatID: InboxEntry] = [:]
        for head in try result.heads() {
            guard let state = readStates[head.chat.id] else { continue }
            entries[head.chat.id] = InboxEntry(chat: head.chat, lastMessage: lastMessages[head.chat.id], state: state)
        }
        return InboxEntries(entries: entries, epoch: try epoch(of: result))
    }
}

extension PostgresStatement {
    /// Reads up to where the snapshot is complete: no transaction below the floor is still running.
    ///
    /// On a distributed database, a transaction that has committed here may still be committing on another node. Citus
    /// has a row about it until it has seen that the transaction is complete everywhere.
    fileprivate static func fetchInboxMark(isDistributed: Bool) -> PostgresStatement {
        let floor = "pg_snapshot_xmin(snapshot)::text::bigint"
        let top = "pg_snapshot_xmax(snapshot)::text::bigint"
        // A row's xmin is the lower half of the transaction's id.
        let oldest = "(SELECT min(\(top) - ((\(top) - xmin::text::bigint) & 4294967295)) FROM pg_dist_transaction)"
        return PostgresStatement(
            """
            SELECT \(isDistributed ? "least(\(floor), \(oldest))" : floor) AS floor, \(top) AS top, \(Epoch.column)
            FROM pg_current_snapshot() AS snapshot
            """
        )
    }

    /// Reads a user's chats, and the departures since a floor.
    ///
    /// The limit of 1 keeps the planner from reading all chats for a join.
    fileprivate static func fetchInboxChanges(of user: UserID, leftSince floor: Int64) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT
                members.chat_id, members.activity, chat.activity AS chat_activity,
                CASE WHEN chat.deleted_at IS NULL THEN 0 ELSE 1 END::bigint AS is_departure
            FROM members CROSS JOIN LATERAL (
                SELECT activity, deleted_at FROM chats WHERE id = members.chat_id LIMIT 1
            ) AS chat
            WHERE members.user_id = $1 AND members.left_seq IS NULL
            UNION ALL
            SELECT chat_id, activity, NULL, 1 FROM departures WHERE user_id = $1 AND activity >= $2
            """,
            [.text(user.value), .int64(floor)]
        )
    }

    /// Notes which users have left chats.
    static func noteDepartures(of members: [MemberReference]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO departures (user_id, chat_id) SELECT * FROM unnest($1::text[], $2::bigint[])
            ON CONFLICT (user_id, chat_id) DO UPDATE SET activity = excluded.activity
            """,
            [.textArray(members.map(\.userID.value)), .int64Array(members.map(\.chatID.rawValue))]
        )
    }
}

/// The newest message that is not deleted, for a row of `chats`.
enum LastMessage {
    /// A subquery to alias as `messages`.
    ///
    /// If the newest message is deleted, it ends a run of deleted messages and knows where the run begins.
    static let query = """
        SELECT \(MessageColumns.names) FROM messages
        WHERE messages.chat_id = chats.id AND messages.deleted_at IS NULL AND messages.seq < (
            SELECT CASE WHEN deleted_at IS NULL THEN seq + 1 ELSE coalesce(run_seq, seq) END
            FROM messages WHERE chat_id = chats.id ORDER BY seq DESC LIMIT 1
        )
        ORDER BY messages.seq DESC LIMIT 1
        """
}

extension PostgresResult {
    /// Reads the message that `LastMessage` found in each row of a chat.
    borrowing func lastMessages() throws(PostgresError) -> [ChatID: Message] {
        let (columns, chat) = (try MessageColumns(self), try column("chat_id"))
        var messages: [ChatID: Message] = [:]
        for row in 0..<rowCount {
            let id = ChatID(rawValue: try int64(chat, row: row))
            messages[id] = try columns.optionalMessage(self, row: row, of: id)
        }
        return messages
    }

    fileprivate borrowing func inboxMark() throws(PostgresError) -> InboxMark {
        InboxMark(floor: try int64(try column("floor"), row: 0), top: try int64(try column("top"), row: 0))
    }

    /// Adds the results of `fetchInboxChanges`; a departure has no activity of a chat.
    ///
    /// - Parameter top: The id of the first transaction that has not begun. A later one belongs to the database from which
    ///   this one was restored.
    fileprivate borrowing func addInboxChanges(
        before top: Int64,
        to chats: inout [InboxIndex.Change],
        _ left: inout [InboxIndex.Change]
    ) throws(PostgresError) {
        let (chat, isDeparture) = (try column("chat_id"), try column("is_departure"))
        let (activity, chatActivity) = (try column("activity"), try column("chat_activity"))
        chats.reserveCapacity(rowCount)
        for row in 0..<rowCount {
            let own = try int64(activity, row: row)
            var latest = own < top ? own : 0
            if !isNull(chatActivity, row: row) {
                let other = try int64(chatActivity, row: row)
                latest = max(latest, other < top ? other : 0)
            } else if latest == 0 {
                continue
            }
            let change = InboxIndex.Change(chatID: ChatID(rawValue: try int64(chat, row: row)), activity: latest)
            if try int64(isDeparture, row: row) == 0 {
                chats.append(change)
            } else {
                left.append(change)
            }
        }
    }
}
