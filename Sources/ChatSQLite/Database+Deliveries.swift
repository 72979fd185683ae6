import ChatDomain
import GRDB

/// The statements that find and record what is delivered to webhooks; each runs inside its caller's snapshot or
/// transaction.
extension Database {
    /// Finds chats with entries that a webhook has not received, and where it continues in each.
    ///
    /// - Parameter chats: Nil for all chats that may have changed since the last complete search.
    func fetchDiscovery(
        for id: WebhookID,
        in chats: [ChatID]?,
        at now: Instant,
        _ tolerance: WebhookTolerance
    ) throws -> WebhookDiscovery {
        let statement = try cachedStatement(
            sql: "SELECT chats, started_at, discovered_at FROM webhooks WHERE id = ?"
        )
        guard let row = try Row.fetchOne(statement, arguments: [id.rawValue]) else { throw StoreError.webhookNotFound }
        let discoveredAt = Instant(microsecondsSinceEpoch: row["discovered_at"])
        var arguments: StatementArguments = [
            "webhook": id.rawValue, "wanted": row["chats"] as String?, "limit": WebhookDiscovery.limit,
            "boundary": tolerance.boundary(startedAt: Instant(microsecondsSinceEpoch: row["started_at"]), at: now)
                .microsecondsSinceEpoch,
        ]
        let scope: String
        if let chats {
            scope = "chats.id IN (SELECT value FROM json_each(:chats))"
            arguments = arguments &+ ["chats": chats.json]
        } else {
            scope = "chats.last_entry_at >= :since"
            let since = tolerance.oldestChange(since: discoveredAt, at: now)
            arguments = arguments &+ ["since": since.microsecondsSinceEpoch]
        }
        let found = try Row.fetchAll(
            try cachedStatement(
                sql: """
                    SELECT chats.id, chats.last_seq, coalesce(position.seq, CASE WHEN chats.created_at > :boundary THEN 0
                        ELSE max(
                            coalesce((
                                SELECT seq FROM messages WHERE chat_id = chats.id AND created_at <= :boundary
                                ORDER BY seq DESC LIMIT 1
                            ), 0),
                            coalesce((
                                SELECT seq FROM changes WHERE chat_id = chats.id AND created_at <= :boundary
                                ORDER BY seq DESC LIMIT 1
                            ), 0)
                        ) END) AS seq
                    FROM chats LEFT JOIN webhook_positions AS position
                        ON position.webhook_id = :webhook AND position.chat_id = chats.id
                    WHERE chats.deleted_at IS NULL AND \(scope)
                        AND (:wanted IS NULL OR chats.id IN (SELECT value FROM json_each(:wanted)))
                        AND (position.seq IS NULL
                            OR (position.due_at IS NULL AND position.stalled = 0 AND position.seq < chats.last_seq))
                    LIMIT :limit
                    """
            ),
            arguments: arguments
        ).map { row in
            WebhookDiscovery.Found(
                chatID: ChatID(rawValue: row["id"]),
                position: Position(rawValue: row["seq"]),
                lastPosition: Position(rawValue: row["last_seq"])
            )
        }
        let recordsSearch = chats == nil && tolerance.isWorthRecording(now, after: discoveredAt)
        return WebhookDiscovery(found: found, searchedUpTo: recordsSearch ? now : nil)
    }

    /// Makes the chats due that `fetchDiscovery` found, perhaps in an earlier snapshot.
    func record(_ discovery: WebhookDiscovery, for id: WebhookID, at now: Instant) throws {
        for chat in discovery.found {
            try cachedStatement(
                sql: """
                    INSERT INTO webhook_positions (webhook_id, chat_id, seq, due_at, due_seq, pending_since)
                    SELECT id, :chat, :seq, :due_at, :due_seq, :due_at FROM webhooks WHERE id = :webhook
                    ON CONFLICT (webhook_id, chat_id) DO UPDATE SET
                        due_at = excluded.due_at, due_seq = excluded.due_seq, pending_since = excluded.pending_since
                    WHERE due_at IS NULL AND stalled = 0 AND seq = excluded.seq
                    """
            ).execute(
                arguments: [
                    "webhook": id.rawValue, "chat": chat.chatID.rawValue, "seq": chat.position.rawValue,
                    "due_at": chat.isDue ? now.microsecondsSinceEpoch : nil, "due_seq": chat.lastPosition.rawValue,
                ]
            )
        }
        if let instant = discovery.searchedUpTo {
            try cachedStatement(sql: "UPDATE webhooks SET discovered_at = ? WHERE id = ?")
                .execute(arguments: [instant.microsecondsSinceEpoch, id.rawValue])
        }
    }

    func fetchDueDeliveries(of id: WebhookID, at now: Instant, limit: Int) throws -> [WebhookDelivery] {
        let epoch = try fetchEpoch()
        return try Row.fetchAll(
            try cachedStatement(
                sql: """
                    SELECT position.chat_id, position.seq, position.tries, position.failing_since, position.due_at,
                        CASE WHEN chats.id IS NOT NULL THEN position.due_seq END AS due_seq
                    FROM webhook_positions AS position
                    LEFT JOIN chats ON chats.id = position.chat_id AND chats.deleted_at IS NULL
                    WHERE position.webhook_id = ? AND position.due_at <= ? ORDER BY position.due_at LIMIT ?
                    """
            ),
            arguments: [id.rawValue, now.microsecondsSinceEpoch, limit]
        ).map { row in
            WebhookDelivery(
                webhookID: id,
                chatID: ChatID(rawValue: row["chat_id"]),
                epoch: epoch,
                position: Position(rawValue: row["seq"]),
                lastPosition: (row["due_seq"] as Int64?).map(Position.init(rawValue:)),
                tries: row["tries"],
                failingSince: Instant(stored: row["failing_since"]),
                dueAt: Instant(microsecondsSinceEpoch: row["due_at"])
            )
        }
    }

    func shorten(_ delivery: WebhookDelivery, to last: Position) throws {
        try cachedStatement(sql: "UPDATE webhook_positions SET due_seq = :last WHERE \(WebhookDelivery.isUnchanged)")
            .execute(arguments: delivery.identity.merged(with: ["last": last.rawValue]))
    }

    /// - Returns: Whether the holder has the lease.
    func record(
        _ outcome: WebhookOutcome,
        of delivery: WebhookDelivery,
        by holder: String,
        at now: Instant,
        leasesAt leaseTime: Instant
    ) throws -> Bool {
        let id = delivery.webhookID.rawValue
        let lease = "id = :id AND lease_holder = :holder AND lease_expires_at > :lease_time"
        let leaseArguments: StatementArguments = [
            "id": id, "holder": holder, "lease_time": leaseTime.microsecondsSinceEpoch,
            "now": now.microsecondsSinceEpoch,
        ]
        switch outcome {
        case .delivered(_, let isSent), .deletionDelivered(let isSent):
            try cachedStatement(
                sql:
                    "UPDATE webhooks SET last_success_at = CASE WHEN :sent THEN :now ELSE last_success_at END WHERE \(lease)"
            ).execute(arguments: leaseArguments.merged(with: ["sent": isSent]))
        case .failed(let error, _):
            try cachedStatement(sql: "UPDATE webhooks SET last_failure_at = :now, last_error = :error WHERE \(lease)")
                .execute(arguments: leaseArguments.merged(with: ["error": error]))
        case .refused(let reason):
            try cachedStatement(
                sql: """
                    UPDATE webhooks SET
                        last_failure_at = :now, last_error = :error, disabled_at = :now, disabled_reason = :error,
                        lease_holder = NULL, lease_expires_at = NULL
                    WHERE \(lease)
                    """
            ).execute(arguments: leaseArguments.merged(with: ["error": reason]))
        }
        guard changesCount > 0 else { return false }
        let (position, positionArguments) = (WebhookDelivery.isUnchanged, delivery.identity)
        switch outcome {
        case .delivered(let last, _):
            let end = try fetchHead(of: delivery.chatID)?.chat.lastPosition
            // A deleted chat has one more thing to deliver.
            let isDue = end.map { last < $0 } ?? true
            try cachedStatement(
                sql: """
                    UPDATE webhook_positions SET
                        seq = :last, tries = 0, failing_since = NULL, error = NULL, due_at = :next, due_seq = :end,
                        pending_since = :next
                    WHERE \(position)
                    """
            ).execute(
                arguments: positionArguments.merged(with: [
                    "last": last.rawValue, "next": isDue ? now.microsecondsSinceEpoch : nil, "end": end?.rawValue,
                ])
            )
        case .deletionDelivered:
            try cachedStatement(sql: "DELETE FROM webhook_positions WHERE \(position)")
                .execute(arguments: positionArguments)
        case .failed(let error, let retryAt):
            try cachedStatement(
                sql: """
                    UPDATE webhook_positions SET
                        tries = tries + 1, failing_since = coalesce(failing_since, :now), error = :error,
                        due_at = :retry_at, stalled = :retry_at IS NULL
                    WHERE \(position)
                    """
            ).execute(
                arguments: positionArguments.merged(with: [
                    "error": error, "retry_at": retryAt?.microsecondsSinceEpoch, "now": now.microsecondsSinceEpoch,
                ])
            )
        case .refused:
            break
        }
        return true
    }

    func fetchWebhookState(_ id: WebhookID) throws -> WebhookState {
        let webhook = try fetchWebhook(id)
        let pending = try Row.fetchOne(
            try cachedStatement(
                sql: """
                    SELECT count(*) AS count, min(pending_since) AS since FROM webhook_positions
                    WHERE webhook_id = ? AND due_at IS NOT NULL
                    """
            ),
            arguments: [id.rawValue]
        )
        let counts = try Row.fetchOne(
            try cachedStatement(
                sql: """
                    SELECT count(*) FILTER (WHERE stalled = 0) AS failing, count(*) FILTER (WHERE stalled = 1) AS stalled
                    FROM webhook_positions WHERE webhook_id = ? AND failing_since IS NOT NULL
                    """
            ),
            arguments: [id.rawValue]
        )
        let last = try Row.fetchOne(
            try cachedStatement(sql: "SELECT last_success_at, last_failure_at, last_error FROM webhooks WHERE id = ?"),
            arguments: [id.rawValue]
        )
        let failing = try Row.fetchAll(
            try cachedStatement(
                sql: """
                    SELECT chat_id, seq, tries, failing_since, error, due_at FROM webhook_positions
                    WHERE webhook_id = ? AND failing_since IS NOT NULL ORDER BY failing_since, chat_id LIMIT ?
                    """
            ),
            arguments: [id.rawValue, WebhookState.maximumFailing]
        )
        guard let pending, let counts, let last else { throw StoreError.failed(reason: "a count has no result") }
        return WebhookState(
            webhook: webhook,
            pendingChats: pending["count"],
            failingChats: counts["failing"],
            stalledChats: counts["stalled"],
            pendingSince: Instant(stored: pending["since"]),
            lastSuccessAt: Instant(stored: last["last_success_at"]),
            lastFailureAt: Instant(stored: last["last_failure_at"]),
            lastError: last["last_error"],
            failing: failing.map { row in
                WebhookState.FailingChat(
                    chatID: ChatID(rawValue: row["chat_id"]),
                    position: Position(rawValue: row["seq"]),
                    tries: row["tries"],
                    failingSince: Instant(microsecondsSinceEpoch: row["failing_since"]),
                    error: row["error"],
                    retryAt: Instant(stored: row["due_at"])
                )
            }
        )
    }
}

extension WebhookDelivery {
    /// Holds for the row of a delivery: a replay, and a deletion of the chat, change when it is due.
    fileprivate static let isUnchanged = "webhook_id = :id AND chat_id = :chat AND seq = :seq AND due_at = :due_at"

    /// The arguments of `isUnchanged`.
    fileprivate var identity: StatementArguments {
        [
            "id": webhookID.rawValue, "chat": chatID.rawValue, "seq": position.rawValue,
            "due_at": dueAt.microsecondsSinceEpoch,
        ]
    }
}

extension StatementArguments {
    fileprivate func merged(with more: [String: (any DatabaseValueConvertible)?]?) -> StatementArguments {
        guard let more else { return self }
        return self &+ StatementArguments(more)
    }
}
