package import ChatDomain

/// A subscriber's subscription to one topic.
///
/// Confined to the event loop of the subscriber.
package final class Subscription: Indexed {
    package let chatID: ChatID
    /// The history that it reads; a subscription never sees another one.
    package let epoch: Epoch
    let subscriber: Subscriber
    let interest: TopicInterest
    private var state: SubscriptionState
    /// Its index among the topic's subscriptions; nil before it starts and once it has ended.
    package var index: Int?
    /// Whether the replay buffer must be kept for it, since it may be missing something.
    private(set) var lags = false
    /// In a stream of all chats, grows with each entry: the least one was active longest ago.
    package var activity = 0

    init(_ chat: SubscriptionStart, of subscriber: Subscriber) {
        epoch = chat.epoch
        chatID = chat.interest.chatID
        interest = chat.interest
        self.subscriber = subscriber
        state = SubscriptionState(after: chat.position, chat.position == chat.end ? chat.endInstant : nil)
    }

    /// The last entry that was sent.
    package var position: Position {
        state.position
    }

    /// When that entry happened, if it is known.
    var instant: Instant? {
        state.instant
    }

    /// From where on the replay buffer must be kept for it.
    var floor: Position {
        state.floor
    }

    var isActive: Bool {
        index != nil
    }

    /// Whether the replay buffer has dropped what it needs next.
    func isOverrun(by buffer: ReplayBuffer) -> Bool {
        state.isOverrun(by: buffer)
    }

    enum Progress {
        case advanced
        /// What comes after the position must be read from the store.
        case needs(after: Position)
        /// Until there is more, or the connection accepts more.
        case waits
    }

    /// Takes the next step: sends the next event of the buffer if the connection accepts it.
    func advance(in buffer: ReplayBuffer) -> Progress {
        if state.isOverrun(by: buffer) {
            subscriber.overflow()
            return .waits
        }
        guard subscriber.makeRoom(), isActive else {
            lags = true
            return .waits
        }
        switch state.next(buffer) {
        case .send(let event):
            guard state.advance(to: event) else { return .waits }
            subscriber.send(event, from: self)
            return .advanced
        case .caughtUp:
            subscriber.sendCaughtUp(self)
            return .advanced
        case .read(let position):
            lags = true
            return .needs(after: position)
        case .wait:
            lags = !state.isLive
            subscriber.flush()
            return .waits
        }
    }

    /// What was to be read is there, or reading it has failed.
    func finishReading() {
        state.finishReading()
    }

    /// Sends what was read, as far as the connection accepts it; the rest will be read again.
    func send(_ page: ReplayPage) {
        for event in page.events {
            guard subscriber.makeRoom(), isActive else { break }
            if state.advance(to: event) {
                subscriber.send(event, from: self)
            }
        }
        subscriber.flush()
    }

    /// Sends an event without a position, now or never.
    func sendEphemeral(_ event: LiveEvent) {
        guard state.isLive, !lags, subscriber.isWritable else { return }
        subscriber.send(event, from: self)
        subscriber.flush()
    }
}
