import ChatDomain
import NIOCore
import Synchronization

/// Reads pages of logs for subscribers; those that need the same page share one read.
///
/// Memory is bounded: a few pages are read at a time, a page has a bounded number of entries of a bounded size, and the next
/// page is read once this one was delivered.
final class ReplaySource: Sendable {
    /// A step of the path that names an owner of reads, for `FairQueue`.
    enum Turn: Hashable, Sendable {
        /// What no signal brought; it is for all subscribers of a topic and takes every other turn.
        case live
        case topic(ObjectIdentifier)
        /// What was there before a subscription started.
        case replay
        case address(String)
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

    /// - Parameter maximumReads: How many pages are read at once.
    init(_ store: some ChatStore, maximumReads: Int) {
        queue = Mutex(ReplayQueue(maximumReads: maximumReads))
        readPage = { request in await Self.page(request, of: store) }
        isGone = { id in (try? await store.chats(withIDs: [id]))?.chats.isEmpty == true }
    }

    /// Reads what comes after a position and delivers it on an event loop.
    ///
    /// - Parameters:
    ///   - instant: When the entry at the position happened, as its subscriber saw it; nil if it did not.
    ///   - owner: Whose turn it takes; nothing is delivered once the owner has cancelled.
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

    /// Reads nothing more for an owner.
    func cancel(_ owner: [Turn]) {
        queue.withLock { $0.removeAll(of: owner) }
    }

    /// Calls back on an event loop if a chat does not exist.
    func ifGone(_ chatID: ChatID, on eventLoop: any EventLoop, _ receive: @escaping @Sendable () -> Void) {
        Task {
            if await isGone(chatID) {
                eventLoop.execute(receive)
            }
        }
    }

    /// Starts as many reads as are allowed.
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

    /// Returns when the page was delivered to all.
    private static func deliver(_ page: Result<ReplayPage, StoreError>, to waiters: [Waiter]) async {
        let deliveries = waiters.map { waiter in waiter.eventLoop.submit { waiter.receive(page) } }
        for delivery in deliveries {
            // It fails only on an event loop that is shut down.
            try? await delivery.get()
        }
    }

    private static func page(_ request: Request, of store: some ChatStore) async -> Result<ReplayPage, StoreError> {
        do throws(StoreError) {
            // A database that was restored from a backup may have reached the same position again, later. So the last entry
            // that the subscriber has is read once more.
            let overlap = request.instant == nil ? 0 : min(1, request.position.rawValue)
            let start = Position(rawValue: request.position.rawValue - overlap)
            let page = try await store.log(of: request.chatID, after: start, limit: pageSize + Int(overlap))
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
