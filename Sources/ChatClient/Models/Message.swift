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
    public private(set) var text: String
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
    /// How far a message is that was posted open; nil if it was posted whole, or deleted.
    public let state: State?
    /// The length of the text in Unicode scalars; nil unless the message is open.
    public private(set) var length: Int?
    /// Why a message has failed or was canceled, if the writer or the server has said so.
    public let reason: String?
    /// What the writer of an open message is doing; only `grow` sets it.
    public private(set) var status: String?

    /// How far a message is that was posted open.
    public struct State: Sendable, Hashable, Codable, RawRepresentable {
        /// The text still grows.
        public static let open = Self(rawValue: "open")
        public static let done = Self(rawValue: "done")
        public static let failed = Self(rawValue: "failed")
        public static let cancelled = Self(rawValue: "cancelled")

        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }
    }

    /// Truncates the text to where a piece belongs, then appends the piece.
    ///
    /// The message does not change if it is another one, if it is not open, or if its text ends before the piece.
    public mutating func grow(by piece: AppendedText) {
        guard id == piece.messageID, state == .open, let text = text.spliced(at: piece.at, piece.text) else { return }
        self.text = text
        length = piece.end
        status = piece.status
    }

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
        case state
        case length
        case reason
        case status
    }
}
