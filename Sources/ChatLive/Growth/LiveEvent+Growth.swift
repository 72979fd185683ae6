package import ChatDomain
import ChatWire

extension LiveEvent {
    /// Encodes a piece of the text of an open message, which has no position.
    package convenience init(_ piece: TextPiece, of message: BatchPlan.MessageReference) {
        self.init(notice: "message.appended", of: message, .grew(piece)) { writer in
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
        _ growth: TextChange.Kind? = nil,
        _ members: (inout JSONWriter) -> Void
    ) {
        let change = growth.map { TextChange(message: message, kind: $0) }
        self.init(type: type, chatID: message.chatID, place: nil, instant: .now(), change: change) { writer in
            writer.notice(type) { writer in
                writer.member("chat_id", message.chatID)
                writer.member("message_id", message.id)
                members(&writer)
            }
        }
    }
}

/// What an event says about the text of a message that is or may have been open.
package struct TextChange: Sendable {
    package enum Kind: Sendable {
        case grew(TextPiece)
        /// Nothing of the text may follow.
        ///
        /// - Parameter text: The whole text; nil if the message was deleted.
        case ended(text: String?)
    }

    package let message: BatchPlan.MessageReference
    package let kind: Kind
}

extension LogEntry {
    /// Nil if the message that the entry is about was never open, or still is.
    var textChange: TextChange? {
        guard kind.isAboutMessage, case .message(let message) = subject else { return nil }
        // What a deleted message was before is not known.
        guard message.stream?.end != nil || message.isDeleted else { return nil }
        let reference = message.reference
        return TextChange(message: reference, kind: .ended(text: message.isDeleted ? nil : message.text))
    }
}

extension TextChange {
    /// The message if it has ended.
    var endedMessage: BatchPlan.MessageReference? {
        if case .ended = kind { message } else { nil }
    }
}
