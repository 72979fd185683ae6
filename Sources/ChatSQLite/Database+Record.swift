import ChatDomain
import GRDB

/// Recording a batch of writes; each method runs inside its caller's transaction.
extension Database {
    /// Plans and carries out a batch of writes.
    ///
    /// The transaction already holds SQLite's only write lock, so what is read here stays true until the commit.
    func record(_ requests: [WriteRequest], at now: Instant) throws -> RecordedBatch {
        var priorState = try fetchPriorState(BatchPlan.Needs(requests))
        for (chat, users) in BatchPlan.slowedUsers(of: requests, in: priorState.heads) {
            guard let head = priorState.heads[chat] else { continue }
            try fetchLastPosts(of: users, in: head, at: now, into: &priorState)
        }
        let plan = BatchPlan(requests, from: priorState, at: now)
        return plan.recorded(try apply(plan.writes, at: now))
    }

    private func fetchPriorState(_ needs: BatchPlan.Needs) throws -> BatchPlan.PriorState {
        var priorState = BatchPlan.PriorState()
        for chat in needs.chats {
            priorState.heads[chat] = try fetchHead(of: chat)
        }
        priorState.epoch = try fetchEpoch()
        for key in needs.keys {
            priorState.sent[key] = try fetchMessage(sentUnder: key)
        }
        for reference in needs.messages {
            priorState.messages[reference] = try fetchMessage(reference.id, in: reference.chatID)
        }
        for chat in needs.openingChats {
            priorState.openCounts[chat] = try fetchOpenCount(of: chat)
        }
        for reference in needs.members {
            priorState.members[reference] = try fetchMember(reference)
        }
        for chat in needs.ownedChats {
            priorState.ownerCounts[chat] = try fetchOwnerCount(of: chat)
        }
        for chat in needs.deletedChats {
            priorState.memberCounts[chat] = try countMembers(of: chat, upTo: BatchPlan.removalLimit)
        }
        for key in needs.creationKeys {
            priorState.createdChats[key] = try fetchChat(createdUnder: key)
        }
        return priorState
    }

    /// Reads the log backward until each user's last message, or until any message is too old to count.
    private func fetchLastPosts(
        of users: Set<UserID>,
        in head: LogHead,
        at now: Instant,
        into priorState: inout BatchPlan.PriorState
    ) throws {
        let statement = try cachedStatement(
            sql: """
                SELECT author, created_at FROM messages WHERE chat_id = ? AND seq > ? ORDER BY seq DESC
                """
        )
        let chat = head.chat
        let arguments: StatementArguments = [chat.id.rawValue, chat.lastPosition.rawValue - SlowMode.reach]
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        var missing = users
        while !missing.isEmpty, let row = try rows.next() {
            let postedAt = Instant(microsecondsSinceEpoch: row[1])
            guard postedAt.advanced(by: .seconds(chat.slowMode.seconds)) > now else { break }
            guard let user = UserID(stored: row[0]), missing.remove(user) != nil else { continue }
            priorState.lastPosts[MemberReference(chatID: chat.id, userID: user)] = postedAt
        }
    }

    func fetchHead(of chat: ChatID) throws -> LogHead? {
        let statement = try cachedStatement(
            sql: "SELECT \(HeadColumns.list) FROM chats WHERE id = ? AND deleted_at IS NULL"
        )
        let columns = try HeadColumns(statement)
        return try Row.fetchCursor(statement, arguments: [chat.rawValue]).map { columns.head($0) }.next()
    }

    private func fetchMessage(sentUnder key: BatchPlan.SentKey) throws -> BatchPlan.SentMessage? {
        let statement = try cachedStatement(
            sql: """
                SELECT \(MessageColumns.list), idempotency_fingerprint FROM messages
                WHERE chat_id = ? AND author = ? AND idempotency_key = ?
                """
        )
        let columns = try MessageColumns(statement)
        let fingerprint = try statement.column("idempotency_fingerprint")
        let arguments: StatementArguments = [key.chatID.rawValue, key.author.stored, key.key.value]
        return try Row.fetchOne(statement, arguments: arguments).map { row in
            BatchPlan.SentMessage(message: columns.message(row, of: key.chatID), fingerprint: row[fingerprint])
        }
    }

    private func fetchChat(createdUnder key: BatchPlan.CreationKey) throws -> BatchPlan.CreatedChat? {
        let statement = try cachedStatement(
            sql: """
                SELECT \(HeadColumns.list), sent.idempotency_fingerprint
                FROM chat_idempotency_keys AS sent JOIN chats ON chats.id = sent.chat_id
                WHERE sent.author = ? AND sent.idempotency_key = ?
                """
        )
        let columns = try HeadColumns(statement)
        let fingerprint = try statement.column("idempotency_fingerprint")
        return try Row.fetchOne(statement, arguments: [key.author.stored, key.key.value]).map { row in
            BatchPlan.CreatedChat(chat: columns.head(row).chat, fingerprint: row[fingerprint])
        }
    }
}
