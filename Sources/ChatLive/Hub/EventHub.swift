package import ChatDomain
package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle

/// Fans out events to subscribers.
///
/// The hub encodes an event once and posts it, without waiting, to the shards that have subscribers of its chat.
/// Signals are only hints: subscribers advance by position alone, and the hub polls the store for events that were not
/// signalled.
package final class EventHub: Service, Sendable {
    /// The limits that the hub, its shards and its connections apply.
    package let limits: StreamLimits
    /// Tells the readers of inboxes what changed.
    package let inboxes: InboxHub
    let interests: InterestTable
    /// The chats in which the first connection becomes interested; `isFollowed` says whether one still is.
    package let newInterests = Broadcast<ChatID>()
    /// The open messages whose text is delivered.
    package let openMessages: OpenMessageTable
    let shards: [ShardMailbox]
    /// Limits the typing notices shown per chat, including those of other server processes.
    private let typingLimiter: TypingLimiter
    let listChats: @Sendable () async throws(StoreError) -> ChatList
    let fetchChats: @Sendable ([ChatID]) async throws(StoreError) -> ChatSnapshot
    /// For what fails in the background of streams.
    package let logger: Logger
    let polls: AsyncStream<Void>
    private let poll: AsyncStream<Void>.Continuation

    /// Listens to the signals of the store and to typing notices.
    ///
    /// - Parameters:
    ///   - typing: Typing notices from this process and from others.
    ///   - eventLoops: The event loops of the connections; each gets a shard.
    package init(
        _ store: some ChatStore,
        typing: TypingNotices = TypingNotices(),
        _ limits: StreamLimits = StreamLimits(),
        eventLoops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = Logger(label: "events")
    ) {
        self.limits = limits
        self.logger = logger
        inboxes = InboxHub(store.signals)
        let source = ReplaySource(store, maximumReads: limits.maximumReads)
        let openMessages = OpenMessageTable()
        self.openMessages = openMessages
        shards = eventLoops.makeIterator().map { ShardMailbox($0, limits, source, openMessages) }
        interests = InterestTable(shardCount: shards.count)
        typingLimiter = TypingLimiter(interval: limits.typingInterval, chatLimit: limits.maximumTypingPerChat)
        // One page, one snapshot: between two pages, a chat could move to the top unseen.
        listChats = { () throws(StoreError) in try await store.chats(ChatListQuery(limit: limits.maximumChats)) }
        fetchChats = { ids throws(StoreError) in try await store.chats(withIDs: ids) }
        (polls, poll) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        store.signals.addListener { [weak self] in self?.receive($0) }
        typing.addListener { [weak self] in self?.publish($0) }
    }

    /// Returns the shard of an event loop.
    ///
    /// - Precondition: Called on that event loop, which is one of those passed to `init`.
    package func shard(on eventLoop: any EventLoop) -> TopicShard {
        shards[shardIndex(of: eventLoop)].loopBoundShard
    }

    /// Makes the hub post the events of a chat to the shard of an event loop, until the interest is released.
    package func interest(in chatID: ChatID, on eventLoop: any EventLoop) -> TopicInterest {
        let interest = TopicInterest(chatID, ofShard: shardIndex(of: eventLoop), in: interests)
        if interest.isFirst { newInterests.send(chatID) }
        return interest
    }

    /// Whether a connection is interested in the chat.
    package func isFollowed(_ chatID: ChatID) -> Bool {
        interests.counts(of: chatID) != nil
    }

    /// The chats in which connections are interested.
    package var followedChats: [ChatID] {
        interests.chatIDs
    }

    /// Changes the number of streams of all chats on an event loop; call with 1 when one starts and with -1 when it
    /// ends.
    package func addStreamsOfAllChats(_ count: Int, on eventLoop: any EventLoop) {
        interests.changeAllChats(by: count, ofShard: shardIndex(of: eventLoop))
        if count > 0 {
            // A chat may have been created since the stream read its list.
            checkSoon()
        }
    }

    /// Lists the open streams, WebSockets and long polls of this process.
    package func streams() async -> [OpenStream] {
        var streams: [OpenStream] = []
        for shard in shards {
            // Without its event loop, a shard has no connections.
            streams += (try? await shard.streams()) ?? []
        }
        return streams
    }

    /// What this process delivers, over all event loops.
    package func load() async -> DeliveryLoad {
        var load = DeliveryLoad()
        for shard in shards {
            load = load + ((try? await shard.load()) ?? DeliveryLoad())
        }
        return load
    }

    private func shardIndex(of eventLoop: any EventLoop) -> Int {
        guard let index = shards.firstIndex(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a connection is on an event loop that the hub was not given")
        }
        return index
    }

    /// Polls the store now; requests made during a poll are merged into one more.
    func checkSoon() {
        poll.yield()
    }
}

extension EventHub {
    private func receive(_ signal: LogSignal) {
        switch signal {
        case .appended(let entries, let epoch): publish(entries, in: epoch)
        case .moved(let ends): publish(ends, in: nil)
        case .created(let chatID): publishChats([chatID], in: nil)
        case .deleted(let chatID): publishDeletion(of: chatID)
        case .missed: checkSoon()
        case .accessChanged, .membershipsChanged: break
        }
    }

    private func publish(_ entries: [LogEntry], in epoch: Epoch) {
        openMessages.noteEnded(entries.compactMap(\.textChange?.endedMessage))
        let (wanted, rewound) = interests.noteAppended(entries, in: epoch)
        if wanted.isEmpty { return }
        publishRewind(of: rewound, in: epoch)
        let events = wanted.map { LiveEvent($0.entry, of: $0.chatID, in: epoch) }
        for shard in shards.indices {
            let own = zip(events, wanted).filter { $1.counts[shard] > 0 }.map(\.0)
            if !own.isEmpty { shards[shard].post(.events(own)) }
        }
    }

    private func publish(_ typing: Typing) {
        guard let counts = interests.counts(of: typing.chatID), typingLimiter.admits(typing.chatID) else { return }
        post(.events([LiveEvent(typing)]), to: counts)
    }

    /// - Parameter epoch: Nil if another process reported the ends.
    func publish(_ ends: [ChatID: Position], in epoch: Epoch?) {
        let counts = interests.noteEnds(ends, in: epoch)
        for shard in shards.indices {
            let own = ends.filter { (counts[$0.key]?[shard] ?? 0) > 0 }
            if !own.isEmpty { shards[shard].post(.moved(own, epoch: epoch)) }
        }
    }

    /// Ends the subscriptions to chats whose log has gone backward.
    func publishRewind(of chats: some Sequence<ChatID>, in epoch: Epoch) {
        for chatID in chats {
            post(.rewound(chatID, epoch: epoch), to: interests.counts(of: chatID) ?? [])
        }
    }

    /// - Parameter epoch: The epoch of the list; nil for chats reported by a signal.
    func publishChats(_ chats: [ChatID], in epoch: Epoch?) {
        post(.listed(chats, epoch: epoch), to: interests.allChats)
    }

    func publishDeletion(of chatID: ChatID) {
        post(.deleted(chatID), to: interests.noteDeleted(chatID) ?? [])
    }

    func post(_ signal: ShardSignal, to counts: InterestTable.Counts) {
        for (shard, count) in counts.enumerated() where count > 0 {
            shards[shard].post(signal)
        }
    }
}
