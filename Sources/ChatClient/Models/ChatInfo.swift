public import Foundation

/// A chat.
public struct ChatInfo: Sendable, Hashable, Codable, Identifiable {
    public let id: Int
    public let title: String
    public let createdAt: Date
    /// The last position of the chat's log.
    public let lastSeq: Int
    public let lastMessageAt: Date?
    public let messageCount: Int
    public let visibility: Visibility
    public let metadata: Metadata?
    /// True if members see how far the others have read; otherwise nil.
    public let receipts: Bool?
    /// How many seconds a member must wait between two messages; nil if slow mode is off.
    public let slowMode: Int?

    /// Who may read a chat, besides its members.
    public struct Visibility: Sendable, Hashable, Codable, RawRepresentable {
        public static let `private` = Self(rawValue: "private")
        public static let open = Self(rawValue: "open")

        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }
    }

    private enum CodingKeys: String, CodingKey {
        case id
        case title
        case createdAt = "created_at"
        case lastSeq = "last_seq"
        case lastMessageAt = "last_message_at"
        case messageCount = "message_count"
        case visibility
        case metadata
        case receipts
        case slowMode = "slow_mode"
    }
}
