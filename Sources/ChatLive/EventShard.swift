import ChatDomain
import NIOCore
import Synchronization

/// What the readers of an event loop are told.
enum ShardSignal: Sendable {
    case events([LiveEvent])
    /// - Parameter epoch: Nil for what another process has said.
    case moved([ChatID: Position], epoch: Epoch?)
    /// Chats that there are, for readers of all of them.
    ///
    /// - Parameter epoch: That of a list of the chats that were active last; nil for chats that were heard of.
    case listed([ChatID], epoch: Epoch?)
    case deleted(ChatID)
    /// Logs that have gone backward.
    case rewound([ChatID], epoch: Epoch)
}

/// The way to the readers of one event loop.
///
/// Whoever signals leaves it at that: the event loop takes all that has gathered when its turn comes.
struct EventShard: Sendable {
    let eventLoop: any EventLoop
    private let topics: NIOLoopBoundBox<LogTopics>
    private let mailbox = Mailbox()

    private final class Mailbox: Sendable {
        let signals = Mutex<[ShardSignal]>([])
    }

    init(_ eventLoop: any EventLoop, _ limits: StreamLimits, _ source: LogSource) {
        self.eventLoop = eventLoop
        topics = .makeBoxSendingValue(LogTopics(eventLoop, limits, source), eventLoop: eventLoop)
    }

    /// - Precondition: On the event loop.
    var loopBoundTopics: LogTopics {
        topics.value
    }

    func post(_ signal: ShardSignal) {
        let isFirst = mailbox.signals.withLock { signals in
            signals.append(signal)
            return signals.count == 1
        }
        guard isFirst else { return }
        eventLoop.execute { [topics, mailbox] in
            let signals = mailbox.signals.withLock { signals in
                defer { signals = [] }
                return signals
            }
            topics.value.receive(signals)
        }
    }
}
