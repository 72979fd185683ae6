/// A requested change to a chat's messages.
package enum LogChange: Sendable {
    /// Appends a new message.
    case post(MessageDraft)
    /// Edits a message; an edit that changes nothing adds no log entry.
    case edit(MessageID, MessageEdit, onlyIf: RevisionCondition)
    /// Erases a message's text and metadata but keeps its position.
    case delete(MessageID, onlyIf: RevisionCondition)
    /// Ends an open message that the caller's server holds in this epoch; adds nothing if it has ended in this way.
    case finish(MessageID, MessageFinish, epoch: Int64)
    /// Ends an open message whose writer's time is over (`StreamWriter.lapse`); adds nothing otherwise.
    case lapse(MessageID)

    /// The existing message that the change refers to: the one to edit or delete, or the one that a new message replies
    /// to.
    package var messageID: MessageID? {
        switch self {
        case .post(let draft): draft.replyTo
        case .edit(let id, _, _), .delete(let id, _), .finish(let id, _, _), .lapse(let id): id
        }
    }
}

/// A requested change with its chat and caller.
package struct LogRequest: Sendable {
    /// May name a chat that does not exist; the store then throws `StoreError.chatNotFound`.
    package let chatID: ChatID
    /// One message each; a batch combines the changes of many requests.
    package let change: LogChange
    /// Its user becomes the author of the message or of the change; its rights and its membership decide what it may do.
    package let caller: Caller

    package init(_ change: LogChange, in chatID: ChatID, by caller: Caller) {
        self.chatID = chatID
        self.change = change
        self.caller = caller
    }
}

/// The message or chat that a log entry is about, in its current state.
package enum LogSubject: Equatable, Sendable {
    case message(Message)
    case chat(Chat)

    /// The chat whose log contains the entry.
    package var chatID: ChatID {
        switch self {
        case .message(let message): message.chatID
        case .chat(let chat): chat.id
        }
    }
}
