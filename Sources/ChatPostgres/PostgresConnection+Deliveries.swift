import ChatDomain
import PostgresClient

extension PostgresConnection {
    /// Finds chats with entries that a webhook has not received, and where it continues in each, in two round trips.
    ///
    /// - Parameter chats: Nil for all chats that may have changed since the last complete search.
    /// - Returns: Nil if the webhook does not exist.
    func fetchDiscovery(
        for id: WebhookID,
        in chats: [ChatID]?,
        at now: Instant,
        _ tolerance: WebhookTolerance
    ) throws(PostgresError) -> WebhookDiscovery? {
        let oldest = PostgresStatement.fetchOldestWrite(at: now)
        let end = try query(oldest.sql, oldest.parameters).instant(0, row: 0)
        let webhook = try query(
            "SELECT started_at, discovered_at FROM webhooks WHERE id = $1",
            [.int64(id.rawValue)]
        )
        guard webhook.rowCount == 1 else { return nil }
        let startedAt = try webhook.instant(0, row: 0)
        let discoveredAt = try webhook.instant(1, row: 0)
        let (scope, value): (String, PostgresValue) =
            if let chats {
                ("chats.id = ANY ($4::bigint[])", .int64Array(chats.map(\.rawValue)))
            } else {
                (PostgresStatement.changed(since: 4), .instant(tolerance.oldestChange(since: discoveredAt, at: end)))
            }
        let result = try query(
            """
            SELECT chats.id, chats.last_seq, coalesce(position.seq, CASE WHEN chats.created_at > $2 THEN 0
                ELSE greatest(
                    (SELECT seq FROM messages WHERE chat_id = chats.id AND created_at <= $2 ORDER BY seq DESC LIMIT 1),
                    (SELECT seq FROM changes WHERE chat_id = chats.id AND created_at <= $2 ORDER BY seq DESC LIMIT 1),
                    0
                ) END) AS seq
            FROM webhooks CROSS JOIN chats LEFT JOIN webhook_positions AS position
                ON position.webhook_id = $1 AND position.chat_id = chats.id
            WHERE webhooks.id = $1 AND chats.deleted_at IS NULL AND \(scope)
                AND (webhooks.chats IS NULL OR chats.id = ANY (webhooks.chats))
                AND (position.seq IS NULL
                    OR (position.due_at IS NULL AND NOT position.stalled AND position.seq < chats.last_seq))
            LIMIT $3
            """,
            [
                .int64(id.rawValue), .instant(tolerance.boundary(startedAt: startedAt, at: now)),
                .int64(Int64(WebhookDiscovery.limit)), value,
            ]
        )
        var found: [WebhookDiscovery.Found] = []
        for row in 0..<result.rowCount {
            found.append(
                WebhookDiscovery.Found(
                    chatID: ChatID(rawValue: try result.int64(0, row: row)),
                    position: Position(rawValue: try result.int64(2, row: row)),
                    lastPosition: Position(rawValue: try result.int64(1, row: row))
                )
            )
        }
        let recordsSearch = chats == nil && tolerance.isWorthRecording(end, after: discoveredAt)
        return WebhookDiscovery(found: found, searchedUpTo: recordsSearch ? end : nil)
    }

    func fetchDueDeliveries(
        of id: WebhookID,
        at now: Instant,
        limit: Int
    ) throws(PostgresError) -> [WebhookDelivery] {
        let result = try query(
            """
            SELECT position.chat_id, position.seq, position.tries, position.failing_since, position.due_at,
                CASE WHEN chats.id IS NOT NULL THEN position.due_seq END, \(Epoch.column)
            FROM webhook_positions AS position
            LEFT JOIN chats ON chats.id = position.chat_id AND chats.deleted_at IS NULL
            WHERE position.webhook_id = $1 AND position.due_at <= $2 ORDER BY position.due_at LIMIT $3
            """,
            [.int64(id.rawValue), .instant(now), .int64(Int64(limit))]
        )
        var deliveries: [WebhookDelivery] = []
        for row in 0..<result.rowCount {
            deliveries.append(
                WebhookDelivery(
                    webhookID: id,
                    chatID: ChatID(rawValue: try result.int64(0, row: row)),
                    epoch: try result.epoch(),
                    position: Position(rawValue: try result.int64(1, row: row)),
                    lastPosition: result.isNull(5, row: row)
                        ? nil : Position(rawValue: try result.int64(5, row: row)),
                    tries: Int(try result.int64(2, row: row)),
                    failingSince: try result.optionalInstant(3, row: row),
                    dueAt: try result.instant(4, row: row)
                )
            )
        }
        return deliveries
    }

    /// - Returns: Nil if the webhook does not exist.
    func fetchWebhookState(_ id: WebhookID) throws(PostgresError) -> WebhookState? {
        var webhook: Webhook?
        var last: (successAt: Instant?, failureAt: Instant?, error: String?) = (nil, nil, nil)
        var pending: (count: Int64, since: Instant?) = (0, nil)
        var counts: (failing: Int64, stalled: Int64) = (0, 0)
        var failing: [WebhookState.FailingChat] = []
        try readSnapshot(PostgresStatement.fetchWebhookState(id)) { index, result throws(PostgresError) in
            switch index {
            case 0:
                webhook = try result.webhooks().first
                guard webhook != nil else { return }
                last = (
                    try result.optionalInstant(try result.column("last_success_at"), row: 0),
                    try result.optionalInstant(try result.column("last_failure_at"), row: 0),
                    try result.optionalText(try result.column("last_error"), row: 0)
                )
            case 1:
                pending = (try result.int64(0, row: 0), try result.optionalInstant(1, row: 0))
            case 2:
                counts = (try result.int64(0, row: 0), try result.int64(1, row: 0))
            default:
                for row in 0..<result.rowCount {
                    failing.append(
                        WebhookState.FailingChat(
                            chatID: ChatID(rawValue: try result.int64(0, row: row)),
                            position: Position(rawValue: try result.int64(1, row: row)),
                            tries: Int(try result.int64(2, row: row)),
                            failingSince: try result.instant(3, row: row),
                            error: try result.text(4, row: row),
                            retryAt: try result.optionalInstant(5, row: row)
                        )
                    )
                }
            }
        }
        guard let webhook else { return nil }
        return WebhookState(
            webhook: webhook,
            pendingChats: Int(pending.count),
            failingChats: Int(counts.failing),
            stalledChats: Int(counts.stalled),
            pendingSince: pending.since,
            lastSuccessAt: last.successAt,
            lastFailureAt: last.failureAt,
            lastError: last.error,
            failing: failing
        )
    }
}

extension PostgresStatement {
    fileprivate static func fetchWebhookState(_ id: WebhookID) -> [PostgresStatement] {
        [
            PostgresStatement(
                """
                SELECT \(WebhookColumns.list), last_success_at, last_failure_at, last_error
                FROM webhooks WHERE id = $1
                """,
                [.int64(id.rawValue)]
            ),
            PostgresStatement(
                "SELECT count(*), min(pending_since) FROM webhook_positions WHERE webhook_id = $1 AND due_at IS NOT NULL",
                [.int64(id.rawValue)]
            ),
            PostgresStatement(
                """
                SELECT count(*) FILTER (WHERE NOT stalled), count(*) FILTER (WHERE stalled) FROM webhook_positions
                WHERE webhook_id = $1 AND failing_since IS NOT NULL
                """,
                [.int64(id.rawValue)]
            ),
            PostgresStatement(
                """
                SELECT chat_id, seq, tries, failing_since, error, due_at FROM webhook_positions
                WHERE webhook_id = $1 AND failing_since IS NOT NULL ORDER BY failing_since, chat_id LIMIT $2
                """,
                [.int64(id.rawValue), .int64(Int64(WebhookState.maximumFailing))]
            ),
        ]
    }

    /// Makes the chats due that `fetchDiscovery` found, in an earlier snapshot.
    static func record(_ discovery: WebhookDiscovery, for id: WebhookID, at now: Instant) -> [PostgresStatement] {
        let found = discovery.found.sorted { $0.chatID.rawValue < $1.chatID.rawValue }
        var statements: [PostgresStatement] = []
        if !found.isEmpty {
            statements.append(
                PostgresStatement(
                    """
                    INSERT INTO webhook_positions (webhook_id, chat_id, seq, due_at, due_seq, pending_since)
                    SELECT webhooks.id, found.chat_id, found.seq, found.due_at, found.due_seq, found.due_at
                    FROM webhooks CROSS JOIN unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[])
                        WITH ORDINALITY AS found (chat_id, seq, due_at, due_seq, number)
                    WHERE webhooks.id = $1
                    ORDER BY number
                    ON CONFLICT (webhook_id, chat_id) DO UPDATE SET
                        due_at = excluded.due_at, due_seq = excluded.due_seq, pending_since = excluded.pending_since
                    WHERE webhook_positions.due_at IS NULL AND NOT webhook_positions.stalled
                        AND webhook_positions.seq = excluded.seq
                    """,
                    [
                        .int64(id.rawValue), .int64Array(found.map(\.chatID.rawValue)),
                        .int64Array(found.map(\.position.rawValue)),
                        .timestampArray(found.map { $0.isDue ? now.microsecondsSinceEpoch : nil }),
                        .int64Array(found.map(\.lastPosition.rawValue)),
                    ]
                )
            )
        }
        if let instant = discovery.searchedUpTo {
            statements.append(
                PostgresStatement(
                    "UPDATE webhooks SET discovered_at = $2 WHERE id = $1",
                    [.int64(id.rawValue), .instant(instant)]
                )
            )
        }
        return statements
    }

    static func shorten(_ delivery: WebhookDelivery, to last: Position) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE webhook_positions SET due_seq = $5
            WHERE webhook_id = $1 AND chat_id = $2 AND seq = $3 AND due_at = $4
            """,
            [
                .int64(delivery.webhookID.rawValue), .int64(delivery.chatID.rawValue),
                .int64(delivery.position.rawValue), .instant(delivery.dueAt), .int64(last.rawValue),
            ]
        )
    }

    /// Records the outcome of a delivery; the first statement returns a row if the holder has the lease.
    ///
    /// A replay, and a deletion of the chat, change when the position is due, which then stays as it is.
    static func record(
        _ outcome: WebhookOutcome,
        of delivery: WebhookDelivery,
        by holder: String,
        at now: Instant
    ) -> [PostgresStatement] {
        let lease = "id = $1 AND lease_holder = $2 AND lease_expires_at > now()"
        let isLeased = "EXISTS (SELECT id FROM webhooks WHERE \(lease))"
        let position = "webhook_id = $1 AND chat_id = $3 AND webhook_positions.seq = $4 AND due_at = $5 AND \(isLeased)"
        let leaseParameters: [PostgresValue] = [.int64(delivery.webhookID.rawValue), .text(holder)]
        let positionParameters: [PostgresValue] =
            leaseParameters + [
                .int64(delivery.chatID.rawValue), .int64(delivery.position.rawValue), .instant(delivery.dueAt),
            ]
        func noteSuccess(isSent: Bool) -> PostgresStatement {
            PostgresStatement(
                """
                UPDATE webhooks SET last_success_at = CASE WHEN $4 THEN $3 ELSE last_success_at END WHERE \(lease)
                RETURNING id
                """,
                leaseParameters + [.instant(now), .bool(isSent)]
            )
        }
        return switch outcome {
        case .delivered(let last, let isSent):
            [
                noteSuccess(isSent: isSent),
                PostgresStatement(
                    """
                    UPDATE webhook_positions SET
                        seq = $7, tries = 0, failing_since = NULL, error = NULL,
                        due_at = CASE WHEN coalesce(chat.last_seq > $7, true) THEN $6 END, due_seq = chat.last_seq,
                        pending_since = CASE WHEN coalesce(chat.last_seq > $7, true) THEN $6 END
                    FROM (SELECT (SELECT last_seq FROM chats WHERE id = $3 AND deleted_at IS NULL)) AS chat (last_seq)
                    WHERE \(position)
                    """,
                    positionParameters + [.instant(now), .int64(last.rawValue)]
                ),
            ]
        case .deletionDelivered(let isSent):
            [
                noteSuccess(isSent: isSent),
                PostgresStatement("DELETE FROM webhook_positions WHERE \(position)", positionParameters),
            ]
        case .failed(let error, let retryAt):
            [
                PostgresStatement(
                    "UPDATE webhooks SET last_failure_at = $3, last_error = $4 WHERE \(lease) RETURNING id",
                    leaseParameters + [.instant(now), .text(error)]
                ),
                PostgresStatement(
                    """
                    UPDATE webhook_positions SET
                        tries = tries + 1, failing_since = coalesce(failing_since, $6), error = $7, due_at = $8,
                        stalled = $8 IS NULL
                    WHERE \(position)
                    """,
                    positionParameters + [.instant(now), .text(error), .instant(retryAt)]
                ),
            ]
        case .refused(let reason):
            [
                PostgresStatement(
                    """
                    UPDATE webhooks SET
                        last_failure_at = $3, last_error = $4, disabled_at = $3, disabled_reason = $4,
                        lease_holder = NULL, lease_expires_at = NULL
                    WHERE \(lease) RETURNING id
                    """,
                    leaseParameters + [.instant(now), .text(reason)]
                )
            ]
        }
    }
}
