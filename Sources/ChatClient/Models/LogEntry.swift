public import Foundation

/// What happened at a position of a chat's log.
public struct LogEntry: Sendable, Hashable {
    public let seq: Int
    public let at: Date
    /// The user who did it.
    public let author: String?
    public let change: Change

    /// What has changed.
    public enum Change: Sendable, Hashable {
        case messageCreated(Message)
        case messageUpdated(Message)
        case messageDeleted(Message)
        case chatUpdated(ChatInfo)
        case membersJoined(MemberChange)
        case membersUpdated(MemberChange)
        case membersLeft(MemberChange)
        /// A kind that this version does not know, as the server sent it.
        case unknown(type: String, JSONValue)
    }

    /// The message that was created, updated or deleted.
    public var message: Message? {
        switch change {
        case .messageCreated(let message), .messageUpdated(let message), .messageDeleted(let message): message
        default: nil
        }
    }
}

extension LogEntry: Codable {
    private enum CodingKeys: CodingKey {
        case type
        case seq
        case at
        case author
        case message
        case chat
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        seq = try container.decode(Int.self, forKey: .seq)
        at = try container.decode(Date.self, forKey: .at)
        author = try container.decodeIfPresent(String.self, forKey: .author)
        let type = try container.decode(String.self, forKey: .type)
        change =
            switch type {
            case "message.created": .messageCreated(try container.decode(Message.self, forKey: .message))
            case "message.updated": .messageUpdated(try container.decode(Message.self, forKey: .message))
            case "message.deleted": .messageDeleted(try container.decode(Message.self, forKey: .message))
            case "chat.updated": .chatUpdated(try container.decode(ChatInfo.self, forKey: .chat))
            case "member.joined": .membersJoined(try MemberChange(from: decoder))
            case "member.updated": .membersUpdated(try MemberChange(from: decoder))
            case "member.left": .membersLeft(try MemberChange(from: decoder))
            default: .unknown(type: type, try JSONValue(from: decoder))
            }
    }

    public func encode(to encoder: any Encoder) throws {
        if case .unknown(_, let json) = change { return try json.encode(to: encoder) }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(change.type, forKey: .type)
        try container.encode(seq, forKey: .seq)
        try container.encode(at, forKey: .at)
        try container.encodeIfPresent(author, forKey: .author)
        switch change {
        case .messageCreated(let message), .messageUpdated(let message), .messageDeleted(let message):
            try container.encode(message, forKey: .message)
        case .chatUpdated(let chat):
            try container.encode(chat, forKey: .chat)
        case .membersJoined(let change), .membersUpdated(let change), .membersLeft(let change):
            try change.encode(to: encoder)
        case .unknown:
            break
        }
    }
}

extension LogEntry.Change {
    /// The server's name of the kind, such as `message.created`.
    public var type: String {
        switch self {
        case .messageCreated: "message.created"
        case .messageUpdated: "message.updated"
        case .messageDeleted: "message.deleted"
        case .chatUpdated: "chat.updated"
        case .membersJoined: "member.joined"
        case .membersUpdated: "member.updated"
        case .membersLeft: "member.left"
        case .unknown(let type, _): type
        }
    }
}
