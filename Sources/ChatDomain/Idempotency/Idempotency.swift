import Hashing

/// A request's idempotency key with a fingerprint of its content.
///
/// Together they distinguish a repeated request from a different one that reuses the key.
package struct Idempotency: Hashable, Sendable {
    /// Chosen by the client.
    package let key: IdempotencyKey
    /// A hash of the request's content that stays the same across processes and versions, because stores keep it.
    package let fingerprint: Int64

    package init(key: IdempotencyKey, fingerprint: Int64) {
        self.key = key
        self.fingerprint = fingerprint
    }

    /// Computes the fingerprint of a new request.
    ///
    /// - Parameter content: Everything that the request would write, part by part. Trailing nil parts do not count, so
    ///   that a new kind of part does not change existing fingerprints.
    package init(key: IdempotencyKey, content: String?...) {
        var hash = StableHash()
        let end = content.lastIndex { $0 != nil }.map { $0 + 1 } ?? 0
        for (index, part) in content[..<end].enumerated() {
            if index > 0 {
                // Separators: neither byte occurs in UTF-8 text.
                hash.combine(part == nil ? 0xFE : 0xFF)
            }
            hash.combine(part ?? "")
        }
        self.key = key
        fingerprint = Int64(bitPattern: hash.value)
    }
}

/// A client-chosen name for one operation, so that retrying the request does not repeat the operation.
///
/// A message's key is unique among its author's messages in the chat, and a chat's key among the chats that its author
/// created, as long as the message or the chat exists.
package struct IdempotencyKey: Hashable, Sendable {
    /// In characters, all of them ASCII.
    package static let maximumLength = 255
    /// A regular expression that matches exactly the valid keys.
    package static let pattern = "^[!-~]{1,\(maximumLength)}$"

    /// Case-sensitive and never trimmed.
    package let value: String

    /// Returns nil unless the text consists of 1 to 255 visible ASCII characters.
    package init?(_ text: String) {
        guard text.isVisibleASCII(upTo: Self.maximumLength) else { return nil }
        value = text
    }

    /// A key as stores keep it, which was validated before it was stored.
    package init(stored text: String) {
        value = text
    }

    /// Reads a key as archives keep it; nil if it is invalid.
    package static func archived(_ text: String) -> IdempotencyKey? {
        guard text.hasPrefix(directPrefix) else { return IdempotencyKey(text) }
        return UserID(String(text.dropFirst(directPrefix.count))).map { IdempotencyKey(ofDirectChatWith: $0) }
    }

    /// The key of the chat between a user and the one to whom the key belongs, so that there is only one such chat.
    ///
    /// No client can send it, because it contains a space.
    init(ofDirectChatWith user: UserID) {
        value = Self.directPrefix + user.value
    }

    private static let directPrefix = "direct "
}
