import Foundation

/// Events from the server, whatever happens to the network.
///
/// A loop over it ends when its task is canceled, or without an error when nothing can follow. Each iteration starts
/// anew; another one of the same events ends the earlier one.
public struct EventStream<Element: Sendable>: AsyncSequence, Sendable {
    public typealias Failure = ChatError

    let open: @Sendable (UUID) async throws(ChatError) -> Void
    let next: @Sendable (UUID) async throws(ChatError) -> Element?
    let release: @Sendable (UUID) async -> Void

    public func makeAsyncIterator() -> Iterator {
        Iterator(stream: self, subscription: Subscription(release: release))
    }

    /// Takes the events one by one.
    ///
    /// The one before counts as handled when `next` is called.
    public struct Iterator: AsyncIteratorProtocol {
        let stream: EventStream
        let subscription: Subscription
        private var isOpen = false

        init(stream: EventStream, subscription: Subscription) {
            self.stream = stream
            self.subscription = subscription
        }

        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(ChatError) -> Element? {
            if !isOpen {
                isOpen = true
                try await stream.open(subscription.id)
            }
            return try await stream.next(subscription.id)
        }
    }

    /// Tells the client when the iteration is left, for example with `break`.
    final class Subscription: Sendable {
        let id = UUID()
        private let release: @Sendable (UUID) async -> Void

        init(release: @escaping @Sendable (UUID) async -> Void) {
            self.release = release
        }

        deinit {
            Task { [id, release] in await release(id) }
        }
    }
}
