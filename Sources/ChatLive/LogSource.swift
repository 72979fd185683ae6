import ChatDomain
import NIOCore
import Synchronization

/// Reads logs for those who follow them: many who lack the same are given the same.
///
/// What is in memory is bounded: a few pages are read at a time, a page has a bounded number of entries of a bounded size,
/// and the next one is read when it was delivered.
final class LogSource: Sendable {
    /// A step of the path that names who takes turns in reading.
    enum Turn: Hashable, Sendable {
        /// What no signal has brought: it is for all readers of a chat, and takes every other turn.
        case live
        case topic(ObjectIdentifier)
        /// What was there before a reader came.
        case replay
        case address(String)
        case reader(ObjectIdentifier)
    }

    typealias Receive = @Sendable (Result<LivePage, StoreError>) -> Void

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
    private let readPage: @Sendable (Request) async -> Result<LivePage, StoreError>
    private let isGone: @Sendable (ChatID) async -> Bool

    /// - Parameter maximumReads: How many pages are read at once.
    init(_ store: some ChatStore, maximumReads: Int) {
        queue = Mutex(ReplayQueue(maximumReads: maximumReads))
        readPage = { request in await Self.page(request, of: store) }
        isGone = { id in (try? await store.chats(withIDs: [id]))?.chats.isEmpty == true }
    }

    /// Reads what is behind a position and hands it over on an event loop.
    ///
    /// - Parameters:
    ///   - instant: When the entry at the position happened, as the reader has seen it; nil if it has not.
    ///   - owner: Whose turn it takes; the page is not handed over if its waiting is cancelled.
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

    /// Reads nothing more for somebody who has gone.
    func cancel(_ owner: [Turn]) {
        queue.withLock { $0.removeAll(of: owner) }
    }

    /// Looks whether a chat is no more, and says so on an event loop.
    func ifGone(_ chatID: ChatID, on eventLoop: any EventLoop, _ receive: @escaping @Sendable () -> Void) {
        Task {
            if await isGone(chatID) {
                eventLoop.execute(receive)
            }
        }
    }

    /// Starts as many reads as there may be.
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

    /// Returns when all have taken the page.
    private static func deliver(_ page: Result<LivePage, StoreError>, to waiters: [Waiter]) async {
        let deliveries = waiters.map { waiter in waiter.eventLoop.submit { waiter.receive(page) } }
        for delivery in deliveries {
            // An event loop that is shut down has closed its connections.
            try? await delivery.get()
        }
    }

    private static func page(_ request: Request, of store: some ChatStore) async -> Result<LivePage, StoreError> {
        do throws(StoreError) {
            // A database that is set back under its readers may have come to the same position again, later: what they have
            // seen last is read once more.
            let overlap = request.instant == nil ? 0 : min(1, request.position.rawValue)
            let start = Position(rawValue: request.position.rawValue - overlap)
            let page = try await store.log(of: request.chatID, after: start, limit: pageSize + Int(overlap))
            let seen = page.entries.prefix { $0.position <= request.position }
            return .success(
                LivePage(
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
