import ChatDomain
import Synchronization

/// What a worker should look at, collected until it does.
final class DeliveryHints: Sendable {
    /// Chats in which there may be something to deliver.
    enum Pending: Equatable {
        case chats(Set<ChatID>)
        case all
    }

    /// With more chats than this, a look at all of them costs no more.
    private static let maximumChats = 500

    /// One for all hints since the last one.
    let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    private let pending = Mutex(Pending.all)

    init() {
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        wake()
    }

    func add(_ chats: some Sequence<ChatID>) {
        pending.withLock { pending in
            guard case .chats(var known) = pending else { return }
            pending = .all
            known.formUnion(chats)
            if known.count <= Self.maximumChats {
                pending = .chats(known)
            }
        }
        wake()
    }

    func addAll() {
        pending.withLock { $0 = .all }
        wake()
    }

    /// Wakes the worker without a hint: something is due.
    func wake() {
        wakeUp.yield()
    }

    func take() -> Pending {
        pending.withLock { pending in
            defer { pending = .chats([]) }
            return pending
        }
    }

    /// Ends `wakeUps`.
    func finish() {
        wakeUp.finish()
    }
}
