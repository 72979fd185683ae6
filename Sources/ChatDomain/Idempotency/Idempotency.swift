import Hashing

/// What tells a repeated request from a new one, and from another one under the same key.
package struct Idempotency: Hashable, Sendable {
    package let key: IdempotencyKey
    /// Equal for equal requests, for as long as the key is kept.
    package let fingerprint: Int64

    package init(key: IdempotencyKey, fingerprint: Int64) {
        self.key = key
        self.fingerprint = fingerprint
    }

    /// - Parameter content: All that the request would write, part by part; parts at the end that are nil do not count, so
    ///   that a new kind of part leaves the fingerprints of before as they are.
    package init(key: IdempotencyKey, content: String?...) {
        var hash = StableHash()
        let end = content.lastIndex { $0 != nil }.map { $0 + 1 } ?? 0
        for (index, part) in content[..<end].enumerated() {
            if index > 0 {
                // No part contains it.
                hash.combine(part == nil ? 0xFE : 0xFF)
            }
            hash.combine(part ?? "")
        }
        self.key = key
        fingerprint = Int64(bitPattern: hash.value)
    }
}

/// A name that a client gives to one intention, so that sending it again does not carry it out again.
///
/// A message's key is unique in its chat, a chat's among all chats, for as long as the message or the chat exists.
package struct IdempotencyKey: Hashable, Sendable {
    package static let maximumLength = 255

    package let value: String

    /// Nil unless the text is 1 to 255 visible ASCII characters.
    package init?(_ text: String) {
        guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy(\.isVisibleASCII)
        else { return nil }
        value = text
    }
}
