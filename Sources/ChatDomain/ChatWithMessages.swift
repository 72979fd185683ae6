/// A chat and the end of its log, read in one snapshot.
package struct ChatWithMessages: Equatable, Sendable {
    package let chat: Chat
    /// Where the log ends; 0 for a log without entries.
    ///
    /// Whatever changes in the chat moves it.
    package let position: Position
    /// Oldest first.
    package let messages: [Message]

    package init(chat: Chat, position: Position, messages: [Message]) {
        self.chat = chat
        self.position = position
        self.messages = messages
    }
}
