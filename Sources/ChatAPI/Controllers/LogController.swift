import ChatDomain
import ChatWire
import HTTPTypes
import Hummingbird

/// A chat's log, for clients that poll.
struct LogController<Store: ChatStore>: Sendable {
    let store: Store
    let reads: ReadBudget

    /// How many entries a page has at the most.
    static var pageLimits: ClosedRange<Int> { 1...100 }
    static var defaultPageLimit: Int { 50 }

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let after = validator.place("after", in: request)
        let limit = validator.integer("limit", in: request, range: Self.pageLimits, default: Self.defaultPageLimit)
        guard let chatID, let after, let limit else { throw validator.error }
        let place = after.value ?? LogPlace(epoch: nil, position: Position(rawValue: 0))
        return try await reads.read(upTo: limit, for: context.address) {
            .json(try await store.log(of: chatID, after: place, limit: limit))
        }
    }
}

extension ChatStore {
    /// A page of a chat's log from a client's place on.
    ///
    /// - Throws: `APIError.epochChanged` for a place in a history that has ended, and `StoreError.failed` for a log with a
    ///   hole: a client would ask for the same page for ever.
    func log(of chat: ChatID, after place: LogPlace, limit: Int) async throws -> LogPage {
        let page = try await log(of: chat, after: place.position, limit: limit)
        if place.isStale(in: page.epoch, end: page.lastPosition) { throw APIError.epochChanged(to: page.epoch) }
        if page.lastPosition > place.position, page.entries.first?.position.rawValue != place.position.rawValue + 1 {
            throw StoreError.failed(
                reason: "chat \(chat.rawValue) has nothing at position \(place.position.rawValue + 1)"
            )
        }
        return page
    }
}
