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
