/// A chat with its latest messages, oldest first, without deleted ones.
public struct LatestMessages: Sendable, Hashable, Codable {
    public let chat: ChatInfo
    public let messages: [Message]

    private enum CodingKeys: CodingKey {
        case messages
    }

    public init(from decoder: any Decoder) throws {
        chat = try ChatInfo(from: decoder)
        messages = try decoder.container(keyedBy: CodingKeys.self).decode([Message].self, forKey: .messages)
    }

    public func encode(to encoder: any Encoder) throws {
        try chat.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(messages, forKey: .messages)
    }
}
