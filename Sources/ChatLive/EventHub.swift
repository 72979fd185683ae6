package import ChatDomain
package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Brings what happens to chats to those who read live.
///
/// What is signalled is a hint; readers rely on positions alone. The hub knows who is interested in what, encodes an event
/// once, and hands it to the event loops of the readers without waiting for them.
package final class EventHub: Service, Sendable {
    fileprivate struct State {
        var interests: [ChatID: Interest] = [:]
        /// For each shard, how many readers follow all chats.
        var readersOfAll: [Int]
    }

    fileprivate struct Interest {
        /// For each shard, how many want to know.
        var counts: [Int]
        var news = LogInterest.News()
    }

    package let limits: StreamLimits
    private let shards: [EventShard]
    private let state: Mutex<State>
    /// Typing events of all servers, for each chat.
    private let typingRate: Mutex<RateWindow<ChatID>>
    private let listChats: @Sendable () async throws(StoreError) -> ChatList
    private let fetchChats: @Sendable ([ChatID]) async throws(StoreError) -> ChatSnapshot
    private let logger: Logger
    private let calls: AsyncStream<Void>
    private let caller: AsyncStream<Void>.Continuation

    /// - Parameter eventLoops: Those of the connections.
    package init(
        _ store: some ChatStore,
        typing: TypingNotices = TypingNotices(),
        _ limits: StreamLimits = StreamLimits(),
        eventLoops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = Logger(label: "events")
    ) {
        self.limits = limits
        self.logger = logger
        let source = LogSource(store, maximumReads: limits.maximumReads)
        shards = eventLoops.makeIterator().map { EventShard($0, limits, source) }
        state = Mutex(State(readersOfAll: shards.map { _ in 0 }))
        typingRate = Mutex(RateWindow(limit: limits.maximumTypingPerChat))
        // In one snapshot: page by page, a chat could move to the top unseen.
        listChats = { () throws(StoreError) in try await store.chats(ChatListQuery(limit: limits.maximumChats)) }
        fetchChats = { ids throws(StoreError) in try await store.chats(withIDs: ids) }
        (calls, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        store.signals.addListener { [weak self] in self?.receive($0) }
        typing.addListener { [weak self] in self?.publish($0) }
    }

    /// Those of the chats that are found now; nil if the store fails.
    package func chats(_ ids: [ChatID]) async -> ChatSnapshot? {
        try? await fetchChats(ids)
    }

    /// A chat that joins a stream of all chats: with everything if it was created since, else with its last entries.
    package func joining(_ interest: LogInterest, _ head: LogHead, isCreated: Bool, in epoch: Epoch) -> StreamedChat {
        let last = max(0, head.chat.lastPosition.rawValue - limits.joiningEntries)
        return StreamedChat(
            interest,
            of: head,
            after: Position(rawValue: isCreated ? 0 : last),
            in: epoch,
            news: StreamedChat.News(chat: head.chat, isCreated: isCreated)
        )
    }

    /// The readers of an event loop.
    ///
    /// - Precondition: On that event loop.
    package func topics(on eventLoop: any EventLoop) -> LogTopics {
        shards[shardIndex(of: eventLoop)].loopBoundTopics
    }

    /// Wants to know of a chat from now on, for readers on an event loop.
    package func interest(in chatID: ChatID, on eventLoop: any EventLoop) -> LogInterest {
        LogInterest(chatID, ofShard: shardIndex(of: eventLoop), in: self)
    }

    private func shardIndex(of eventLoop: any EventLoop) -> Int {
        guard let index = shards.firstIndex(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a connection is on an event loop that the hub was not given")
        }
        return index
    }

    func addInterest(in chatID: ChatID, ofShard shard: Int) {
        state.withLock { state in
            state.interests[chatID, default: Interest(counts: shards.map { _ in 0 })].counts[shard] += 1
        }
    }

    func removeInterest(in chatID: ChatID, ofShard shard: Int) {
        state.withLock { state in
            guard var interest = state.interests[chatID] else { return }
            interest.counts[shard] -= 1
            state.interests[chatID] = interest.counts.allSatisfy { $0 == 0 } ? nil : interest
        }
    }

    func note(_ end: Position, of chatID: ChatID, in epoch: Epoch) {
        state.withLock { _ = $0.note(end, of: chatID, in: epoch) }
    }

    func news(of chatID: ChatID) -> LogInterest.News {
        state.withLock { $0.interests[chatID]?.news } ?? LogInterest.News()
    }

    /// Counts the readers of all chats on an event loop.
    package func addReadersOfAll(_ count: Int, on eventLoop: any EventLoop) {
        let shard = shardIndex(of: eventLoop)
        state.withLock { $0.readersOfAll[shard] += count }
        if count > 0 {
            // A chat may have been created since they looked.
            caller.yield()
        }
    }
}

extension EventHub {
    private func receive(_ signal: LogSignal) {
        switch signal {
        case .appended(let entries, let epoch): publish(entries, in: epoch)
        case .moved(let ends): publish(ends, in: nil)
        case .created(let chatID): announce([chatID], in: nil)
        case .deleted(let chatID): publishDeletion(of: chatID)
        case .missed: caller.yield()
        }
    }

    private func publish(_ entries: [LogEntry], in epoch: Epoch) {
        var rewound: Set<ChatID> = []
        let wanted = state.withLock { state in
            if state.interests.isEmpty { return [(LogEntry, ChatID, [Int])]() }
            return entries.compactMap { entry in
                let chatID = entry.subject.chatID
                guard let counts = state.note(entry.position, of: chatID, in: epoch) else { return nil }
                if state.noteAppended(entry.position, of: chatID) { rewound.insert(chatID) }
                return (entry, chatID, counts)
            }
        }
        if wanted.isEmpty { return }
        rewind(Array(rewound), in: epoch)
        let events = wanted.map { LiveEvent($0.0, of: $0.1, in: epoch) }
        for shard in shards.indices {
            let own = zip(events, wanted).filter { $1.2[shard] > 0 }.map(\.0)
            if !own.isEmpty { shards[shard].post(.events(own)) }
        }
    }

    private func publish(_ typing: Typing) {
        guard let counts = state.withLock({ $0.interests[typing.chatID]?.counts }),
            typingRate.withLock({ $0.admits(typing.chatID, at: .now) })
        else { return }
        post(.events([LiveEvent(typing)]), to: counts)
    }

    /// - Parameter epoch: Nil for what another process has said.
    private func publish(_ ends: [ChatID: Position], in epoch: Epoch?) {
        let counts = state.withLock { state in
            Dictionary(
                uniqueKeysWithValues: ends.compactMap { id, end in state.note(end, of: id, in: epoch).map { (id, $0) } }
            )
        }
        for shard in shards.indices {
            let own = ends.filter { (counts[$0.key]?[shard] ?? 0) > 0 }
            if !own.isEmpty { shards[shard].post(.moved(own, epoch: epoch)) }
        }
    }

    /// Ends the readers of logs that have gone backward.
    private func rewind(_ chats: [ChatID], in epoch: Epoch) {
        for chatID in chats {
            post(.rewound([chatID], epoch: epoch), to: state.withLock { $0.interests[chatID]?.counts } ?? [])
        }
    }

    private func announce(_ chats: [ChatID], in epoch: Epoch?) {
        post(.listed(chats, epoch: epoch), to: state.withLock { $0.readersOfAll })
    }

    private func publishDeletion(of chatID: ChatID) {
        let counts = state.withLock { state in
            state.interests[chatID]?.news.isDeleted = true
            return state.interests[chatID]?.counts ?? []
        }
        post(.deleted(chatID), to: counts)
    }

    /// - Parameter counts: For each shard, how many want to know.
    private func post(_ signal: ShardSignal, to counts: [Int]) {
        for (shard, count) in counts.enumerated() where count > 0 {
            shards[shard].post(signal)
        }
    }
}

extension EventHub {
    /// Looks after what was not signalled, until the shutdown.
    package func run() async throws {
        async let ticking: Void = tick()
        for await _ in calls.cancelOnGracefulShutdown() {
            await check()
        }
        _ = await ticking
    }

    private func tick() async {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: self.limits.checkInterval)
                self.caller.yield()
            }
        }
    }

    /// Asks the store where the logs end that are followed.
    private func check() async {
        let (followed, hasReadersOfAll) = state.withLock { state in
            (Array(state.interests.keys), state.readersOfAll.contains { $0 > 0 })
        }
        do throws(StoreError) {
            if hasReadersOfAll {
                let list = try await listChats()
                announce(list.chats.map(\.id), in: list.epoch)
            }
            for start in stride(from: 0, to: followed.count, by: Self.checkSize) {
                try await check(Array(followed[start..<min(start + Self.checkSize, followed.count)]))
            }
        } catch {
            logger.warning("Looking after streams failed", metadata: ["reason": "\(error.reason)"])
        }
    }

    private func check(_ ids: [ChatID]) async throws(StoreError) {
        // What was known before the store is asked, it must still have.
        let known = state.withLock { state in ids.map { state.interests[$0]?.news } }
        let snapshot = try await fetchChats(ids)
        let ends = Dictionary(uniqueKeysWithValues: snapshot.chats.map { ($0.id, $0.lastPosition) })
        var rewound: [ChatID: Position] = [:]
        for (id, news) in zip(ids, known) where news?.epoch == snapshot.epoch {
            if let end = ends[id], let last = news?.end, end < last { rewound[id] = end }
        }
        state.withLock { $0.rewind(rewound) }
        rewind(Array(rewound.keys), in: snapshot.epoch)
        publish(ends, in: snapshot.epoch)
        for id in ids where ends[id] == nil {
            publishDeletion(of: id)
        }
    }

    /// How many chats are asked for at once.
    private static var checkSize: Int { 1_000 }
}

extension EventHub.State {
    /// Notes how far a log has come.
    ///
    /// - Parameter epoch: Nil for what another process has said.
    /// - Returns: For each shard, how many want to know; nil if nobody does.
    fileprivate mutating func note(_ end: Position, of chatID: ChatID, in epoch: Epoch?) -> [Int]? {
        guard var interest = interests[chatID] else { return nil }
        if let epoch, epoch != interest.news.epoch {
            if interest.news.epoch != nil {
                interest.news.end = end
                interest.news.appended = nil
            }
            interest.news.epoch = epoch
        }
        interest.news.end = max(interest.news.end ?? end, end)
        interests[chatID] = interest
        return interest.counts
    }

    /// Notes what this process has appended, in the order of the commits.
    ///
    /// - Returns: Whether the log has gone backward before.
    fileprivate mutating func noteAppended(_ position: Position, of chatID: ChatID) -> Bool {
        let isRewound = interests[chatID]?.news.appended.map { position <= $0 } ?? false
        if isRewound {
            interests[chatID]?.news.end = position
        }
        interests[chatID]?.news.appended = position
        return isRewound
    }

    /// Notes where logs end that have gone backward.
    fileprivate mutating func rewind(_ ends: [ChatID: Position]) {
        for (chatID, end) in ends where interests[chatID] != nil {
            interests[chatID]?.news.end = end
            interests[chatID]?.news.appended = nil
        }
    }
}

extension LogSubject {
    var chatID: ChatID {
        switch self {
        case .message(let message): message.chatID
        case .chat(let chat): chat.id
        }
    }
}
