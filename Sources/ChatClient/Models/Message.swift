public import Foundation

/// A message in its current state, which may be newer than the entry or page that contains it.
public struct Message: Sendable, Hashable, Codable, Identifiable {
    public let id: Int
    public let chatID: Int
    /// The position at which the message was posted.
    ///
    /// It never changes.
    public let seq: Int
    /// The user who wrote it; nil if the server knows no users, or a server key posted it.
    public let author: String?
    /// Empty if the message was deleted.
    public let text: String
    public let createdAt: Date
    /// Starts at 1 and increments with each edit; nil if the message was deleted.
    public let revision: Int?
    public let editedAt: Date?
    public let deletedAt: Date?
    /// The id of the message that this one replies to.
    public let replyTo: Int?
    public let metadata: Metadata?
    /// The key under which the message was sent.
    ///
    /// It is unique among the author's messages in the chat.
    public let idempotencyKey: String?

    private enum CodingKeys: String, CodingKey {
        case id
        case chatID = "chat_id"
        case seq
        case author
        case text
        case createdAt = "created_at"
        case revision
        case editedAt = "edited_at"
        case deletedAt = "deleted_at"
        case replyTo = "reply_to"
        case metadata
        case idempotencyKey = "idempotency_key"
    }
}
