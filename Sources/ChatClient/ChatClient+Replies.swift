import Foundation

extension ChatClient {
    /// Opens a message that is read while it is written, and returns at once.
    ///
    /// - Parameters:
    ///   - replyTo: The id of the message to reply to.
    ///   - ttl: How long the server waits for a sign of the writer before it ends the message: 5 to 600 seconds.
    ///   - key: The idempotency key, a UUID by default. A second reply with the same key writes the same message, from
    ///     its start: name it after what you reply to, and you reply only once, even if the process is killed meanwhile.
    public func reply(
        in chat: Int,
        replyTo: Int? = nil,
        metadata: Metadata? = nil,
        ttl: Duration = .seconds(60),
        key: String? = nil
    ) -> Reply {
        let writer = ReplyWriter(chatID: chat, transport: transport, ttl: ttl)
        let fields: [String: JSONValue?] = [
            "open": true,
            "ttl": .integer(Int(ttl.components.seconds)),
            "reply_to": replyTo.map(JSONValue.integer),
            "metadata": metadata.map(JSONValue.object),
        ]
        replies.append(writer)
        Task {
            await writer.run(fields, key: key ?? UUID().uuidString)
            replies.removeAll { $0 === writer }
        }
        return Reply(writer)
    }

    /// The text of a message from an offset on, as it is now.
    ///
    /// - Parameter offset: In Unicode scalars. If the text ends before it, it fails with `offset_mismatch`.
    public func text(of message: Int, in chat: Int, at offset: Int = 0) async throws(ChatError) -> AppendedText {
        struct Part: Decodable {
            let at: Int
            let text: String
        }
        let path = "/chats/\(chat)/messages/\(message)/text"
        let part = try await transport.send(.get(path, [("at", offset), ("wait", 0)]), as: Part.self)
        return AppendedText(messageID: message, at: part.at, text: part.text, status: nil)
    }
}
