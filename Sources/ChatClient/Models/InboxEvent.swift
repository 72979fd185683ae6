/// A line of the inbox.
public enum InboxEvent: Sendable, Hashable {
    /// The state of one of the user's chats. It replaces all earlier lines about this chat.
    case chat(InboxChat)
    /// The user is no longer a member, or the chat was deleted.
    case left(chatID: Int)
    /// Everything that existed when the stream started or was interrupted has been sent.
    case caughtUp
    /// The history is another: clear what you show. Every chat is sent again.
    case reset(epoch: String)
    /// A line that this version does not know, as the server sent it.
    case unknown(type: String, JSONValue)
}

extension InboxEvent: Codable {
    private enum CodingKeys: String, CodingKey {
        case type
        case chatID = "chat_id"
        case epoch
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let type = try container.decode(String.self, forKey: .type)
        self =
            switch type {
            case "chat": .chat(try InboxChat(from: decoder))
            case "left": .left(chatID: try container.decode(Int.self, forKey: .chatID))
            case "caught_up": .caughtUp
            case "reset": .reset(epoch: try container.decode(String.self, forKey: .epoch))
            default: .unknown(type: type, try JSONValue(from: decoder))
            }
    }

    public func encode(to encoder: any Encoder) throws {
        if case .unknown(_, let json) = self { return try json.encode(to: encoder) }
        if case .chat(let chat) = self { try chat.encode(to: encoder) }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        try container.encodeIfPresent(chatID, forKey: .chatID)
        if case .reset(let epoch) = self { try container.encode(epoch, forKey: .epoch) }
    }

    /// The server's name of the kind, such as `left`.
    public var type: String {
        switch self {
        case .chat: "chat"
        case .left: "left"
        case .caughtUp: "caught_up"
        case .reset: "reset"
        case .unknown(let type, _): type
        }
    }

    /// The chat that the line is about.
    public var chatID: Int? {
        switch self {
        case .chat(let line): line.chat.id
        case .left(let chatID): chatID
        case .caughtUp, .reset, .unknown: nil
        }
    }
}
