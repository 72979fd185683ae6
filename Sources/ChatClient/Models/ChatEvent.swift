/// An event of a chat: an entry of its log, or a notice in between.
public enum ChatEvent: Sendable, Hashable {
    case entry(LogEntry)
    case typing(Typing)
    /// Everything that existed when the stream started or was interrupted has been sent.
    case caughtUp
    /// Positions have changed: clear what you show. Everything is sent again from the start of the log.
    case reset(epoch: String)
    /// The chat was deleted, or the user left it. It is the last event.
    case chatDeleted
    /// A notice that this version does not know, as the server sent it.
    case unknown(type: String, JSONValue)
}

extension ChatEvent: Codable {
    private enum CodingKeys: CodingKey {
        case type
        case seq
        case epoch
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if container.contains(.seq) {
            self = .entry(try LogEntry(from: decoder))
            return
        }
        let type = try container.decode(String.self, forKey: .type)
        self =
            switch type {
            case "typing": .typing(try Typing(from: decoder))
            case "caught_up": .caughtUp
            case "reset": .reset(epoch: try container.decode(String.self, forKey: .epoch))
            case "chat.deleted": .chatDeleted
            default: .unknown(type: type, try JSONValue(from: decoder))
            }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .entry(let entry): return try entry.encode(to: encoder)
        case .unknown(_, let json): return try json.encode(to: encoder)
        case .typing(let typing): try typing.encode(to: encoder)
        case .caughtUp, .reset, .chatDeleted: break
        }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        if case .reset(let epoch) = self { try container.encode(epoch, forKey: .epoch) }
    }

    /// The server's name of the kind, such as `message.created`.
    public var type: String {
        switch self {
        case .entry(let entry): entry.change.type
        case .typing: "typing"
        case .caughtUp: "caught_up"
        case .reset: "reset"
        case .chatDeleted: "chat.deleted"
        case .unknown(let type, _): type
        }
    }
}
