import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Carries out a batch of writes in one transaction.
    ///
    /// Where somebody else holds one of the chats locked for long, the others do not fail with it: a second try leaves out
    /// what is locked.
    func record(_ requests: [WriteRequest], lane: Int) async throws(StoreError) -> RecordedBatch {
        var outcome = try await write(lane: lane) { connection throws(PostgresError) in
            try connection.record(requests, leavingOutLocked: nil, at: clock.now())
        }
        if case .locked(let error) = outcome {
            outcome = try await write(lane: lane) { connection throws(PostgresError) in
                try connection.record(requests, leavingOutLocked: error, at: clock.now())
            }
        }
        switch outcome {
        case .committed(let batch): return batch
        case .inDoubt(let doubt): return try await resolve(doubt, lane: lane)
        case .locked(let error): throw StoreError(error)
        }
    }

    /// Finds out what became of a transaction whose COMMIT was sent and not answered.
    ///
    /// Whatever goes wrong with the question says nothing about the answer: it is asked again until the time is over.
    private func resolve(_ doubt: RecordInDoubt, lane: Int) async throws(StoreError) -> RecordedBatch {
        let deadline = ContinuousClock.now + configuration.statementTimeout
        var reason = doubt.reason
        repeat {
            let fate: RecordFate
            do throws(PostgresError) {
                fate = try await writers[lane].pool.withConnection { connection throws(PostgresError) in
                    try connection.fate(of: doubt)
                }
            } catch {
                reason = error.description
                if error == .shutDown { break }
                try? await Task.sleep(for: .milliseconds(50))
                continue
            }
            switch fate {
            case .committed(let batch): return batch
            case .rolledBack: throw StoreError(.transactionLost(reason: doubt.reason))
            case .unknown: throw StoreError(.connectionLost(reason: doubt.reason))
            }
        } while ContinuousClock.now < deadline
        throw .outcomeUnknown(reason: "PostgreSQL: \(reason)")
    }
}

/// How carrying out a batch ended.
private enum RecordOutcome {
    case committed(RecordedBatch)
    case inDoubt(RecordInDoubt)
    /// Nothing was written: another session holds one of the chats, or the table.
    case locked(PostgresError)
}

/// A batch whose COMMIT was sent and not answered.
private struct RecordInDoubt {
    let plan: LogPlan
    let reason: String
}

/// What became of a batch in doubt.
private enum RecordFate {
    case committed(RecordedBatch)
    case rolledBack
    /// Nothing is left that would show it.
    case unknown
}

extension PostgresConnection {
    /// Locks the chats in the order of their ids, decides, writes and commits: two round trips for any number of requests.
    ///
    /// - Parameter lock: What the requests for chats that are locked elsewhere fail with; nil waits for them.
    /// - Throws: `PostgresError.transactionLost` where the connection breaks before COMMIT is sent.
    fileprivate func record(
        _ requests: [WriteRequest],
        leavingOutLocked lock: PostgresError?,
        at now: Instant
    ) throws(PostgresError) -> RecordOutcome {
        let knowledge: LogPlan.Knowledge
        do throws(PostgresError) {
            knowledge = try begin(LogPlan.Needs(requests), leavingOutLocked: lock)
        } catch .connectionLost(let reason) {
            throw .transactionLost(reason: reason)
        } catch .server(.lockNotAvailable, let message) {
            return .locked(.server(.lockNotAvailable, message: message))
        }
        let plan = LogPlan(requests, knowing: knowledge, at: now)
        do throws(PostgresError) {
            return .committed(plan.recorded(try commit(plan, at: now)))
        } catch .server(.uniqueViolation, let message)
            where plan.creations.contains(where: { $0.draft.idempotency != nil })
        {
            // Another session creates the key's chat at the same moment.
            throw .server(.serializationFailure, message: message)
        } catch .connectionLost(let reason), .unexpectedResult(let reason) {
            // Neither says whether COMMIT was carried out.
            return .inDoubt(RecordInDoubt(plan: plan, reason: reason))
        }
    }

    private enum Part {
        case heads, existing, sent, messages, created
    }

    /// Opens the transaction, locks the chats and reads what the plan must know.
    private func begin(
        _ needs: LogPlan.Needs,
        leavingOutLocked lock: PostgresError?
    ) throws(PostgresError) -> LogPlan.Knowledge {
        var parts: [(part: Part, statement: PostgresStatement)] = []
        // What is behind the lock sees what others have written before it.
        if !needs.chats.isEmpty {
            parts.append((.heads, .lockHeads(of: needs.chats, skippingLocked: lock != nil)))
            if lock != nil { parts.append((.existing, .find(needs.chats))) }
        }
        if !needs.keys.isEmpty { parts.append((.sent, .fetchSent(needs.keys))) }
        if !needs.messages.isEmpty { parts.append((.messages, .fetchMessages(needs.messages))) }
        if !needs.creationKeys.isEmpty { parts.append((.created, .fetchCreated(needs.creationKeys))) }
        var knowledge = LogPlan.Knowledge()
        try begin(parts.map(\.statement)) { index, result throws(PostgresError) in
            switch parts[index].part {
            case .heads:
                knowledge.heads = try result.heads()
                knowledge.epoch = try result.epochOfHeads()
            case .existing:
                guard let lock else { return }
                for chat in try result.chatIDs() where knowledge.heads[chat] == nil {
                    knowledge.busyChats[chat] = StoreError(lock)
                }
            case .sent: knowledge.sent = try result.sentMessages()
            case .messages: knowledge.messages = try result.messages()
            case .created: knowledge.createdChats = try result.createdChats()
            }
        }
        return knowledge
    }

    private func commit(_ plan: LogPlan, at now: Instant) throws(PostgresError) -> LogPlan.Written {
        var statements: [PostgresStatement] = []
        if !plan.appends.isEmpty { statements.append(.insert(plan.appends)) }
        if !plan.editedMessages.isEmpty { statements.append(.update(plan.editedMessages)) }
        statements += plan.deletedMessages.map { .joinDeletedRun($0) }
        if !plan.changes.isEmpty { statements.append(.insert(plan.changes)) }
        if !plan.movedHeads.isEmpty { statements.append(.moveHeads(plan.movedHeads)) }
        if !plan.editedChats.isEmpty {
            statements.append(.update(plan.editedChats.compactMap { plan.movedHeads[$0]?.chat }))
        }
        if !plan.removedChats.isEmpty { statements.append(.remove(plan.removedChats)) }
        if !plan.hiddenChats.isEmpty { statements.append(.hide(plan.hiddenChats, at: now)) }
        let creationIndex = plan.creations.isEmpty ? nil : statements.count
        if !plan.creations.isEmpty { statements.append(.insert(plan.creations)) }
        let purgeIndex = plan.purges ? statements.count : nil
        if plan.purges { statements.append(.purge) }
        var written = LogPlan.Written()
        try commit(statements) { index, result throws(PostgresError) in
            if index == 0, !plan.appends.isEmpty {
                written.messageIDs = try result.ids(of: plan.appends)
            } else if index == creationIndex {
                written.chatIDs = try result.chatIDs()
            } else if index == purgeIndex {
                written.hasMoreToPurge = result.rowCount > 0
            }
        }
        guard written.chatIDs?.count == plan.creations.count else {
            throw .unexpectedResult("a created chat has no id")
        }
        return written
    }

    /// Looks for what the batch was to write, at the positions that it was to have.
    ///
    /// Locking the chats waits for the end of its transaction, wherever that one is. The server's own word on a
    /// transaction (`pg_xact_status`) would not do: after a crash the number of one that was lost is given again.
    fileprivate func fate(of doubt: RecordInDoubt) throws(PostgresError) -> RecordFate {
        let plan = doubt.plan
        if plan.isEmpty { return .committed(plan.recorded(LogPlan.Written())) }
        // The logs of chats that the batch deletes show nothing, and neither do creations: their ids are lost.
        let deletedChats = plan.deletedChats
        let chats = Set(plan.movedHeads.keys).subtracting(deletedChats)
        let changes = plan.changes.filter { !deletedChats.contains($0.chatID) }
        if chats.isEmpty || plan.appends.contains(where: { deletedChats.contains($0.chatID) }) { return .unknown }
        var chatsAreThere = false
        var changesAreThere = true
        var ids: [MessageID]?
        var epoch: Epoch?
        try transact([.lockHeads(of: chats), .find(plan.appends), .find(changes)]) {
            index,
            result throws(PostgresError) in
            switch index {
            case 0:
                chatsAreThere = result.rowCount == chats.count
                epoch = try result.epochOfHeads()
            case 1: ids = result.rowCount == plan.appends.count ? try result.ids(of: plan.appends) : nil
            default: changesAreThere = result.rowCount == changes.count
            }
        }
        if let ids, changesAreThere {
            let chatIDs: [ChatID]? = plan.creations.isEmpty ? [] : nil
            let written = LogPlan.Written(messageIDs: ids, chatIDs: chatIDs, hasMoreToPurge: true)
            var batch = plan.recorded(written)
            // A standby may have taken over since.
            batch.epoch = epoch
            return .committed(batch)
        }
        return chatsAreThere ? .rolledBack : .unknown
    }
}

extension PostgresStatement {
    /// - Parameter skipsLocked: Whether chats that are locked elsewhere are left out, not waited for.
    static func lockHeads(of chats: Set<ChatID>, skippingLocked skipsLocked: Bool = false) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT \(Chat.columns), last_entry_at, \(Epoch.column)
            FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE\(skipsLocked ? " SKIP LOCKED" : "")
            """,
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    /// The ids of those of the chats that exist.
    fileprivate static func find(_ chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "SELECT id FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL",
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    fileprivate static func fetchSent(_ keys: Set<LogPlan.SentKey>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, idempotency_key, idempotency_fingerprint, \(Message.columns)
            FROM unnest($1::bigint[], $2::text[]) AS sent (chat_id, idempotency_key)
            JOIN messages USING (chat_id, idempotency_key)
            """,
            [.int64Array(keys.map(\.chatID.rawValue)), .textArray(keys.map(\.key.value))]
        )
    }

    static func fetchMessages(_ references: Set<LogPlan.MessageReference>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, \(Message.columns)
            FROM unnest($1::bigint[], $2::bigint[]) AS reference (chat_id, id)
            JOIN messages USING (chat_id, id)
            """,
            [.int64Array(references.map(\.chatID.rawValue)), .int64Array(references.map(\.id.rawValue))]
        )
    }

    /// Ids are drawn in the order of `number`.
    fileprivate static func insert(_ appends: [LogPlan.Append]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO messages
                (chat_id, seq, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint)
            SELECT chat_id, seq, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint
            FROM unnest(
                    $1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[], $7::text[],
                    $8::bigint[]
                )
                WITH ORDINALITY AS entry
                (chat_id, seq, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint, number)
            ORDER BY number
            RETURNING chat_id, seq, id
            """,
            [
                .int64Array(appends.map(\.chatID.rawValue)),
                .int64Array(appends.map(\.position.rawValue)),
                .textArray(appends.map(\.draft.text.value)),
                .timestampArray(appends.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(appends.map(\.draft.metadata?.json)),
                .int64Array(appends.map(\.draft.replyTo?.rawValue)),
                .textArray(appends.map(\.draft.idempotency?.key.value)),
                .int64Array(appends.map(\.draft.idempotency?.fingerprint)),
            ]
        )
    }

    static func update(_ messages: [LogPlan.MessageReference: Message]) -> PostgresStatement {
        let messages = Array(messages.values)
        return PostgresStatement(
            """
            UPDATE messages SET
                text = edit.text, metadata = edit.metadata, revision = edit.revision, edited_at = edit.edited_at,
                deleted_at = edit.deleted_at,
                idempotency_fingerprint =
                    CASE WHEN edit.deleted_at IS NOT NULL AND idempotency_key IS NOT NULL THEN 0
                    ELSE idempotency_fingerprint END
            FROM unnest(
                $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[]
            ) AS edit (chat_id, seq, text, metadata, revision, edited_at, deleted_at)
            WHERE messages.chat_id = edit.chat_id AND messages.seq = edit.seq
            """,
            [
                .int64Array(messages.map(\.chatID.rawValue)),
                .int64Array(messages.map(\.position.rawValue)),
                .textArray(messages.map(\.text)),
                .textArray(messages.map(\.metadata?.json)),
                .int64Array(messages.map(\.revision)),
                .timestampArray(messages.map(\.editedAt?.microsecondsSinceEpoch)),
                .timestampArray(messages.map(\.deletedAt?.microsecondsSinceEpoch)),
            ]
        )
    }

    /// Lets reads of the newest messages leap over a message that was deleted, with those around it that are deleted, too.
    ///
    /// `run_seq` of the first message of such a run is the position of the last, and that of the last is the position of
    /// the first. What it is between them does not matter: whatever it says of positions below was true and stays so.
    static func joinDeletedRun(_ message: Message) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE messages SET run_seq = CASE WHEN seq = run.first_seq THEN run.last_seq ELSE run.first_seq END
            FROM (
                SELECT
                    coalesce(
                        (SELECT run_seq FROM messages WHERE chat_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1), $2
                    ) AS first_seq,
                    coalesce(
                        (SELECT run_seq FROM messages WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT 1), $2
                    ) AS last_seq
            ) AS run
            WHERE chat_id = $1 AND seq IN (run.first_seq, run.last_seq)
            """,
            [.int64(message.chatID.rawValue), .int64(message.position.rawValue)]
        )
    }

    static func insert(_ changes: [LogPlan.Change]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO changes (chat_id, seq, kind, message_id, created_at)
            SELECT chat_id, seq, kind, message_id, created_at
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[])
                AS entry (chat_id, seq, kind, message_id, created_at)
            """,
            columns(of: changes)
        )
    }

    static func moveHeads(_ heads: [ChatID: LogHead]) -> PostgresStatement {
        let heads = Array(heads.values)
        return PostgresStatement(
            """
            UPDATE chats SET
                last_seq = head.last_seq, last_entry_at = head.last_entry_at, last_message_at = head.last_message_at,
                message_count = head.message_count
            FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::bigint[])
                AS head (id, last_seq, last_entry_at, last_message_at, message_count)
            WHERE chats.id = head.id
            """,
            [
                .int64Array(heads.map(\.chat.id.rawValue)),
                .int64Array(heads.map(\.chat.lastPosition.rawValue)),
                .timestampArray(heads.map(\.instant.microsecondsSinceEpoch)),
                .timestampArray(heads.map(\.chat.lastMessageAt?.microsecondsSinceEpoch)),
                .int64Array(heads.map(\.chat.messageCount)),
            ]
        )
    }

    static func update(_ chats: [Chat]) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE chats SET title = edit.title, metadata = edit.metadata
            FROM unnest($1::bigint[], $2::text[], $3::text[]) AS edit (id, title, metadata) WHERE chats.id = edit.id
            """,
            [
                .int64Array(chats.map(\.id.rawValue)), .textArray(chats.map(\.title)),
                .textArray(chats.map(\.metadata?.json)),
            ]
        )
    }

    /// The messages that are as they were to be inserted; another batch's at the same position is not one of them.
    fileprivate static func find(_ appends: [LogPlan.Append]) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, messages.seq, messages.id
            FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[])
                AS entry (chat_id, seq, created_at, text, idempotency_key)
            JOIN messages ON messages.chat_id = entry.chat_id AND messages.seq = entry.seq
                AND messages.created_at = entry.created_at
                AND messages.idempotency_key IS NOT DISTINCT FROM entry.idempotency_key
                AND (messages.text = entry.text OR messages.revision > 1 OR messages.deleted_at IS NOT NULL)
            """,
            [
                .int64Array(appends.map(\.chatID.rawValue)),
                .int64Array(appends.map(\.position.rawValue)),
                .timestampArray(appends.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(appends.map(\.draft.text.value)),
                .textArray(appends.map(\.draft.idempotency?.key.value)),
            ]
        )
    }

    /// The changes that are as they were to be inserted.
    static func find(_ changes: [LogPlan.Change]) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT changes.chat_id, changes.seq
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[])
                AS entry (chat_id, seq, kind, message_id, created_at)
            JOIN changes ON changes.chat_id = entry.chat_id AND changes.seq = entry.seq
                AND changes.kind = entry.kind AND changes.message_id IS NOT DISTINCT FROM entry.message_id
                AND changes.created_at = entry.created_at
            """,
            columns(of: changes)
        )
    }

    private static func columns(of changes: [LogPlan.Change]) -> [PostgresValue] {
        [
            .int64Array(changes.map(\.chatID.rawValue)),
            .int64Array(changes.map(\.position.rawValue)),
            .textArray(changes.map(\.kind.rawValue)),
            .int64Array(changes.map(\.messageID?.rawValue)),
            .timestampArray(changes.map(\.instant.microsecondsSinceEpoch)),
        ]
    }
}

extension PostgresResult {
    borrowing func heads() throws(PostgresError) -> [ChatID: LogHead] {
        var heads: [ChatID: LogHead] = [:]
        for row in 0..<rowCount {
            let head = try head(row: row)
            heads[head.chat.id] = head
        }
        return heads
    }

    /// The epoch of the same rows; nil if there are none.
    borrowing func epochOfHeads() throws(PostgresError) -> Epoch? {
        rowCount == 0 ? nil : try epoch(Chat.columnCount + 1)
    }

    fileprivate borrowing func sentMessages() throws(PostgresError) -> [LogPlan.SentKey: LogPlan.SentMessage] {
        var sent: [LogPlan.SentKey: LogPlan.SentMessage] = [:]
        for row in 0..<rowCount {
            let chatID = ChatID(rawValue: try int64(0, row: row))
            guard let key = IdempotencyKey(try text(1, row: row)) else {
                throw .unexpectedResult("a stored idempotency key is none")
            }
            sent[LogPlan.SentKey(chatID: chatID, key: key)] = LogPlan.SentMessage(
                message: try message(of: chatID, columnsFrom: 3, row: row),
                fingerprint: try int64(2, row: row)
            )
        }
        return sent
    }

    borrowing func messages() throws(PostgresError) -> [LogPlan.MessageReference: Message] {
        var messages: [LogPlan.MessageReference: Message] = [:]
        for row in 0..<rowCount {
            let chatID = ChatID(rawValue: try int64(0, row: row))
            let message = try message(of: chatID, columnsFrom: 1, row: row)
            messages[LogPlan.MessageReference(chatID: chatID, id: message.id)] = message
        }
        return messages
    }

    /// The ids from rows of chat, position and id, which SQL promises in no order.
    fileprivate borrowing func ids(of appends: [LogPlan.Append]) throws(PostgresError) -> [MessageID] {
        var ids: [LogPlace: MessageID] = [:]
        for row in 0..<rowCount {
            let place = LogPlace(chat: try int64(0, row: row), position: try int64(1, row: row))
            ids[place] = MessageID(rawValue: try int64(2, row: row))
        }
        var ordered: [MessageID] = []
        for append in appends {
            let place = LogPlace(chat: append.chatID.rawValue, position: append.position.rawValue)
            guard let id = ids[place] else { throw .unexpectedResult("an appended message has no id") }
            ordered.append(id)
        }
        return ordered
    }
}

private struct LogPlace: Hashable {
    let chat: Int64
    let position: Int64
}
