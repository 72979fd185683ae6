package import ChatDomain

/// A subscriber's subscription to one topic.
///
/// Confined to the event loop of the subscriber.
package final class Subscription: Indexed {
    /// The topic it subscribes to.
    package let chatID: ChatID
    /// The epoch it reads; a subscription never sees another one.
    package let epoch: Epoch
    let subscriber: Subscriber
    let interest: TopicInterest
    private var state: SubscriptionState
    /// The index among the subscriptions of the topic; nil before it starts and once it has ended.
    package var index: Int?
    /// Whether the replay buffer must keep events for it.
    private(set) var lags = false
    /// Whether text of an open message waits for the connection to accept more; the replay buffer need not keep anything
    /// for it.
    private(set) var missesGrowth = false
    /// How much it was sent of each open message.
    private var sentTexts: [MessageID: PublishedText.Extent] = [:]
    /// In a stream of all chats, grows with each entry: the subscription with the least value has been idle the
    /// longest.
    package var activity = 0

    init(_ chat: SubscriptionStart, of subscriber: Subscriber) {
        epoch = chat.epoch
        chatID = chat.interest.chatID
        interest = chat.interest
        self.subscriber = subscriber
        state = SubscriptionState(
            after: chat.position,
            chat.position == chat.end ? chat.endInstant : nil,
            permit: chat.permit,
            asOf: chat.end
        )
        // An extent says nothing about another object with the text of the message.
        if let (message, sent) = chat.text, !message.isClosed {
            sentTexts[message.reference.id] = sent
        }
    }

    /// The position of the last entry sent.
    package var position: Position {
        state.position
    }

    /// Replaces what permits it.
    ///
    /// What a membership or an open chat permitted is also permitted if the chat is not in the renewal: such a
    /// subscription ends at the entry with which the user left, or with the chat.
    ///
    /// - Returns: False if the caller must end it.
    package func renewPermit(_ renewal: PermitRenewal) -> Bool {
        guard let (permit, end) = renewal.chats[chatID] else { return state.permit != .rights }
        return state.renewPermit(permit, asOf: end)
    }

    /// When that entry happened, if known.
    var instant: Instant? {
        state.instant
    }

    /// The replay buffer must keep the events after this position.
    var floor: Position {
        state.floor
    }

    var isActive: Bool {
        index != nil
    }

    /// Whether the replay buffer has dropped the next event.
    func isOverrun(by buffer: ReplayBuffer) -> Bool {
        state.isOverrun(by: buffer)
    }

    enum Progress {
        case advanced
        /// The entries after the position must be read from the store.
        case needs(after: Position)
        /// The user has left the chat: the subscription must end.
        case left
        /// Nothing to do until a new event arrives or the connection accepts more.
        case waits
    }

    /// Takes one step: sends the next event of the buffer if the connection accepts it.
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
        case .left:
            return .left
        case .wait:
            lags = !state.isLive
            // The topic sends all of it next.
            missesGrowth = false
            subscriber.flush()
            return .waits
        }
    }

    /// Ends a read, whether it succeeded or failed.
    func finishReading() {
        state.finishReading()
    }

    /// Sends the events of a page while the connection accepts them; the rest will be read again.
    func send(_ page: ReplayPage) {
        for event in page.events {
            guard subscriber.makeRoom(), isActive else { break }
            if state.advance(to: event) {
                subscriber.send(event, from: self)
            }
        }
        subscriber.flush()
    }

    /// Sends a notice; drops it if the subscription lags or the connection is not writable.
    ///
    /// - Parameter position: It is also dropped if the entry there was not sent.
    func sendEphemeral(_ event: LiveEvent, after position: Position = Position(rawValue: 0)) {
        guard state.isLive, !lags, state.position >= position, subscriber.isWritable else { return }
        subscriber.send(event, from: self)
        subscriber.flush()
    }
}

/// The text of open messages.
extension Subscription {
    /// Sends what it lacks of the texts, in one piece each, if every entry of the buffer was sent and the connection
    /// accepts more; otherwise, the topic tries again when that is so.
    func sendGrowth(of messages: [OpenMessage], in buffer: ReplayBuffer) {
        for message in messages where state.permitsGrowth(ofMessageAt: message.position, buffer) {
            guard isActive else { return }
            guard subscriber.makeRoom() else {
                missesGrowth = true
                return
            }
            // To make room may have changed what was sent.
            let id = message.reference.id
            guard isActive, let (event, extent) = message.event(after: sentTexts[id]) else { continue }
            sentTexts[id] = extent
            subscriber.send(event, from: self)
        }
        subscriber.flush()
    }

    /// Forgets what it was sent of a message.
    func forgetText(of message: MessageID) {
        sentTexts[message] = nil
    }
}
