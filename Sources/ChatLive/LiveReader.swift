import ChatDomain
import NIOCore

/// A connection that follows logs.
///
/// Confined to the event loop of its connection. A reader whose connection takes nothing waits for as long as the rings of
/// its chats have what it lacks, and is ended then: nothing is kept for it alone.
package final class LiveReader: Indexed {
    let topics: LogTopics
    private let address: String
    /// Nil once it has ended; until then the two keep each other.
    private var sink: (any LiveSink)?
    package private(set) var follows: [LogFollow] = []
    /// Where it is among the readers of its event loop; nil once it has ended.
    package var index: Int?
    /// When something was last sent.
    private(set) var lastWrite = NIODeadline.now()
    /// Since when the connection takes nothing.
    private(set) var stalledSince: NIODeadline?

    /// - Parameter address: The client's.
    package init(_ topics: LogTopics, of address: String, sink: any LiveSink) {
        self.topics = topics
        self.address = address
        self.sink = sink
        topics.add(self)
    }

    /// How it takes turns in reading from the store.
    var turn: [LogSource.Turn] {
        [.replay, .address(address), .reader(ObjectIdentifier(self))]
    }

    /// Takes a chat to those that it follows; nothing is sent before `start`.
    package func add(_ chat: StreamedChat) -> LogFollow {
        let follow = LogFollow(chat, by: self)
        follows.append(follow)
        return follow
    }

    /// Begins to send what a follow lacks.
    ///
    /// - Parameter chat: As it was found after the interest was taken.
    package func start(_ follow: LogFollow, _ chat: StreamedChat) {
        topics.add(follow, chat)
    }

    package func unfollow(_ follow: LogFollow) {
        follows.removeAll { $0 === follow }
        topics.remove(follow)
    }

    /// Ends all that it follows.
    package func end() {
        for follow in follows {
            topics.remove(follow)
        }
        follows = []
        topics.remove(self)
        sink = nil
    }

    /// Sends what a follow lacks, for as long as the connection takes it.
    func pump(_ follow: LogFollow, _ topic: LogTopic) {
        // It may end, and be let go, by what is done here.
        guard let sink else { return }
        var hasWritten = false
        while follow.isActive {
            if follow.state.isOverrun(by: topic.ring) {
                sink.overflow()
                return
            }
            if !sink.isWritable {
                // What was written may fit into the socket.
                if hasWritten { sink.flush() }
                guard follow.isActive else { return }
                guard sink.isWritable else {
                    follow.lags = true
                    stalledSince = stalledSince ?? .now()
                    return
                }
            }
            switch follow.state.next(topic.ring) {
            case .send(let event):
                guard follow.state.advance(to: event) else { return }
                sink.send(event, from: follow)
            case .caughtUp:
                sink.sendCaughtUp(follow)
            case .read(let position):
                follow.lags = true
                topics.read(follow, after: position)
                continue
            case .wait:
                follow.lags = !follow.state.isLive
                if hasWritten {
                    sink.flush()
                    lastWrite = .now()
                }
                return
            }
            hasWritten = true
        }
    }

    /// Sends what was read, as far as the connection takes it; the rest is read again.
    func receive(_ page: LivePage, for follow: LogFollow) {
        guard let sink else { return }
        for event in page.events {
            if !sink.isWritable { sink.flush() }
            guard follow.isActive, sink.isWritable else { break }
            if follow.state.advance(to: event) {
                sink.send(event, from: follow)
            }
        }
        if follow.isActive { sink.flush() }
        lastWrite = .now()
    }

    /// Sends what is shown at once or never.
    func sendEphemeral(_ event: LiveEvent, from follow: LogFollow) {
        guard let sink, follow.state.isLive, !follow.lags, sink.isWritable else { return }
        sink.send(event, from: follow)
        sink.flush()
        lastWrite = .now()
    }

    func delete(_ follow: LogFollow) {
        guard let sink else { return }
        unfollow(follow)
        sink.sendDeleted(follow)
        sink.flush()
    }

    func discover(_ chats: [ChatID], in epoch: Epoch?) {
        sink?.discover(chats, in: epoch)
    }

    /// Ends what is read of another history.
    func reset(in epoch: Epoch) {
        sink?.reset(in: epoch)
    }

    /// Ends what cannot be read on.
    func fail(_ follow: LogFollow) {
        sink?.fail(follow)
    }

    /// The connection takes more again.
    package func resume() {
        stalledSince = nil
        for follow in follows where follow.lags {
            topics.pump(follow)
        }
    }

    /// Keeps a quiet connection open, and ends one that has taken nothing for too long.
    func tick(at now: NIODeadline, heartbeat: TimeAmount, patience: TimeAmount) {
        guard let sink else { return }
        if !sink.isWritable {
            // Also where there is nothing to send, what was sent takes up memory.
            stalledSince = stalledSince ?? now
        }
        if let stalledSince, stalledSince + patience <= now {
            sink.overflow()
        } else if min(lastWrite, sink.repeatsSince ?? lastWrite) + heartbeat <= now, sink.isWritable {
            sink.sendHeartbeat()
            sink.flush()
            lastWrite = now
        }
    }
}
