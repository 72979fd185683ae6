import ChatDomain
import PostgresClient

extension PostgresConnection {
    /// Locks the chats in id order, plans, writes and commits.
    ///
    /// With conflicts that it must not skip, it rolls back instead.
    func importBatch(
        _ stretches: [ArchivedStretch],
        skipsConflicts: Bool,
        at now: Instant
    ) throws(PostgresError) -> ImportResult {
        let plan = ImportPlan(stretches, from: try begin(stretches))
        guard plan.conflicts.isEmpty || skipsConflicts else {
            try rollBack()
            return ImportResult(added: ImportCount(), conflicts: plan.conflicts)
        }
        _ = try commit(plan.writes, at: now)
        return ImportResult(added: plan.count, conflicts: plan.conflicts)
    }

    /// Opens the transaction, locks the chats and reads what the plan needs.
    private func begin(_ stretches: [ArchivedStretch]) throws(PostgresError) -> ImportPlan.PriorState {
        let chats = Set(stretches.map(\.chat.id))
        var priorState = ImportPlan.PriorState()
        try begin([.lockHeads(of: chats), .findRemoved(chats)]) { index, result throws(PostgresError) in
            try priorState.addChats(result, ofStatement: index)
        }
        let needs = ImportPlan.Needs(stretches, from: priorState.heads)
        if needs.isEmpty { return priorState }
        try continueTransaction(.finding(needs)) { index, result throws(PostgresError) in
            try priorState.addEntries(result, ofStatement: index)
        }
        return priorState
    }

    func fetchPriorState(
        of stretches: [ArchivedStretch]
    ) throws(PostgresError) -> ImportPlan.PriorState {
        let chats = Set(stretches.map(\.chat.id))
        var priorState = ImportPlan.PriorState()
        try readSnapshot([.fetchHeads(of: chats), .findRemoved(chats)]) { index, result throws(PostgresError) in
            try priorState.addChats(result, ofStatement: index)
        }
        let needs = ImportPlan.Needs(stretches, from: priorState.heads)
        if needs.isEmpty { return priorState }
        try readSnapshot(.finding(needs)) { index, result throws(PostgresError) in
            try priorState.addEntries(result, ofStatement: index)
        }
        return priorState
    }
}

extension [PostgresStatement] {
    fileprivate static func finding(_ needs: ImportPlan.Needs) -> [PostgresStatement] {
        [
            .fetchMessages(needs.messages), .findKeys(needs.keys), .find(needs.changes), .fetchMembers(needs.members),
        ]
    }
}

extension ImportPlan.PriorState {
    /// Adds the results of `fetchHeads` or `lockHeads` (statement 0) and of `findRemoved` (statement 1).
    fileprivate mutating func addChats(
        _ result: borrowing PostgresResult,
        ofStatement index: Int
    ) throws(PostgresError) {
        if index == 0 {
            for head in try result.heads() {
                heads[head.chat.id] = head
            }
        } else {
            removedChats.formUnion(try result.chatIDs())
        }
    }

    /// Adds the results of `fetchMessages`, `findKeys`, `find` and `fetchMembers`, in this order.
    fileprivate mutating func addEntries(
        _ result: borrowing PostgresResult,
        ofStatement index: Int
    ) throws(PostgresError) {
        switch index {
        case 0: messages.merge(try result.messages()) { $1 }
        case 1:
            let chat = try result.column("chat_id")
            let author = try result.column("author")
            let key = try result.column("idempotency_key")
            for row in 0..<result.rowCount {
                let chatID = ChatID(rawValue: try result.int64(chat, row: row))
                usedKeys.insert(
                    BatchPlan.SentKey(
                        chatID: chatID,
                        author: UserID(stored: try result.text(author, row: row)),
                        key: try result.key(key, row: row)
                    )
                )
            }
        case 2:
            let chat = try result.column("chat_id")
            let position = try result.column("seq")
            for row in 0..<result.rowCount {
                changes.insert(
                    ImportPlan.Place(
                        chatID: ChatID(rawValue: try result.int64(chat, row: row)),
                        position: Position(rawValue: try result.int64(position, row: row))
                    )
                )
            }
        default:
            for member in try result.members() {
                members[member.reference] = member
            }
        }
    }
}

extension PostgresStatement {
    fileprivate static func fetchHeads(of chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "SELECT \(HeadColumns.list) FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL",
            [.int64Array(chats.map(\.rawValue))]
        ).divided()
    }

    fileprivate static func findRemoved(_ chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "SELECT id FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NOT NULL",
            [.int64Array(chats.map(\.rawValue))]
        ).divided()
    }

    fileprivate static func findKeys(_ keys: Set<BatchPlan.SentKey>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, messages.author, messages.idempotency_key
            FROM unnest($1::bigint[], $2::text[], $3::text[]) AS sent (chat_id, author, idempotency_key)
            JOIN messages ON messages.chat_id = sent.chat_id AND messages.author = sent.author
                AND messages.idempotency_key = sent.idempotency_key
            """,
            [
                .int64Array(keys.map(\.chatID.rawValue)), .textArray(keys.map(\.author.stored)),
                .textArray(keys.map(\.key.value)),
            ]
        ).divided(by: "messages.chat_id")
    }
}
