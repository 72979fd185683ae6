import ChatDomain
import ChatWire

extension SocketRequest {
    /// A request about an open message.
    enum StreamedOperation {
        case append(RequestValidator.Piece, at: Int)
        case finish(MessageFinish)
        case cancel

        /// The names of the operations.
        static let names = ["append", "finish", "cancel"]
    }
}

extension RequestValidator {
    /// An operation about an open message, and the message; nil for any other name, too.
    mutating func streamedOperation(
        _ name: String,
        in object: JSONValue
    ) -> (SocketRequest.StreamedOperation, BatchPlan.MessageReference)? {
        let chatID = chatID(in: object)
        let id = messageID(in: object)
        let operation: SocketRequest.StreamedOperation?
        switch name {
        case "append":
            let offset = offset(in: object)
            let piece = piece(in: object)
            operation = offset.flatMap { offset in piece.map { .append($0, at: offset) } }
        case "finish": operation = finish(in: object).map { .finish($0) }
        case "cancel": operation = .cancel
        default: operation = nil
        }
        guard let chatID, let id, let operation else { return nil }
        return (operation, BatchPlan.MessageReference(chatID: chatID, id: id))
    }
}
