extension JSONSchema {
    /// Integers that a double holds exactly, as JavaScript needs them.
    package static let id = component("ID", .integer(in: 1...9_007_199_254_740_991))

    package static let instant = component(
        "Instant",
        [
            "type": "string", "format": "date-time", "pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{6}Z$",
            "description": "RFC 3339 in UTC with microseconds.",
        ]
    )

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

    package static let logPlace = component(
        "LogPlace",
        [
            "type": "string", "pattern": "^([0-9a-f]{8}\\.)?[0-9]+$",
            "description": "A position with its epoch, or a plain number, whose epoch is not checked.",
            "examples": ["7f3c9a01.17", "17"],
        ]
    )

    package static let metadata = component(
        "Metadata",
        [
            "type": "object",
            "description": """
            Your application's own data, which the service stores and never interprets. Absent if there is none.
            """,
            "examples": [["topic": "releases"]],
        ]
    )
}
