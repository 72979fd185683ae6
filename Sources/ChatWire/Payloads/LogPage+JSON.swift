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
            .required(
                "entries",
                .array(
                    of: .oneOf(
                        messageEntry("MessageLogEntry"),
                        chatEntry("ChatLogEntry"),
                        memberEntry("MemberLogEntry")
                    ),
                    maximum: 100
                ),
                "In order of position, without gaps."
            ),
            .required("last_seq", .integer(from: 0), "The last position of the chat's log at the time of the read."),
            .required("epoch", .epoch),
        ])
    )

    /// An entry about a message, as streams send it: with `chat_id`.
    package static let liveMessageEntry = messageEntry("LiveMessageEntry", chatID: [liveChatID])
    /// An entry about the chat itself, as streams send it: with `chat_id`.
    package static let liveChatEntry = chatEntry("LiveChatEntry", chatID: [liveChatID])

    /// An entry about members, as streams send it: with `chat_id`.
    package static let liveMemberEntry = memberEntry("LiveMemberEntry", chatID: [liveChatID])

    private static let liveChatID = Property.required("chat_id", .id, "The chat whose log contains the entry.")

    private static func messageEntry(_ name: String, chatID: [Property] = []) -> JSONSchema {
        entry(
            name,
            kinds: LogEntry.Kind.allCases.filter(\.isAboutMessage),
            chatID: chatID,
            [.required("message", .messageOrTombstone, "The message in its current state.")]
        )
    }

    private static func chatEntry(_ name: String, chatID: [Property] = []) -> JSONSchema {
        entry(
            name,
            kinds: LogEntry.Kind.allCases.filter { !$0.isAboutMessage && !$0.isAboutMembers },
            chatID: chatID,
            [currentChat]
        )
    }

    private static func memberEntry(_ name: String, chatID: [Property] = []) -> JSONSchema {
        entry(
            name,
            kinds: LogEntry.Kind.allCases.filter(\.isAboutMembers),
            chatID: chatID,
            [
                currentChat,
                .required(
                    "users",
                    .array(of: .userID, maximum: MemberIDs.maximumCount),
                    "The users who joined, got another role or left."
                ),
                .optional("role", .chatRole, "Their role. Absent if they left."),
            ]
        )
    }

    private static let currentChat = Property.required("chat", .chat, "The chat in its current state.")

    private static func entry(
        _ name: String,
        kinds: [LogEntry.Kind],
        chatID: [Property],
        _ content: [Property]
    ) -> JSONSchema {
        let names = kinds.map { OpenAPIValue.string($0.rawValue) }
        let type: JSONSchema = names.count == 1 ? ["const": names[0]] : ["enum": .array(names)]
        let seq = Property.required("seq", .integer(from: 1), "The entry's position.")
        let author = Property.optional("author", .userID, "The user who did it. Absent if the client was anonymous.")
        let at = Property.required("at", .instant, "When it happened.")
        return component(name, .object([seq, .required("type", type)] + chatID + [author, at] + content))
    }
}
