package import ChatDomain
import NIOCore

/// Messages whose text grows.
///
/// Safe to call from any thread.
extension EventHub {
    /// Starts to deliver the text of an open message, the present text included.
    ///
    /// If the message has ended meanwhile, as its log says, nothing is delivered.
    package func opened(_ message: OpenMessage) {
        openMessages.insert(message)
        announce(message)
    }

    /// Delivers what has changed in an open message: at once, or merged with other changes within
    /// `StreamLimits.growthInterval`.
    package func grew(_ message: OpenMessage) {
        if message.beginInterval() {
            deliver(message)
        }
    }

    /// Ends delivery of an open message: call it once the end is committed, or once this server no longer has the text.
    package func closed(_ reference: BatchPlan.MessageReference) {
        openMessages.close(reference).map(announce)
    }

    /// Tells the chat's subscribers, among them the writer, that the writer of an open message is to stop.
    ///
    /// Subscribers that cannot take the notice now miss it.
    package func cancelRequested(_ reference: BatchPlan.MessageReference) {
        guard let counts = interests.counts(of: reference.chatID) else { return }
        post(.cancelRequested(reference, LiveEvent(cancelRequestOf: reference)), to: counts)
    }

    private func announce(_ message: OpenMessage) {
        guard let counts = interests.counts(of: message.reference.chatID) else { return }
        post(.changed(message), to: counts)
    }

    /// Announces what was published, and waits for the end of the interval.
    private func deliver(_ message: OpenMessage) {
        let counts = interests.counts(of: message.reference.chatID) ?? []
        // Nobody reads it: later subscriptions start with the whole text.
        guard let shard = counts.firstIndex(where: { $0 > 0 }) else { return endInterval(of: message) }
        post(.changed(message), to: counts)
        shards[shard].eventLoop.scheduleTask(in: TimeAmount(limits.growthInterval)) { [weak self] in
            self?.endInterval(of: message)
        }
    }

    private func endInterval(of message: OpenMessage) {
        if message.endInterval() {
            deliver(message)
        }
    }
}
