import ChatDomain
import NIOCore
import Synchronization

/// Reads pages of logs for subscribers; those that need the same page share one read.
///
/// Memory is bounded: few pages are read at a time, the number and size of their entries are bounded, and the next page
/// is read only when this one has been delivered.
final class ReplaySource: Sendable {
    /// A component of the path that names an owner of reads in a `FairQueue`.
    enum Turn: Hashable, Sendable {
        /// Reads of entries that were not signalled, for all subscribers of a topic; they take every other turn.
        case live
        case topic(ObjectIdentifier)
        /// Reads of entries from before a subscription started.
        case replay
        case client(String)
        case subscriber(ObjectIdentifier)
    }

    typealias Receive = @Sendable (Result<ReplayPage, StoreError>) -> Void

    private struct Request: Hashable, Sendable {
        let chatID: ChatID
        let position: Position
        let instant: Instant?
    }

    private struct Waiter: Sendable {
        let eventLoop: any EventLoop
        let receive: Receive
    }

    private static let pageSize = 50

    private let queue: Mutex<ReplayQueue<Turn, Request, Waiter>>
    private let readPage: @Sendable (Request) async -> Result<ReplayPage, StoreError>
    private let isGone: @Sendable (ChatID) async -> Bool

    /// - Parameter maximumReads: Pages read at the same time.
    init(_ store: some ChatStore, maximumReads: Int) {
        queue = Mutex(ReplayQueue(maximumReads: maximumReads))
        readPage = { request in await Self.page(request, of: store) }
        isGone = { id in (try? await store.chats(withIDs: [id]))?.chats.isEmpty == true }
    }

    /// Reads the entries after a position and delivers them on an event loop.
    ///
    /// - Parameters:
    ///   - instant: When the entry at the position happened, as the subscriber saw it; nil if it did not see it.
    ///   - owner: The owner of the read in the fair queue; a read that it cancels before its turn is not delivered.
    func page(
        of chatID: ChatID,
        after position: Position,
        _ instant: Instant?,
        for owner: [Turn],
        on eventLoop: any EventLoop,
        _ receive: @escaping Receive
    ) {
        let request = Request(chatID: chatID, position: position, instant: instant)
        queue.withLock { $0.add(request, for: Waiter(eventLoop: eventLoop, receive: receive), of: owner) }
        readNext()
    }

    /// Cancels the reads of an owner that have not begun.
    func cancel(_ owner: [Turn]) {
        queue.withLock { $0.removeAll(of: owner) }
    }

    /// Calls back on an event loop if the chat does not exist; never if the store fails.
    func ifGone(_ chatID: ChatID, on eventLoop: any EventLoop, _ receive: @escaping @Sendable () -> Void) {
        Task {
            if await isGone(chatID) {
                eventLoop.execute(receive)
            }
        }
    }

    /// Starts reads up to the limit.
    private func readNext() {
        while let (request, waiters) = queue.withLock({ $0.next() }) {
            Task {
                let page = await readPage(request)
                await Self.deliver(page, to: waiters)
                queue.withLock { $0.finish(request) }
                readNext()
            }
        }
    }

    /// Returns when the page has been delivered to all waiters.
    private static func deliver(_ page: Result<ReplayPage, StoreError>, to waiters: [Waiter]) async {
        let deliveries = waiters.map { waiter in waiter.eventLoop.submit { waiter.receive(page) } }
        for delivery in deliveries {
            // Fails only if the event loop has shut down.
            try? await delivery.get()
        }
    }

    private static func page(_ request: Request, of store: some ChatStore) async -> Result<ReplayPage, StoreError> {
        do throws(StoreError) {
            // A database restored from a backup may have reached the same position again, later. So the last entry that
            // the subscriber has is read again and compared.
            let overlap = request.instant == nil ? 0 : min(1, request.position.rawValue)
            let start = Position(rawValue: request.position.rawValue - overlap)
            let page = try await store.log(
                of: request.chatID,
                after: start,
                limit: pageSize + Int(overlap),
                by: .anonymous
            )
            let seen = page.entries.prefix { $0.position <= request.position }
            return .success(
                ReplayPage(
                    events: page.entries.dropFirst(seen.count).map {
                        LiveEvent($0, of: request.chatID, in: page.epoch)
                    },
                    lastPosition: page.lastPosition,
                    epoch: page.epoch,
                    isRewritten: request.instant.map { instant in seen.contains { instant < $0.instant } } ?? false
                )
            )
        } catch {
            return .failure(error)
        }
    }
}
