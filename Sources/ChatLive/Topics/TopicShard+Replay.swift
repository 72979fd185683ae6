import ChatDomain
import NIOCore

/// Reads entries that no signal carried.
extension TopicShard {
    /// Ends the subscriptions to a chat if the store confirms its deletion.
    ///
    /// The signal may predate the creation of the chat, or an import that restored it.
    func deleteIfGone(_ topic: Topic) {
        let loopBound = NIOLoopBound((shard: self, topic: topic), eventLoop: eventLoop)
        source.ifGone(topic.chatID, on: eventLoop) {
            let (shard, topic) = loopBound.value
            shard.delete(topic)
        }
    }

    /// Reads the entries after a position for one subscription.
    func read(_ subscription: Subscription, after position: Position) {
        let loopBound = NIOLoopBound((shard: self, subscription: subscription), eventLoop: eventLoop)
        let (instant, turn) = (subscription.instant, subscription.subscriber.turn)
        source.page(of: subscription.chatID, after: position, instant, for: turn, on: eventLoop) { result in
            let (shard, subscription) = loopBound.value
            shard.finishReading(subscription, after: position, result)
        }
    }

    /// - Parameter start: The requested position. The subscription may be past it: a connection that becomes writable
    ///   while a page is sent asks for the next one before the rest of it is sent.
    private func finishReading(
        _ subscription: Subscription,
        after start: Position,
        _ result: Result<ReplayPage, StoreError>
    ) {
        guard subscription.isActive, let topic = topics[subscription.chatID] else { return }
        switch result {
        case .success(let page) where page.isOfAnotherHistory(than: topic.epoch, after: start):
            reset(topic, in: page.epoch)
        case .success(let page) where page.hasHole(after: start):
            subscription.subscriber.fail(subscription)
        case .success(let page):
            subscription.interest.noteEnd(page.lastPosition, in: subscription.epoch)
            subscription.finishReading()
            topic.noteEnds(in: page)
            subscription.send(page)
            read(topic, to: page.lastPosition)
            pump(subscription)
        case .failure(.chatNotFound):
            delete(subscription)
        case .failure:
            let loopBound = NIOLoopBound((shard: self, subscription: subscription), eventLoop: eventLoop)
            eventLoop.scheduleTask(in: TimeAmount(limits.retryDelay)) {
                let (shard, subscription) = loopBound.value
                subscription.finishReading()
                shard.pump(subscription)
            }
        }
    }

    /// Reads the entries that a topic lacks up to a position that its log is known to have reached.
    func read(_ topic: Topic, to position: Position) {
        topic.knownEnd = max(topic.knownEnd, position)
        guard topic.knownEnd > topic.buffer.end, !topic.isReading else { return }
        topic.isReading = true
        let (known, start) = (topic.knownEnd, topic.buffer.end)
        let loopBound = NIOLoopBound((shard: self, topic: topic), eventLoop: eventLoop)
        source.page(of: topic.chatID, after: start, topic.buffer.lastInstant, for: topic.turn, on: eventLoop) {
            result in
            let (shard, topic) = loopBound.value
            shard.finishReading(topic, known: known, after: start, result)
        }
    }

    /// - Parameters:
    ///   - known: The `knownEnd` of the topic when the read began.
    ///   - start: The requested position.
    private func finishReading(
        _ topic: Topic,
        known: Position,
        after start: Position,
        _ result: Result<ReplayPage, StoreError>
    ) {
        topic.isReading = false
        if topic.subscriptions.isEmpty { return }
        switch result {
        case .success(let page) where page.isOfAnotherHistory(than: topic.epoch, after: start):
            reset(topic, in: page.epoch)
        case .success(let page) where page.hasHole(after: start) && topic.buffer.end == start:
            for subscription in topic.subscriptions where subscription.isActive {
                subscription.subscriber.fail(subscription)
            }
        case .success(let page):
            topic.subscriptions.first?.interest.noteEnd(page.lastPosition, in: topic.epoch)
            if topic.knownEnd == known {
                // The log is not as long as a signal claimed.
                topic.knownEnd = max(page.lastPosition, topic.buffer.end)
            }
            let end = topic.buffer.end
            for event in page.events {
                _ = event.position.map { topic.append(event, at: $0) }
            }
            deliver(topic)
            if topic.buffer.end > end || topic.knownEnd > known {
                read(topic, to: page.lastPosition)
            }
        case .failure(.chatNotFound):
            delete(topic)
        case .failure:
            // The next signal or poll retries.
            break
        }
    }
}
