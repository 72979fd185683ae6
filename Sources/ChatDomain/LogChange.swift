/// What somebody wants to happen to a chat's log.
package enum LogChange: Sendable {
    case post(MessageDraft)
    /// Makes a message what is given; one that is so already is left as it is.
    case edit(MessageID, MessageEdit, onlyIf: RevisionCondition)
    /// Takes a message's text and metadata away and leaves its place.
    case delete(MessageID, onlyIf: RevisionCondition)
    /// Makes the chat what is given; one that is so already is left as it is.
    case update(ChatEdit)
}

/// A change, the chat that it is for, and who makes it.
package struct LogRequest: Sendable {
    package let chatID: ChatID
    package let change: LogChange
    package let caller: Caller

    package init(_ change: LogChange, in chatID: ChatID, by caller: Caller = .anonymous) {
        self.chatID = chatID
        self.change = change
        self.caller = caller
    }
}

/// What a change was about, as it stands after it.
package enum LogSubject: Equatable, Sendable {
    case message(Message)
    case chat(Chat)
}
