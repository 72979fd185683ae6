package import ChatDomain

extension LogPage: JSONWritable {
    /// Writes a page of the log; its entries carry no `chat_id`, since the page is of one chat.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("entries") { writer in
                writer.array(entries) { $1.write(to: &$0) }
            }
            writer.member("last_seq", lastPosition)
            writer.member("epoch", epoch)
        }
    }
}

extension LogEntry {
    /// Writes the entry with its message or chat, and with the members of its payload as its own.
    ///
    /// - Parameter chatID: Written where entries of several chats are mixed; nil omits it.
    package func write(to writer: inout JSONWriter, chatID: ChatID? = nil) {
        writer.object { writer in
            writer.member("seq", position)
            writer.member("type", kind.rawValue)
            writer.member("chat_id", ifPresent: chatID)
            writer.member("author", ifPresent: author)
            writer.member("at", instant)
            switch subject {
            case .message(let message): writer.member("message", message)
            case .chat(let chat): writer.member("chat", chat)
            }
            if let payload {
                writer.members(of: payload)
            }
        }
    }
}

extension JSONSchema {
    /// A page of at most 100 entries.
    package static let logPage = component(
        "LogPage",
        .object([
            .required("entries", .array(of: logEntry, maximum: 100), "In order of position, without gaps."),
            .required("last_seq", .integer(from: 0), "The last position of the chat's log at the time of the read."),
            .required("epoch", .epoch),
        ])
    )

    private static let logEntry = component(
        "LogEntry",
        .oneOf(LogEntry.Kind.allCases.map { SchemaVariant($0, nameSuffix: "Entry") })
    )
}

extension SchemaVariant {
    /// A log entry of each kind, as streams send it: with `chat_id`.
    package static let liveEntries: [SchemaVariant] = LogEntry.Kind.allCases.map { kind in
        SchemaVariant(
            kind,
            nameSuffix: "Event",
            chatID: [.required("chat_id", .id, "The chat whose log contains the entry.")]
        )
    }

    fileprivate init(_ kind: LogEntry.Kind, nameSuffix: String, chatID: [JSONSchema.Property] = []) {
        let name = kind.rawValue.split(separator: ".").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        let seq = JSONSchema.Property.required("seq", .integer(from: 1), "The entry's position.")
        let circumstances: [JSONSchema.Property] = [
            .optional("author", .userID, "The user who did it. Absent if the client was anonymous."),
            .required("at", .instant, "When it happened."),
        ]
        self.init(name + nameSuffix, type: kind.rawValue, [seq] + chatID + circumstances + Self.subject(of: kind))
    }

    private static func subject(of kind: LogEntry.Kind) -> [JSONSchema.Property] {
        let chat = JSONSchema.Property.required("chat", .chat, "The chat in its current state.")
        let users = JSONSchema.Property.required(
            "users",
            .array(of: .userID, maximum: MemberIDs.maximumCount),
            "The users who joined, got another role or left."
        )
        return switch kind {
        case .messageCreated, .messageUpdated:
            [.required("message", .messageOrTombstone, "The message in its current state.")]
        case .messageDeleted: [.required("message", .tombstone, "What remains of the message.")]
        case .chatUpdated: [chat]
        case .memberJoined, .memberUpdated: [chat, users, .required("role", .chatRole, "Their role from now on.")]
        case .memberLeft: [chat, users]
        }
    }
}
