/// A chat in a list, with what an overview shows.
public struct ListedChat: Sendable, Hashable, Codable {
    public let chat: ChatInfo
    public let lastMessage: Message?
    /// Nil if the user is not a member.
    public let role: Role?
    /// Nil if the user is not a member.
    public let marker: ReadMarker?

    private enum CodingKeys: String, CodingKey {
        case lastMessage = "last_message"
        case role
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        chat = try ChatInfo(from: decoder)
        lastMessage = try container.decodeIfPresent(Message.self, forKey: .lastMessage)
        role = try container.decodeIfPresent(Role.self, forKey: .role)
        marker = role == nil ? nil : try ReadMarker(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        try chat.encode(to: encoder)
        try marker?.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(lastMessage, forKey: .lastMessage)
        try container.encodeIfPresent(role, forKey: .role)
    }
}
