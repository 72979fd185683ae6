/// A requested change to a chat's messages.
package enum LogChange: Sendable {
    case post(MessageDraft)
    /// Edits a message; an edit that changes nothing adds no entry.
    case edit(MessageID, MessageEdit, onlyIf: RevisionCondition)
    /// Erases a message's text and metadata; its position remains.
    case delete(MessageID, onlyIf: RevisionCondition)

    /// The message that the change refers to, if any.
    package var messageID: MessageID? {
        switch self {
        case .post(let draft): draft.replyTo
        case .edit(let id, _, _), .delete(let id, _): id
        }
    }
}

/// A change, its chat, and who requests it.
package struct LogRequest: Sendable {
    package let chatID: ChatID
    package let change: LogChange
    package let caller: Caller

    package init(_ change: LogChange, in chatID: ChatID, by caller: Caller) {
        self.chatID = chatID
        self.change = change
        self.caller = caller
    }
}

/// What an entry is about, in its current state.
package enum LogSubject: Equatable, Sendable {
    case message(Message)
    case chat(Chat)
}
