/// A requested change to a chat's log.
package enum LogChange: Sendable {
    case post(MessageDraft)
    /// Edits a message; an edit that changes nothing adds no entry.
    case edit(MessageID, MessageEdit, onlyIf: RevisionCondition)
    /// Erases a message's text and metadata; its position remains.
    case delete(MessageID, onlyIf: RevisionCondition)
    /// Edits the chat; an edit that changes nothing adds no entry.
    case update(ChatEdit)

    /// The message that the change refers to, if any.
    package var messageID: MessageID? {
        switch self {
        case .post(let draft): draft.replyTo
        case .edit(let id, _, _), .delete(let id, _): id
        case .update: nil
        }
    }
}

/// A change, its chat, and who requests it.
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

/// What an entry is about, in its current state.
package enum LogSubject: Equatable, Sendable {
    case message(Message)
    case chat(Chat)
}
