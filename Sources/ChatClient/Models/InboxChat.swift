/// The state of one of the user's chats.
public struct InboxChat: Sendable, Hashable, Codable {
    public let chat: ChatInfo
    public let lastSeq: Int
    public let lastMessage: Message?
    public let role: Role
    public let marker: ReadMarker

    private enum CodingKeys: String, CodingKey {
        case chat
        case lastSeq = "last_seq"
        case lastMessage = "last_message"
        case role
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        chat = try container.decode(ChatInfo.self, forKey: .chat)
        lastSeq = try container.decode(Int.self, forKey: .lastSeq)
        lastMessage = try container.decodeIfPresent(Message.self, forKey: .lastMessage)
        role = try container.decode(Role.self, forKey: .role)
        marker = try ReadMarker(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(chat, forKey: .chat)
        try container.encode(lastSeq, forKey: .lastSeq)
        try container.encodeIfPresent(lastMessage, forKey: .lastMessage)
        try container.encode(role, forKey: .role)
        try marker.encode(to: encoder)
    }
}
