import ChatDomain
import ChatWire
import NIOCore

/// The chats that the readers of one event loop follow, and those readers.
///
/// Confined to that event loop.
package final class LogTopics {
    private let eventLoop: any EventLoop
    private let limits: StreamLimits
    private let source: LogSource
    private var topics: [ChatID: LogTopic] = [:]
    private var readers: [LiveReader] = []
    private var ticks: RepeatedTask?

    init(_ eventLoop: any EventLoop, _ limits: StreamLimits, _ source: LogSource) {
        self.eventLoop = eventLoop
        self.limits = limits
        self.source = source
    }

    func add(_ reader: LiveReader) {
        readers.appendIndexed(reader)
        guard ticks == nil else { return }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        ticks = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            loopBound.value.tick()
        }
    }

    func remove(_ reader: LiveReader) {
        readers.removeIndexed(reader)
        source.cancel(reader.turn)
        if readers.isEmpty {
            ticks?.cancel()
            ticks = nil
        }
    }

    /// - Parameter chat: As the follow's reader has found it.
    func add(_ follow: LogFollow, _ chat: StreamedChat) {
        if let other = topics[follow.chatID], other.epoch != follow.epoch {
            reset(other, in: follow.epoch)
        }
        let topic = topics[follow.chatID] ?? LogTopic(chat)
        topics[follow.chatID] = topic
        topic.add(follow)
        follow.reader.pump(follow, topic)
        // What was signalled before the topic was here has found nobody.
        let news = follow.news
        read(topic, to: max(chat.end, news.end ?? chat.end))
        if news.isDeleted {
            deleteIfGone(topic)
        }
    }

    func remove(_ follow: LogFollow) {
        guard let topic = topics[follow.chatID] else { return }
        topic.remove(follow)
        if topic.follows.isEmpty {
            topics[topic.chatID] = nil
        }
    }

    func pump(_ follow: LogFollow) {
        guard follow.isActive, let topic = topics[follow.chatID] else { return }
        follow.reader.pump(follow, topic)
        topic.trim()
    }

    func receive(_ signals: [ShardSignal]) {
        var changed: [LogTopic] = []
        for signal in signals {
            switch signal {
            case .events(let events):
                for event in events {
                    guard let topic = topics[event.chatID] else { continue }
                    if let place = event.place {
                        append(event, at: place, to: topic, &changed)
                    } else {
                        for follow in topic.follows {
                            follow.reader.sendEphemeral(event, from: follow)
                        }
                    }
                }
            case .moved(let ends, let epoch):
                for (chatID, end) in ends {
                    topics[chatID].map { move($0, to: end, in: epoch) }
                }
            case .listed(let chats, let epoch):
                for reader in readers {
                    reader.discover(chats, in: epoch)
                }
            case .deleted(let chatID):
                topics[chatID].map(deleteIfGone)
            case .rewound(let chats, let epoch):
                for chatID in chats {
                    topics[chatID].map { reset($0, in: epoch) }
                }
            }
        }
        for topic in changed {
            deliver(topic)
        }
    }

    private func append(_ event: LiveEvent, at place: LogPlace, to topic: LogTopic, _ changed: inout [LogTopic]) {
        if let epoch = place.epoch, epoch != topic.epoch { return reset(topic, in: epoch) }
        switch topic.ring.append(event, at: place.position) {
        case .known: break
        case .rewritten: reset(topic, in: topic.epoch)
        case .gap: read(topic, to: place.position)
        case .added:
            if !topic.hasChanged {
                topic.hasChanged = true
                changed.append(topic)
            }
        }
    }

    private func deliver(_ topic: LogTopic) {
        for follow in topic.follows where follow.isActive {
            follow.reader.pump(follow, topic)
        }
        topic.hasChanged = false
        if topic.ring.trim(toCount: limits.maximumLag, size: limits.maximumLagBytes) {
            for follow in topic.follows where follow.isActive && follow.state.isOverrun(by: topic.ring) {
                follow.reader.pump(follow, topic)
            }
        }
        topic.trim()
    }

    private func move(_ topic: LogTopic, to end: Position, in epoch: Epoch?) {
        if let epoch, epoch != topic.epoch {
            reset(topic, in: epoch)
        } else {
            read(topic, to: end)
        }
    }

    /// Ends the readers of a history that is not the database's any more.
    private func reset(_ topic: LogTopic, in epoch: Epoch) {
        for follow in topic.follows where follow.isActive {
            follow.reader.reset(in: epoch)
        }
    }

    private func delete(_ topic: LogTopic) {
        for follow in topic.follows where follow.isActive {
            follow.reader.delete(follow)
        }
    }

    private func tick() {
        let now = NIODeadline.now()
        for reader in readers where reader.index != nil {
            reader.tick(at: now, heartbeat: TimeAmount(limits.heartbeat), patience: TimeAmount(limits.stallTimeout))
        }
    }
}

/// What is read from the store when signals do not bring it.
extension LogTopics {
    /// Ends those who follow a chat of which it was said that it is no more.
    ///
    /// That may have been before the chat was created, or before an import has brought it back.
    private func deleteIfGone(_ topic: LogTopic) {
        let loopBound = NIOLoopBound((topics: self, topic: topic), eventLoop: eventLoop)
        source.ifGone(topic.chatID, on: eventLoop) {
            let (topics, topic) = loopBound.value
            topics.delete(topic)
        }
    }

    /// Reads what a reader lacks.
    func read(_ follow: LogFollow, after position: Position) {
        let loopBound = NIOLoopBound((topics: self, follow: follow), eventLoop: eventLoop)
        let (instant, turn) = (follow.state.instant, follow.reader.turn)
        source.page(of: follow.chatID, after: position, instant, for: turn, on: eventLoop) { result in
            let (topics, follow) = loopBound.value
            topics.finishReading(follow, after: position, result)
        }
    }

    /// - Parameter start: Where the page was to begin. The reader may be ahead of it: a connection that takes more again
    ///   while a page is sent asks for the next one before the rest of it is sent.
    private func finishReading(
        _ follow: LogFollow,
        after start: Position,
        _ result: Result<LivePage, StoreError>
    ) {
        guard follow.isActive, let topic = topics[follow.chatID] else { return }
        switch result {
        case .success(let page) where page.isOfAnotherHistory(than: topic.epoch, after: start):
            reset(topic, in: page.epoch)
        case .success(let page) where page.hasHole(after: start):
            follow.reader.fail(follow)
        case .success(let page):
            follow.note(page.lastPosition)
            follow.state.finishReading()
            follow.reader.receive(page, for: follow)
            read(topic, to: page.lastPosition)
            pump(follow)
        case .failure(.chatNotFound):
            follow.reader.delete(follow)
        case .failure:
            let loopBound = NIOLoopBound((topics: self, follow: follow), eventLoop: eventLoop)
            eventLoop.scheduleTask(in: TimeAmount(limits.retryDelay)) {
                let (topics, follow) = loopBound.value
                follow.state.finishReading()
                topics.pump(follow)
            }
        }
    }

    /// Reads what a topic lacks up to a position that its log is known to have reached.
    private func read(_ topic: LogTopic, to position: Position) {
        topic.known = max(topic.known, position)
        guard topic.known > topic.ring.end, !topic.isReading else { return }
        topic.isReading = true
        let (known, start) = (topic.known, topic.ring.end)
        let loopBound = NIOLoopBound((topics: self, topic: topic), eventLoop: eventLoop)
        source.page(of: topic.chatID, after: start, topic.ring.lastInstant, for: topic.turn, on: eventLoop) { result in
            let (topics, topic) = loopBound.value
            topics.finishReading(topic, known: known, after: start, result)
        }
    }

    /// - Parameters:
    ///   - known: What the log was known to have reached when it was read.
    ///   - start: Where the page was to begin.
    private func finishReading(
        _ topic: LogTopic,
        known: Position,
        after start: Position,
        _ result: Result<LivePage, StoreError>
    ) {
        topic.isReading = false
        if topic.follows.isEmpty { return }
        switch result {
        case .success(let page) where page.isOfAnotherHistory(than: topic.epoch, after: start):
            reset(topic, in: page.epoch)
        case .success(let page) where page.hasHole(after: start) && topic.ring.end == start:
            for follow in topic.follows where follow.isActive {
                follow.reader.fail(follow)
            }
        case .success(let page):
            topic.follows.first?.note(page.lastPosition)
            if topic.known == known {
                // Whoever has said more was wrong.
                topic.known = max(page.lastPosition, topic.ring.end)
            }
            let end = topic.ring.end
            topic.hasChanged = true
            for event in page.events {
                _ = event.position.map { topic.ring.append(event, at: $0) }
            }
            deliver(topic)
            if topic.ring.end > end || topic.known > known {
                read(topic, to: page.lastPosition)
            }
        case .failure(.chatNotFound):
            delete(topic)
        case .failure:
            // The next signal, or the next check, goes on with it.
            break
        }
    }
}
