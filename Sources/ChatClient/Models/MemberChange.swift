/// Users who joined a chat, left it, or got another role.
public struct MemberChange: Sendable, Hashable, Codable {
    public let users: [String]
    /// Nil if they left.
    public let role: Role?
    public let chat: ChatInfo
}
