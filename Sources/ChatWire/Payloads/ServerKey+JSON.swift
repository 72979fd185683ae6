package import ChatDomain

extension ServerKeyRecord: JSONWritable {
    /// Writes a `ServerKey`, without the hash of its secret.
    package func write(to writer: inout JSONWriter) {
        writer.object { $0.members(of: self) }
    }
}

extension JSONWriter {
    fileprivate mutating func members(of key: ServerKeyRecord) {
        member("id", key.id)
        member("name", key.name)
        member("scope", key.scope.text)
        member("created_at", key.createdAt)
        member("last_used_at", ifPresent: key.lastUsedAt)
        member("revoked_at", ifPresent: key.revokedAt)
    }
}

/// All server keys.
package struct ServerKeyList: JSONWritable {
    private let keys: [ServerKeyRecord]

    package init(_ keys: [ServerKeyRecord]) {
        self.keys = keys
    }

    /// Writes a `ServerKeyList`.
    package func write(to writer: inout JSONWriter) {
        writer.object { $0.member("keys", keys) }
    }
}

/// A new server key, with its secret.
package struct IssuedServerKey: JSONWritable {
    private let record: ServerKeyRecord
    private let text: String

    /// - Parameter text: The complete key.
    package init(_ record: ServerKeyRecord, text: String) {
        self.record = record
        self.text = text
    }

    /// Writes an `IssuedServerKey`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.members(of: record)
            writer.member("key", text)
        }
    }
}

extension JSONSchema {
    /// The scope of a server key.
    package static let serverKeyScope = component(
        "ServerKeyScope",
        [
            "type": "string", "pattern": .string(ServerKeyScope.pattern),
            "description": """
            `admin` may do everything. `post` reads and posts in every chat and acts as any user. `read` reads every chat. \
            `bot:` and a user's id act as this user.
            """,
            "examples": ["post"],
        ]
    )

    /// Matches every `ServerKeyName`.
    package static let serverKeyName = string(maximum: ServerKeyName.maximumLength)
        .adding("pattern", .string(ServerKeyName.pattern))
        .described("Tells people what uses the key. No control characters, such as line breaks.")
        .adding("examples", ["billing"])

    /// A server key without its secret.
    package static let serverKey = component("ServerKey", .object(serverKeyMembers))

    /// All server keys.
    package static let serverKeyList = component(
        "ServerKeyList",
        .object([.required("keys", .array(of: .serverKey), "In the order in which they were created.")])
    )

    /// A new server key.
    package static let issuedServerKey = component(
        "IssuedServerKey",
        .object(serverKeyMembers + [.required("key", .string, "The key itself: `sk_`, its id, `_` and its secret.")])
    )

    private static let serverKeyMembers: [Property] = [
        .required("id", .string, "The part of the key between `sk_` and the next `_`."),
        .required("name", .string),
        .required("scope", .serverKeyScope),
        .required("created_at", .instant),
        .optional("last_used_at", .instant, "The hour in which the key was last used. Absent if it never was."),
        .optional("revoked_at", .instant, "Absent while the key is valid."),
    ]
}
