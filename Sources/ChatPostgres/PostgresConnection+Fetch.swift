import ChatDomain
import PostgresClient

extension LatestMessagesRequest {
    /// Whether the result has fewer messages than requested although the chat has more.
    fileprivate func hasFewer(_ result: Result<LatestMessages?, StoreError>) -> Bool {
        guard case .success(let latest?) = result else { return false }
        let chat = latest.chat
        return chat.messages.count < query.limit && chat.messages.count < chat.chat.messageCount
    }
}

/// A subquery that finds the latest messages for a row of `request` and its row of `chats`.
private enum NewestMessages {
    /// Reads the log backward and tolerates up to 64 deleted messages.
    case tolerating
    /// Walks backward from message to message and skips runs of deleted ones.
    ///
    /// There is at most one more run than messages returned, so the time does not depend on the runs' length.
    case skipping

    /// - Parameter chat: An expression for the chat's id; constant for `skipping` on a distributed database.
    func query(of chat: String) -> String {
        switch self {
        case .tolerating:
            """
            SELECT \(MessageColumns.names) FROM (
                SELECT \(MessageColumns.names) FROM messages
                WHERE messages.chat_id = \(chat)
                    AND (request.known_epoch, request.known_seq, request.known_at)
                        IS DISTINCT FROM (history.epoch, chats.last_seq, chats.last_entry_at)
                ORDER BY seq DESC LIMIT request.size + 64
            ) AS newest
            WHERE deleted_at IS NULL ORDER BY seq DESC LIMIT request.size
            """
        case .skipping:
            // The limit of 1 keeps the planner from reading the whole log for a join.
            """
            WITH RECURSIVE walk (seq, end_seq, found) AS (
                SELECT NULL::bigint, chats.last_seq + 1, 0::bigint
                UNION ALL
                SELECT
                    CASE WHEN deleted_at IS NULL THEN entry.seq END,
                    CASE WHEN deleted_at IS NULL THEN entry.seq ELSE least(entry.seq, run_seq) END,
                    CASE WHEN deleted_at IS NULL THEN found + 1 ELSE found END
                FROM walk CROSS JOIN LATERAL (
                    SELECT seq, deleted_at, run_seq FROM messages
                    WHERE messages.chat_id = \(chat) AND messages.seq < walk.end_seq
                    ORDER BY seq DESC LIMIT 1
                ) AS entry
                WHERE found < request.size
            )
            SELECT \(MessageColumns.list) FROM walk CROSS JOIN LATERAL (
                SELECT \(MessageColumns.names) FROM messages
                WHERE messages.chat_id = \(chat) AND messages.seq = walk.seq LIMIT 1
            ) AS messages
            """
        }
    }
}

/// Reads; each query is one statement and therefore one snapshot.
extension PostgresConnection {
    /// Reads the latest messages of several chats; nil means that the log is unchanged.
    ///
    /// - Parameters:
    ///   - requests: Distinct requests.
    ///   - memberships: Users who read these chats, if it depends on a membership whether they may.
    /// - Returns: The results in request order, and the roles of these users in the same snapshot. On a distributed
    ///   database, each node has a snapshot of its own.
    func fetch(
        _ requests: [LatestMessagesRequest],
        _ memberships: Set<MemberReference>
    ) throws(PostgresError) -> (results: [Result<LatestMessages?, StoreError>], roles: [MemberReference: ChatRole]) {
        do throws(PostgresError) {
            return try fetchTogether(requests, memberships)
        } catch  where isNodeFailure(error) {
            let groups = try groupByNode(requests.map(\.query.chatID))
            guard groups.count > 1 else { throw error }
            var results = requests.map { _ in Result<LatestMessages?, StoreError>.failure(StoreError(error).ofRead) }
            var roles: [MemberReference: ChatRole] = [:]
            for group in groups {
                let chats = Set(group.map { requests[$0].query.chatID })
                do throws(PostgresError) {
                    let part = try fetchTogether(
                        group.map { requests[$0] },
                        memberships.filter { chats.contains($0.chatID) }
                    )
                    for (index, result) in zip(group, part.results) {
                        results[index] = result
                    }
                    roles.merge(part.roles) { $1 }
                } catch  where isNodeFailure(error) {}
            }
            return (results, roles)
        }
    }

    private func fetchTogether(
        _ requests: [LatestMessagesRequest],
        _ memberships: Set<MemberReference>
    ) throws(PostgresError) -> (results: [Result<LatestMessages?, StoreError>], roles: [MemberReference: ChatRole]) {
        var (results, roles) = try fetch(requests, memberships, .tolerating)
        // If many of the last messages are deleted, the cheap query finds too few of the others.
        let short = requests.indices.filter { requests[$0].hasFewer(results[$0]) }
        if !short.isEmpty {
            let others: [Result<LatestMessages?, StoreError>]
            // The later roles apply to all: who may read then may read what was there before.
            (others, roles) = try fetch(short.map { requests[$0] }, memberships, .skipping)
            for (index, result) in zip(short, others) {
                results[index] = result
            }
        }
        return (results, roles)
    }

    private func fetch(
        _ requests: [LatestMessagesRequest],
        _ memberships: Set<MemberReference>,
        _ newestMessages: NewestMessages
    ) throws(PostgresError) -> (results: [Result<LatestMessages?, StoreError>], roles: [MemberReference: ChatRole]) {
        // A distributed database finds a chat's messages in one place only if a condition on them is constant.
        let groups = isDistributed ? requests.indices.map { $0..<$0 + 1 } : [requests.indices]
        var statements = groups.map { numbers in
            let newest = newestMessages.query(of: isDistributed ? "($1::bigint[])[1]" : "chats.id")
            return PostgresStatement.fetchLatestMessages(requests[numbers], numbers, newest)
        }
        let count = statements.count
        if !memberships.isEmpty { statements.append(.fetchRoles(memberships)) }
        var results: [Result<LatestMessages?, StoreError>] = requests.map { _ in .failure(.chatNotFound) }
        var roles: [MemberReference: ChatRole] = [:]
        try read(statements) { index, result throws(PostgresError) in
            if index < count {
                try result.addLatestMessages(of: requests, to: &results)
            } else {
                roles.merge(try result.roles()) { $1 }
            }
        }
        return (results, roles)
    }

    func fetchChats(
        withIDs ids: [ChatID],
        for action: ChatAction,
        by caller: Caller
    ) throws(PostgresError) -> ChatSnapshot {
        let member = ids.lazy.compactMap { caller.membership(for: action, in: $0)?.userID }.first
        let result = try query(
            """
            SELECT \(Epoch.column), \(HeadColumns.list)\(member.map { _ in ", " + ReaderColumns.role(in: "chats.id", parameter: 2) } ?? "")
            FROM chats WHERE chats.id = ANY ($1::bigint[]) AND chats.deleted_at IS NULL
            """,
            [.int64Array(ids.map(\.rawValue))] + (member.map { [.text($0.value)] } ?? [])
        )
        let memberships = member == nil ? [:] : try result.memberships()
        return ChatSnapshot(
            heads: try result.heads(),
            memberships: memberships.filter { caller.membership(for: action, in: $0.key) != nil },
            epoch: try epoch(of: result),
            by: caller
        )
    }

    func fetchChats(_ query: ChatListQuery) throws(PostgresError) -> ChatList {
        let memberships = "ARRAY(SELECT chat_id FROM members WHERE user_id = $6 AND left_seq IS NULL)"
        let ids = query.scope.map { $0.member == nil ? "$5" : "$5 || \(memberships)" }
        let scopeParameters: [PostgresValue] =
            (query.scope.map { [.int64Array($0.chatIDs.map(\.rawValue))] } ?? [])
            + (query.scope?.member.map { [.text($0.value)] } ?? [])
        let states = query.reader.map { ReadStateColumns(of: $0, parameter: 5 + scopeParameters.count) }
        // The ICU collation folds case as `caseFolded` does, for every script; the database's own collation may not.
        // The index contains only minutes, rounded down from the instants.
        let selection = """
            WHERE deleted_at IS NULL AND last_entry_minute <= $1 AND (last_entry_at, id) < ($1, $2)
                \(ids.map { "AND id = ANY (\($0))" } ?? "")
                AND ($3::text IS NULL OR position($3 IN normalize(upper(lower(normalize(title) COLLATE "und-x-icu")))) > 0)
            ORDER BY last_entry_minute DESC, last_entry_at DESC, id DESC LIMIT $4
            """
        let rest =
            states.map { states in
                """
                , \(MessageColumns.list) FROM chats \(states.join)
                LEFT JOIN LATERAL (\(LastMessage.query)) AS messages ON true
                WHERE chats.id = ANY (ARRAY(SELECT id FROM chats \(selection)))
                """
            } ?? " FROM chats \(selection)"
        let result = try self.query(
            "SELECT \(Epoch.column), \(HeadColumns.list)\(states?.list ?? "")\(rest)",
            [
                .instant(query.cursor.lastEntryAt), .int64(query.cursor.id.rawValue),
                .text(query.titlePart?.caseFolded),
                .int64(Int64(query.limit) + 1),
            ] + scopeParameters + (states?.parameters ?? [])
        )
        // SQL does not guarantee the order of a join's rows.
        let heads = try result.heads()
            .sorted { ($0.instant, $0.chat.id.rawValue) > ($1.instant, $1.chat.id.rawValue) }
        let page = heads.prefix(query.limit)
        let last = heads.count > query.limit ? page.last : nil
        let next = last.map { ChatListQuery.Cursor(lastEntryAt: $0.instant, id: $0.chat.id) }
        return ChatList(
            chats: page.map(\.chat),
            readStates: try states?.states(result, of: page.map(\.chat.id)) ?? [:],
            lastMessages: states == nil ? [:] : try result.lastMessages(),
            next: next,
            epoch: try epoch(of: result)
        )
    }

    /// The epoch from the first row; without any row, there are no positions that it must agree with.
    func epoch(of result: borrowing PostgresResult) throws(PostgresError) -> Epoch {
        if result.rowCount > 0 { return try result.epoch() }
        return try query("SELECT \(Epoch.column)").epoch()
    }

    /// Returns nil if the chat does not exist or the caller may not read it, and a nested nil if the message does not
    /// exist.
    func fetchMessage(_ id: MessageID, in chat: ChatID, by caller: Caller) throws(PostgresError) -> Message?? {
        let reader = ReaderColumns(caller, in: chat, parameter: 3)
        let result = try query(
            """
            SELECT \(MessageColumns.list)\(reader.list)
            FROM chats LEFT JOIN messages ON messages.chat_id = chats.id AND messages.id = $2
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            [.int64(chat.rawValue), .int64(id.rawValue)] + reader.parameters
        )
        guard try reader.permitReading(result) else { return nil }
        return .some(try MessageColumns(result).optionalMessage(result, row: 0, of: chat))
    }

    /// Reads a page of messages; nil if the chat does not exist or the caller may not read it.
    func fetchPage(_ query: MessagePageQuery, by caller: Caller) throws(PostgresError) -> MessagePage? {
        let reader = ReaderColumns(caller, in: query.chatID, parameter: 5)
        let result = try self.query(
            """
            SELECT \(HeadColumns.list), \(Epoch.column), part, \(MessageColumns.list)\(reader.list)
            FROM chats LEFT JOIN LATERAL (
                (
                    SELECT 0::bigint AS part, \(MessageColumns.names) FROM messages
                    WHERE chat_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3
                )
                UNION ALL
                (
                    SELECT 1::bigint, \(MessageColumns.names) FROM messages
                    WHERE chat_id = $1 AND seq >= $2 ORDER BY seq LIMIT $4
                )
            ) AS messages ON true
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            [
                .int64(query.chatID.rawValue), .int64(query.pivot?.rawValue ?? .max),
                .int64(Int64(query.olderLimit) + 1), .int64(Int64(query.newerLimit) + 1),
            ] + reader.parameters
        )
        guard try reader.permitReading(result) else { return nil }
        var older: [Message] = []
        var newer: [Message] = []
        let columns = try MessageColumns(result)
        let part = try result.column("part")
        for row in 0..<result.rowCount where !result.isNull(part, row: row) {
            let message = try columns.message(result, row: row, of: query.chatID)
            if try result.int64(part, row: row) == 0 {
                older.append(message)
            } else {
                newer.append(message)
            }
        }
        return MessagePage(
            query,
            older: older.sorted { $0.position > $1.position },
            newer: newer.sorted { $0.position < $1.position },
            lastPosition: try HeadColumns(result).head(result, row: 0).chat.lastPosition,
            epoch: try result.epoch()
        )
    }

    /// Reads the log after a position; nil if the chat does not exist or the caller may not read it.
    func fetchLog(
        of chatID: ChatID,
        after position: Position,
        limit: Int,
        by caller: Caller
    ) throws(PostgresError) -> LogPage? {
        let reader = ReaderColumns(caller, in: chatID, parameter: 4)
        let result = try query(
            """
            SELECT \(HeadColumns.list), \(Epoch.column), \(RecordColumns.list), \(MessageColumns.list)\(reader.list)
            FROM chats
            LEFT JOIN LATERAL (
                (
                    SELECT seq, NULL AS kind, author, id AS message_id, NULL AS payload, created_at FROM messages
                    WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
                )
                UNION ALL
                (
                    SELECT \(RecordColumns.names) FROM changes
                    WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
                )
            ) AS entry ON true
            LEFT JOIN messages ON messages.chat_id = $1 AND messages.id = entry.message_id
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            [.int64(chatID.rawValue), .int64(position.rawValue), .int64(Int64(limit))] + reader.parameters
        )
        guard try reader.permitReading(result) else { return nil }
        let chat = try HeadColumns(result).head(result, row: 0).chat
        let messages = try MessageColumns(result)
        let records = try RecordColumns(result)
        var created: [LogEntry] = []
        var changed: [LogEntry] = []
        for row in 0..<result.rowCount where !result.isNull(records.position, row: row) {
            let message = try messages.optionalMessage(result, row: row, of: chatID)
            if let record = try records.record(result, row: row, of: chatID) {
                do throws(StoreError) {
                    changed.append(try LogEntry(record, in: chat, message: message))
                } catch {
                    throw .unexpectedResult(error.reason)
                }
            } else if let message {
                created.append(LogEntry(created: message))
            }
        }
        return LogPage(
            merging: created,
            changed,
            limit: limit,
            lastPosition: chat.lastPosition,
            epoch: try result.epoch()
        )
    }
}

extension PostgresStatement {
    fileprivate static func fetchLatestMessages(
        _ requests: ArraySlice<LatestMessagesRequest>,
        _ numbers: Range<Int>,
        _ newestMessages: String
    ) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT request.number, history.epoch, \(HeadColumns.list), \(MessageColumns.list)
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[], $6::bigint[])
                AS request (chat_id, size, known_epoch, known_seq, known_at, number)
            JOIN history ON history.id = 1
            JOIN chats ON chats.id = request.chat_id
            LEFT JOIN LATERAL (\(newestMessages)) AS messages ON true
            WHERE chats.deleted_at IS NULL
            """,
            [
                .int64Array(requests.map(\.query.chatID.rawValue)),
                .int64Array(requests.map { Int64($0.query.limit) }),
                .textArray(requests.map(\.known?.epoch.text)),
                .int64Array(requests.map(\.known?.position.rawValue)),
                .timestampArray(requests.map(\.known?.instant.microsecondsSinceEpoch)),
                .int64Array(numbers.map { Int64($0) }),
            ]
        ).divided(by: "chats.id")
    }
}

extension PostgresResult {
    /// Adds the results of `fetchLatestMessages`, or of a part of it, for the chats that it found.
    fileprivate borrowing func addLatestMessages(
        of requests: [LatestMessagesRequest],
        to results: inout [Result<LatestMessages?, StoreError>]
    ) throws(PostgresError) {
        let number = try column("number")
        let headColumns = try HeadColumns(self)
        let messageColumns = try MessageColumns(self)
        var heads: [LogHead?] = Array(repeating: nil, count: requests.count)
        var messages: [[Message]] = Array(repeating: [], count: requests.count)
        for row in 0..<rowCount {
            let index = Int(try int64(number, row: row))
            guard requests.indices.contains(index) else { throw .unexpectedResult("there is no request \(index)") }
            let query = requests[index].query
            if heads[index] == nil {
                heads[index] = try headColumns.head(self, row: row)
                messages[index].reserveCapacity(query.limit)
            }
            if let message = try messageColumns.optionalMessage(self, row: row, of: query.chatID) {
                messages[index].append(message)
            }
        }
        if rowCount == 0 { return }
        let epoch = try epoch()
        for (index, head) in heads.enumerated() {
            guard let head else { continue }
            let end = head.end(in: epoch)
            // SQL does not guarantee the order of a join's rows.
            let ordered = messages[index].sorted { $0.position < $1.position }
            let latest = LatestMessages(chat: ChatWithMessages(chat: head.chat, messages: ordered), end: end)
            results[index] = .success(end == requests[index].known ? nil : latest)
        }
    }
}
