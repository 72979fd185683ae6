import ChatDomain
import NIOCore

/// Reads logs for those who follow them: many who lack the same are given the same.
struct LogSource: Sendable {
    private struct Request: Hashable, Sendable {
        let chatID: ChatID
        let position: Position
    }

    private static let pageSize = 100

    private let batcher: Batcher<Request, LivePage>
    private let isGone: @Sendable (ChatID) async -> Bool

    init(_ store: some ChatStore) {
        isGone = { id in (try? await store.chats(withIDs: [id]))?.isEmpty == true }
        // All readers come back at once after a restart: they wait their turn, and none is refused.
        let limits = BatchLimits(maximumBatch: 256, maximumWaiting: .max, patience: .seconds(60))
        batcher = Batcher(limits) { requests in
            await withTaskGroup(of: (Request, Result<LivePage, StoreError>).self) { group in
                for request in Set(requests) {
                    group.addTask { (request, await Self.page(request, of: store)) }
                }
                let pages = await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                return requests.map { pages[$0] ?? .failure(.failed(reason: "a page was not read")) }
            }
        }
    }

    /// Reads what is behind a position and hands it over on an event loop.
    func page(
        of chatID: ChatID,
        after position: Position,
        on eventLoop: any EventLoop,
        _ receive: @escaping @Sendable (Result<LivePage, StoreError>) -> Void
    ) {
        Task {
            let result: Result<LivePage, StoreError>
            do throws(StoreError) {
                result = .success(try await batcher.submit(Request(chatID: chatID, position: position)))
            } catch {
                result = .failure(error)
            }
            eventLoop.execute { receive(result) }
        }
    }

    /// Looks whether a chat is no more, and says so on an event loop.
    func ifGone(_ chatID: ChatID, on eventLoop: any EventLoop, _ receive: @escaping @Sendable () -> Void) {
        Task {
            if await isGone(chatID) {
                eventLoop.execute(receive)
            }
        }
    }

    private static func page(_ request: Request, of store: some ChatStore) async -> Result<LivePage, StoreError> {
        do throws(StoreError) {
            let page = try await store.log(of: request.chatID, after: request.position, limit: pageSize)
            let events = page.entries.map { LiveEvent($0, of: request.chatID) }
            return .success(LivePage(events: events, lastPosition: page.lastPosition))
        } catch {
            return .failure(error)
        }
    }
}
