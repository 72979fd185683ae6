/// A chat and the newest of its messages that are not deleted, read in one snapshot.
package struct ChatWithMessages: Equatable, Sendable {
    package let chat: Chat
    /// Oldest first.
    package let messages: [Message]

    package init(chat: Chat, messages: [Message]) {
        self.chat = chat
        self.messages = messages
    }
}
