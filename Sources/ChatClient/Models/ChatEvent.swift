/// An event of a chat: an entry of its log, or a notice in between.
public enum ChatEvent: Sendable, Hashable {
    case entry(LogEntry)
    /// The text of an open message has grown: apply the piece with `Message.grow`.
    ///
    /// It continues what the events before it have shown, or starts at 0.
    case messageAppended(AppendedText)
    /// The writer of an open message is to stop.
    case cancelRequested(messageID: Int)
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
    private enum CodingKeys: String, CodingKey {
        case type
        case seq
        case epoch
        case messageID = "message_id"
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
            case "message.appended": .messageAppended(try AppendedText(from: decoder))
            case "message.cancel_requested":
                .cancelRequested(messageID: try container.decode(Int.self, forKey: .messageID))
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
        case .messageAppended(let piece): try piece.encode(to: encoder)
        case .typing(let typing): try typing.encode(to: encoder)
        case .cancelRequested, .caughtUp, .reset, .chatDeleted: break
        }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        if case .cancelRequested(let id) = self { try container.encode(id, forKey: .messageID) }
        if case .reset(let epoch) = self { try container.encode(epoch, forKey: .epoch) }
    }

    /// The server's name of the kind, such as `message.created`.
    public var type: String {
        switch self {
        case .entry(let entry): entry.change.type
        case .messageAppended: "message.appended"
        case .cancelRequested: "message.cancel_requested"
        case .typing: "typing"
        case .caughtUp: "caught_up"
        case .reset: "reset"
        case .chatDeleted: "chat.deleted"
        case .unknown(let type, _): type
        }
    }
}
