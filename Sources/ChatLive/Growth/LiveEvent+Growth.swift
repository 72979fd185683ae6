import ChatDomain
import ChatWire

extension LiveEvent {
    /// Encodes a piece of the text of an open message, which has no position.
    convenience init(_ piece: TextPiece, of message: BatchPlan.MessageReference) {
        self.init(notice: "message.appended", of: message) { writer in
            writer.member("at", Int64(piece.offset))
            writer.member("text", piece.text)
            writer.member("status", ifPresent: piece.status)
        }
    }

    /// Encodes the request that the writer of an open message stop.
    convenience init(cancelRequestOf message: BatchPlan.MessageReference) {
        self.init(notice: "message.cancel_requested", of: message) { _ in }
    }

    private convenience init(
        notice type: String,
        of message: BatchPlan.MessageReference,
        _ members: (inout JSONWriter) -> Void
    ) {
        self.init(type: type, chatID: message.chatID, place: nil, instant: .now()) { writer in
            writer.notice(type) { writer in
                writer.member("chat_id", message.chatID)
                writer.member("message_id", message.id)
                members(&writer)
            }
        }
    }
}

extension LogEntry {
    /// The message that the entry is about if it was open once and is not any more, or may have been.
    var endedMessage: BatchPlan.MessageReference? {
        guard kind.isAboutMessage, case .message(let message) = subject else { return nil }
        // What a deleted message was before is not known.
        guard message.stream?.end != nil || message.isDeleted else { return nil }
        return BatchPlan.MessageReference(chatID: message.chatID, id: message.id)
    }
}
