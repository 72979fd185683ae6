import ChatDomain
import NIOCore
import Synchronization

/// A signal from the hub to a shard.
enum ShardSignal: Sendable {
    case events([LiveEvent])
    /// - Parameter epoch: Nil if another process reported the ends.
    case moved([ChatID: Position], epoch: Epoch?)
    /// Chats to which streams of all chats may not be subscribed yet.
    ///
    /// - Parameter epoch: The epoch of a list of the most recently active chats; nil for chats reported by a signal.
    case listed([ChatID], epoch: Epoch?)
    case deleted(ChatID)
    /// The log has gone backward.
    case rewound(ChatID, epoch: Epoch)
    /// A message was opened or closed, or more of its text was published.
    case changed(OpenMessage)
    /// The writer of an open message is to stop.
    case cancelRequested(BatchPlan.MessageReference, LiveEvent)
}

/// Delivers signals to a shard on its event loop, in batches: all that have gathered since the last delivery.
struct ShardMailbox: Sendable {
    let eventLoop: any EventLoop
    private let shard: NIOLoopBoundBox<TopicShard>
    private let contents = Contents()

    private final class Contents: Sendable {
        let signals = Mutex<[ShardSignal]>([])
    }

    init(
        _ eventLoop: any EventLoop,
        _ limits: StreamLimits,
        _ source: ReplaySource,
        _ openMessages: OpenMessageTable
    ) {
        self.eventLoop = eventLoop
        shard = .makeBoxSendingValue(TopicShard(eventLoop, limits, source, openMessages), eventLoop: eventLoop)
    }

    /// - Precondition: Called on the event loop.
    var loopBoundShard: TopicShard {
        shard.value
    }

    /// Lists the open connections of the event loop.
    ///
    /// - Throws: An error if the event loop has shut down.
    func streams() async throws -> [OpenStream] {
        try await eventLoop.submit { [shard] in shard.value.streams }.get()
    }

    /// Sums up the connections of the event loop.
    ///
    /// - Throws: An error if the event loop has shut down.
    func load() async throws -> DeliveryLoad {
        try await eventLoop.submit { [shard] in shard.value.load }.get()
    }

    func post(_ signal: ShardSignal) {
        let isFirst = contents.signals.withLock { signals in
            signals.append(signal)
            return signals.count == 1
        }
        guard isFirst else { return }
        eventLoop.execute { [shard, contents] in
            let signals = contents.signals.withLock { signals in
                defer { signals = [] }
                return signals
            }
            shard.value.receive(signals)
        }
    }
}
