import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Appends a batch of messages in one transaction.
    func append(_ drafts: [MessageDraft]) async throws(StoreError) -> [Result<Accepted<Message>, StoreError>] {
        let append = try await retryingConflicts { connection throws(PostgresError) in
            try connection.append(drafts, at: .now())
        }
        switch append {
        case .committed(let results): return results
        case .inDoubt(let doubt): return try await resolve(doubt)
        }
    }

    /// Finds out what became of a transaction whose COMMIT was sent and not answered.
    private func resolve(_ doubt: AppendInDoubt) async throws(StoreError) -> [Result<Accepted<Message>, StoreError>] {
        let deadline = ContinuousClock.now + configuration.statementTimeout
        var reason = doubt.reason
        while ContinuousClock.now < deadline {
            do throws(PostgresError) {
                let fate = try await pool.withConnection { connection throws(PostgresError) in
                    try connection.fate(of: doubt)
                }
                switch fate {
                case .committed(let results): return results
                case .rolledBack: throw PostgresError.transactionLost(reason: reason)
                case .unknown: throw PostgresError.connectionLost(reason: reason)
                case .inProgress: break
                }
            } catch .connectionFailed(let latest) {
                reason = latest
            } catch .poolExhausted {
                // The server is away, or others wait for it as well.
            } catch {
                throw StoreError(error)
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        throw StoreError(.connectionLost(reason: reason))
    }
}

/// How appending a batch ended.
enum AppendOutcome {
    case committed([Result<Accepted<Message>, StoreError>])
    case inDoubt(AppendInDoubt)
}

/// A batch whose COMMIT was sent and not answered.
struct AppendInDoubt {
    let plan: AppendPlan
    /// The server's name for the transaction, under which it knows the transaction's fate.
    let transactionID: String
    let reason: String
}

/// What became of a batch in doubt.
enum AppendFate {
    case committed([Result<Accepted<Message>, StoreError>])
    case rolledBack
    case inProgress
    /// It is so long ago that the server has forgotten, or its messages are gone again.
    case unknown
}

extension PostgresConnection {
    /// Locks the chats in the order of their ids, decides, writes and commits: two round trips for any number of drafts.
    ///
    /// - Throws: `PostgresError.transactionLost` where the connection breaks before COMMIT is sent.
    fileprivate func append(_ drafts: [MessageDraft], at now: Instant) throws(PostgresError) -> AppendOutcome {
        let plan: AppendPlan
        let transactionID: String
        do throws(PostgresError) {
            (plan, transactionID) = try begin(drafts, at: now)
        } catch .connectionLost(let reason) {
            throw .transactionLost(reason: reason)
        }
        do throws(PostgresError) {
            return .committed(plan.results(ids: try commit(plan)))
        } catch .connectionLost(let reason) {
            return .inDoubt(AppendInDoubt(plan: plan, transactionID: transactionID, reason: reason))
        }
    }

    private func begin(
        _ drafts: [MessageDraft],
        at now: Instant
    ) throws(PostgresError) -> (AppendPlan, transactionID: String) {
        var statements = [
            PostgresStatement("BEGIN"),
            PostgresStatement("SELECT pg_current_xact_id()::text"),
            .lockHeads(of: Set(drafts.map(\.chatID))),
        ]
        let keys = drafts.compactMap { draft in
            draft.idempotency.map { AppendPlan.SentKey(chatID: draft.chatID, key: $0.key) }
        }
        if !keys.isEmpty {
            // Behind the lock, so that it sees what others have sent under the same keys.
            statements.append(.fetchSent(keys))
        }
        var transactionID = ""
        var heads: [ChatID: LogHead] = [:]
        var sent: [AppendPlan.SentKey: AppendPlan.SentMessage] = [:]
        try pipeline(statements) { index, result throws(PostgresError) in
            switch index {
            case 1: transactionID = try result.text(0, row: 0)
            case 2: heads = try result.heads()
            case 3: sent = try result.sentMessages()
            default: break
            }
        }
        return (AppendPlan(drafts, heads: heads, sent: sent, at: now), transactionID)
    }

    private func commit(_ plan: AppendPlan) throws(PostgresError) -> [MessageID] {
        guard !plan.appends.isEmpty else {
            try pipeline([PostgresStatement("COMMIT")])
            return []
        }
        var ids: [MessageID] = []
        try pipeline([.insert(plan.appends), .moveHeads(plan.movedHeads), PostgresStatement("COMMIT")]) {
            index,
            result throws(PostgresError) in
            if index == 0 {
                ids = try result.ids(of: plan.appends)
            }
        }
        return ids
    }

    fileprivate func fate(of doubt: AppendInDoubt) throws(PostgresError) -> AppendFate {
        let status = try query("SELECT pg_xact_status($1::text::xid8)", [.text(doubt.transactionID)])
        guard !status.isNull(0, row: 0) else { return .unknown }
        switch try status.text(0, row: 0) {
        case "aborted": return .rolledBack
        case "in progress": return .inProgress
        default:
            let statement = PostgresStatement.fetchIDs(doubt.plan.appends)
            let result = try query(statement.sql, statement.parameters)
            guard result.rowCount == doubt.plan.appends.count else { return .unknown }
            return .committed(doubt.plan.results(ids: try result.ids(of: doubt.plan.appends)))
        }
    }
}

extension PostgresStatement {
    fileprivate static func lockHeads(of chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT id, last_seq, last_entry_at FROM chats WHERE id = ANY ($1::bigint[])
            ORDER BY id FOR NO KEY UPDATE
            """,
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    fileprivate static func fetchSent(_ keys: [AppendPlan.SentKey]) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT chat_id, idempotency_key, idempotency_fingerprint, seq, id, text, created_at
            FROM unnest($1::bigint[], $2::text[]) AS sent (chat_id, idempotency_key)
            JOIN messages USING (chat_id, idempotency_key)
            """,
            [.int64Array(keys.map(\.chatID.rawValue)), .textArray(keys.map(\.key.value))]
        )
    }

    /// Ids are drawn in the order of `number`.
    fileprivate static func insert(_ appends: [AppendPlan.Append]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO messages (chat_id, seq, text, created_at, idempotency_key, idempotency_fingerprint)
            SELECT chat_id, seq, text, created_at, idempotency_key, idempotency_fingerprint
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[])
                WITH ORDINALITY AS entry
                (chat_id, seq, text, created_at, idempotency_key, idempotency_fingerprint, number)
            ORDER BY number
            RETURNING chat_id, seq, id
            """,
            [
                .int64Array(appends.map(\.chatID.rawValue)),
                .int64Array(appends.map(\.position.rawValue)),
                .textArray(appends.map(\.text)),
                .timestampArray(appends.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(appends.map(\.idempotency?.key.value)),
                .int64Array(appends.map(\.idempotency?.fingerprint)),
            ]
        )
    }

    fileprivate static func moveHeads(_ heads: [ChatID: LogHead]) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE chats SET last_seq = head.last_seq, last_entry_at = head.last_entry_at
            FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS head (id, last_seq, last_entry_at)
            WHERE chats.id = head.id
            """,
            [
                .int64Array(heads.keys.map(\.rawValue)),
                .int64Array(heads.values.map(\.position.rawValue)),
                .timestampArray(heads.values.map(\.instant.microsecondsSinceEpoch)),
            ]
        )
    }

    fileprivate static func fetchIDs(_ appends: [AppendPlan.Append]) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT chat_id, seq, id FROM unnest($1::bigint[], $2::bigint[]) AS entry (chat_id, seq)
            JOIN messages USING (chat_id, seq)
            """,
            [.int64Array(appends.map(\.chatID.rawValue)), .int64Array(appends.map(\.position.rawValue))]
        )
    }
}

extension PostgresResult {
    fileprivate borrowing func heads() throws(PostgresError) -> [ChatID: LogHead] {
        var heads: [ChatID: LogHead] = [:]
        for row in 0..<rowCount {
            heads[ChatID(rawValue: try int64(0, row: row))] = LogHead(
                position: Position(rawValue: try int64(1, row: row)),
                instant: try instant(2, row: row)
            )
        }
        return heads
    }

    fileprivate borrowing func sentMessages() throws(PostgresError) -> [AppendPlan.SentKey: AppendPlan.SentMessage] {
        var sent: [AppendPlan.SentKey: AppendPlan.SentMessage] = [:]
        for row in 0..<rowCount {
            let chatID = ChatID(rawValue: try int64(0, row: row))
            guard let key = IdempotencyKey(try text(1, row: row)) else {
                throw .unexpectedResult("a stored idempotency key is none")
            }
            sent[AppendPlan.SentKey(chatID: chatID, key: key)] = AppendPlan.SentMessage(
                message: try message(of: chatID, columnsFrom: 3, row: row),
                fingerprint: try int64(2, row: row)
            )
        }
        return sent
    }

    /// The ids from rows of chat, position and id, which SQL promises in no order.
    fileprivate borrowing func ids(of appends: [AppendPlan.Append]) throws(PostgresError) -> [MessageID] {
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
