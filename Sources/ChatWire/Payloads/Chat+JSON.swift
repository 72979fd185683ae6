package import ChatDomain

extension Chat: JSONWritable {
    /// Writes a `Chat`; metadata is omitted if there is none.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writeMembers(to: &writer)
        }
    }

    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("id", id)
        writer.member("title", title)
        writer.member("created_at", createdAt)
        writer.member("last_seq", lastPosition)
        writer.member("last_message_at", lastMessageAt)
        writer.member("message_count", messageCount)
        writer.member("visibility", visibility.rawValue)
        writer.member("receipts", ifPresent: receipts ? true : nil)
        writer.member("slow_mode", ifPresent: slowMode == .off ? nil : slowMode.seconds)
        writer.member("metadata", ifPresent: metadata)
    }
}

extension ChatWithMessages: JSONWritable {
    /// Writes the members of the chat and its latest messages in one object.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            chat.writeMembers(to: &writer)
            writer.member("messages", messages)
        }
    }
}

extension ChatList: JSONWritable {
    /// Writes a page of chats; `next_cursor` is null at the end of the list.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member(
                "chats",
                chats.map { ListedChat(chat: $0, lastMessage: lastMessages[$0.id], state: readStates[$0.id]) }
            )
            writer.member("next_cursor", next.map { ChatListToken(epoch: epoch, cursor: $0).text })
        }
    }
}

/// A chat in a list, with the membership of the caller's user.
private struct ListedChat: JSONWritable {
    let chat: Chat
    /// Nil if there is none, or without a user.
    let lastMessage: Message?
    /// Nil if the user is no member.
    let state: ReadState?

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            chat.writeMembers(to: &writer)
            writer.member("last_message", ifPresent: lastMessage)
            guard let state else { return }
            writer.member("role", state.role.rawValue)
            state.writeMembers(to: &writer)
        }
    }
}

extension JSONSchema {
    /// A chat without its messages.
    package static let chat = component("Chat", .object(chatProperties))

    /// A chat with its latest messages, at most 100.
    package static let chatWithMessages = component(
        "ChatWithMessages",
        .object(
            chatProperties + [
                .required("messages", .array(of: .message, maximum: 100), "Oldest first, without deleted ones.")
            ]
        )
    )

    /// A page of at most 100 chats.
    package static let chatList = component(
        "ChatList",
        .object([
            .required("chats", .array(of: .listedChat, maximum: 100), "Most recently active first."),
            .required("next_cursor", .anyOf(.string, .null), "The `cursor` of the next page; null at the end."),
        ])
    )

    /// Who may read a chat without being a member.
    package static let chatVisibility = values(of: ChatVisibility.self, named: "ChatVisibility")

    private static let listedChat = component(
        "ListedChat",
        .object(chatProperties + lastMessage + membershipProperties)
    )

    private static let chatProperties: [Property] = [
        .required("id", .id),
        .required("title", .string(maximum: ChatTitle.maximumLength)),
        .required("created_at", .instant),
        .required(
            "last_seq",
            .integer(from: 0),
            "The last position of the chat's log. Every change in the chat increments it."
        ),
        .required(
            "last_message_at",
            .anyOf(.instant, .null),
            "When the newest message was posted, even if it was deleted since; null if there was none."
        ),
        .required("message_count", .integer(from: 0), "The number of messages that are not deleted."),
        .required(
            "visibility",
            .chatVisibility,
            "Who may read the chat without being a member: nobody (`private`), or every user (`open`)."
        ),
        .optional("receipts", .boolean, receiptsRule),
        .optional(
            "slow_mode",
            .integer(in: 1...Int(SlowMode.allowed.upperBound)),
            "How many seconds a member must wait between two messages; absent if slow mode is off."
        ),
        .optional("metadata", .metadata),
    ]

    /// What the setting does, in the API document.
    package static let receiptsRule = """
        Whether the list of members shows how far each member has read. If it is absent, it does not.
        """

}
