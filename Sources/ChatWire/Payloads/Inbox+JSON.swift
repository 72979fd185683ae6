package import ChatDomain

/// A line of an inbox: the present state of one chat.
package enum InboxLine: Equatable, Sendable {
    case chat(InboxEntry)
    /// The user is no longer a member, or the chat was deleted.
    case left(ChatID)

    /// The `type` of the line, and of its event.
    package var type: String {
        switch self {
        case .chat: "chat"
        case .left: "left"
        }
    }
}

extension InboxLine: JSONWritable {
    /// Writes an `InboxLine`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("type", type)
            switch self {
            case .chat(let entry):
                writer.member("chat_id", entry.chat.id)
                writer.member("last_seq", entry.chat.lastPosition)
                writer.member("chat", entry.chat)
                writer.member("last_message", ifPresent: entry.lastMessage)
                writer.member("role", entry.state.role.rawValue)
                entry.state.writeMembers(to: &writer)
            case .left(let id):
                writer.member("chat_id", id)
            }
        }
    }
}

/// A page of what changed in an inbox.
package struct InboxPage: Equatable, Sendable {
    /// The latest change first.
    package let changes: [InboxLine]
    /// Where the next page starts.
    package let cursor: InboxCursor

    package init(changes: [InboxLine], cursor: InboxCursor) {
        self.changes = changes
        self.cursor = cursor
    }

    /// Whether the next page is due at once.
    package var hasMore: Bool {
        cursor.pass != nil
    }
}

extension InboxPage: JSONWritable {
    /// Writes an `InboxPage`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("changes", changes)
            writer.member("cursor", cursor.text)
            writer.member("has_more", hasMore)
        }
    }
}

extension JSONSchema {
    /// A page of what changed in an inbox.
    package static let inboxPage = component(
        "InboxPage",
        .object([
            .required(
                "changes",
                .array(of: .inboxLine),
                "One line for each chat that changed, the latest change first."
            ),
            .required("cursor", .string, "The `after` of the next request."),
            .required("has_more", .boolean, "Whether more chats changed: get the next page now."),
        ])
    )

    /// The state of one chat in an inbox.
    package static let inboxLine = component("InboxLine", .oneOf(SchemaVariant.inboxLines))

    /// The last message of a chat, for callers with a user.
    static let lastMessage: [Property] = [
        .optional("last_message", .message, "The newest message that is not deleted. Absent if there is none.")
    ]
}

extension SchemaVariant {
    /// The lines of an inbox, in a page as in a stream.
    package static let inboxLines = [
        SchemaVariant(
            "InboxChat",
            type: "chat",
            [
                .required("chat_id", .id),
                .required("last_seq", .integer(from: 0), "The last position of the chat's log."),
                .required("chat", .chat),
            ] + JSONSchema.lastMessage + [.required("role", .chatRole, "Your role as a member.")]
                + JSONSchema.readMarkerProperties,
            "The state of a chat of which you are a member."
        ),
        SchemaVariant(
            "InboxLeft",
            type: "left",
            [.required("chat_id", .id)],
            "You are no longer a member of the chat, or it was deleted."
        ),
    ]
}
