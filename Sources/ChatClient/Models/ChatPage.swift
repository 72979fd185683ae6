/// Chats, the most recently active first.
public struct ChatPage: Sendable, Hashable, Codable {
    public let chats: [ListedChat]
    /// Where the next page starts; nil if this is the last.
    public let nextCursor: String?

    private enum CodingKeys: String, CodingKey {
        case chats
        case nextCursor = "next_cursor"
    }
}
