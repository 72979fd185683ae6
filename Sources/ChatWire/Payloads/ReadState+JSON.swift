package import ChatDomain

extension ReadState: JSONWritable {
    /// Writes a `ReadMarker`; `more` is omitted unless it is true.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writeMembers(to: &writer)
        }
    }

    /// Writes the members of a `ReadMarker`.
    package func writeMembers(to writer: inout JSONWriter) {
        writer.member("read_seq", readPosition)
        writer.member("unread", unread.value)
        writer.member("more", ifPresent: unread.isMore ? true : nil)
    }
}

/// The number of a user's chats with unread messages.
package struct UnreadChats: JSONWritable {
    private let count: Int

    package init(count: Int) {
        self.count = count
    }

    /// Writes an `UnreadChats`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("chats", count)
        }
    }
}

extension JSONSchema {
    /// A member's read marker with what is unread after it.
    package static let readMarker = component("ReadMarker", .object(readMarkerProperties))

    /// The members of a `ReadMarker`.
    static let readMarkerProperties: [Property] = [
        .required("read_seq", .integer(from: 0), "The position up to which you have read."),
        .required("unread", unread, unreadDescription),
        .optional("more", more, moreDescription),
    ]

    /// The number of chats with unread messages.
    package static let unreadChats = component(
        "UnreadChats",
        .object([.required("chats", .integer(from: 0), "How many of your chats have unread messages.")])
    )

    /// The properties of a chat in a list that only its members see.
    static let membershipProperties: [Property] = [
        .optional("role", .chatRole, "Your role as a member. Absent if you are not a member."),
        .optional(
            "read_seq",
            .integer(from: 0),
            "The position up to which you have read. Absent if you are not a member."
        ),
        .optional("unread", unread, "\(unreadDescription) Absent if you are not a member."),
        .optional("more", more, moreDescription),
    ]

    private static let unread = JSONSchema.integer(in: 0...UnreadCount.limit)
    private static let unreadDescription =
        "The number of messages after `read_seq`, by others, that are not deleted; at most \(UnreadCount.limit)."
    private static let more: JSONSchema = ["type": "boolean", "const": true]
    private static let moreDescription = "Present if more than \(UnreadCount.limit) messages are unread."
}
