import ChatDomain
import ChatOperations
import ChatWire

extension SocketService {
    func carryOut(
        _ operation: SocketRequest.StreamedOperation,
        on message: BatchPlan.MessageReference,
        for caller: Caller,
        _ mark: SocketRequest.Mark
    ) async throws -> SocketAnswer {
        switch operation {
        case .append(let piece, let offset):
            let receipt = try await operations.appendText(
                caller,
                piece.text,
                at: offset,
                status: piece.status,
                to: message.id,
                in: message.chatID
            )
            return SocketAnswer(mark, receipt.writeMembers(to:))
        case .finish(let finish):
            let ended = try await operations.finishMessage(caller, message.id, in: message.chatID, finish)
            return SocketAnswer(mark) { $0.member("message", ended) }
        case .cancel:
            try await operations.cancelMessage(caller, message.id, in: message.chatID)
            return SocketAnswer(mark)
        }
    }
}
