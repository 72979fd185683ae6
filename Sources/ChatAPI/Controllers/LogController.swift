import ChatDomain
import ChatOperations
import ChatWire
import HTTPTypes
import Hummingbird

/// Serves pages of a log to clients that poll.
struct LogController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let reads: ReadBudget

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let after = validator.place("after", in: request)
        let limit = validator.limit(.logEntries, in: request)
        guard let chatID, let after, let limit else { throw validator.error }
        let place = after.value ?? LogPlace(epoch: nil, position: Position(rawValue: 0))
        return try await reads.read(upTo: limit, for: context.client) {
            .json(try await operations.readLog(context.caller, of: chatID, after: place, limit: limit))
        }
    }
}
