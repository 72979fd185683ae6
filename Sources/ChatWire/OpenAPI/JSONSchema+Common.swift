import ChatDomain

extension JSONSchema {
    /// Integers that a double, and so JavaScript, represents exactly.
    package static let id = component("ID", .integer(in: 1...9_007_199_254_740_991))

    /// Matches what `JSONWriter` writes; clients may send other RFC 3339 forms.
    package static let instant = component(
        "Instant",
        [
            "type": "string", "format": "date-time", "pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{6}Z$",
            "description": "RFC 3339 in UTC with microseconds.",
        ]
    )

    /// Matches every `UserID`.
    package static let userID = component(
        "UserID",
        [
            "type": "string", "pattern": .string(UserID.pattern),
            "description": "Identifies a user: 1 to \(UserID.maximumLength) visible ASCII characters.",
            "examples": ["ada"],
        ]
    )

    /// Matches every key that a client can send.
    package static let idempotencyKey = component(
        "IdempotencyKey",
        [
            "type": "string", "pattern": .string(IdempotencyKey.pattern),
            "description": "1 to \(IdempotencyKey.maximumLength) visible ASCII characters.",
            "examples": ["018f3a6e-52c1-7d0b-9a43-0c5be1b7a2f4"],
        ]
    )

    /// Matches `Epoch.text`.
    package static let epoch = component(
        "Epoch",
        [
            "type": "string", "pattern": "^[0-9a-f]{8}$",
            "description": """
            Identifies the database's history. It changes when the history may have gone backward: after a failover or \
            a restore. Positions of different epochs cannot be compared.
            """,
            "examples": ["7f3c9a01"],
        ]
    )

    /// Matches `LogPlace.text`, with and without an epoch.
    package static let logPlace = component(
        "LogPlace",
        [
            "type": "string", "pattern": "^([0-9a-f]{8}\\.)?[0-9]+$",
            "description": "A position prefixed with its epoch, or a plain number, whose epoch is not checked.",
            "examples": ["7f3c9a01.17", "17"],
        ]
    )

    /// Any JSON object; the size limit is that of the operation.
    package static let metadata = component(
        "Metadata",
        [
            "type": "object",
            "description": "Your application's own data, which the service stores and never interprets.",
            "examples": [["topic": "releases"]],
        ]
    )
}
