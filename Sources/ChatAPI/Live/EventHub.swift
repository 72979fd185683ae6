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

    let limits: StreamLimits
    let admissions: StreamAdmissions
    private let shards: [EventShard]
    private let state: Mutex<State>
    /// Typing events of all servers, for each chat.
    private let typingRate: Mutex<RateWindow<ChatID>>
    private let listChats: @Sendable () async throws(StoreError) -> [ChatID]
    private let fetchChats: @Sendable ([ChatID]) async throws(StoreError) -> [Chat]
    private let logger: Logger
    private let calls: AsyncStream<Void>
    private let caller: AsyncStream<Void>.Continuation

    /// - Parameter eventLoops: Those of the connections.
    package init(
        _ store: some ChatStore,
        _ limits: StreamLimits = StreamLimits(),
        eventLoops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = Logger(label: "events")
    ) {
        self.limits = limits
        self.logger = logger
        admissions = StreamAdmissions(limits)
        let source = LogSource(store, maximumReads: limits.maximumReads)
        shards = eventLoops.makeIterator().map { EventShard($0, limits, source) }
        state = Mutex(State(readersOfAll: shards.map { _ in 0 }))
        typingRate = Mutex(RateWindow(limit: limits.maximumTypingPerChat))
        listChats = { () throws(StoreError) in try await store.lastActiveChatIDs(upTo: limits.maximumChats + 1) }
        fetchChats = { ids throws(StoreError) in try await store.chats(withIDs: ids) }
        (calls, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        store.signals.setHandler { [weak self] in self?.receive($0) }
    }

    /// Those of the chats that are found now.
    func chats(_ ids: [ChatID]) async -> [Chat] {
        (try? await fetchChats(ids)) ?? []
    }

    /// The readers of an event loop.
    ///
    /// - Precondition: On that event loop.
    func topics(on eventLoop: any EventLoop) -> LogTopics {
        shards[shardIndex(of: eventLoop)].loopBoundTopics
    }

    /// Wants to know of a chat from now on, for readers on an event loop.
    func interest(in chatID: ChatID, on eventLoop: any EventLoop) -> LogInterest {
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

    func news(of chatID: ChatID) -> LogInterest.News {
        state.withLock { $0.interests[chatID]?.news } ?? LogInterest.News()
    }

    /// Counts the readers of all chats on an event loop.
    func addReadersOfAll(_ count: Int, on eventLoop: any EventLoop) {
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
        case .appended(let entries): publish(entries)
        case .typing(let typing): publish(typing)
        case .moved(let ends): publish(ends)
        case .created(let chatID): announce([chatID])
        case .deleted(let chatID): publishDeletion(of: chatID)
        case .missed: caller.yield()
        }
    }

    private func publish(_ entries: [LogEntry]) {
        let wanted = state.withLock { state in
            if state.interests.isEmpty { return [(LogEntry, ChatID, [Int])]() }
            return entries.compactMap { entry in
                let chatID = entry.subject.chatID
                guard let counts = state.note(entry.position, of: chatID) else { return nil }
                return (entry, chatID, counts)
            }
        }
        if wanted.isEmpty { return }
        let events = wanted.map { LiveEvent($0.0, of: $0.1) }
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

    private func publish(_ ends: [ChatID: Position]) {
        let counts = state.withLock { state in
            Dictionary(uniqueKeysWithValues: ends.compactMap { id, end in state.note(end, of: id).map { (id, $0) } })
        }
        for shard in shards.indices {
            let own = ends.filter { (counts[$0.key]?[shard] ?? 0) > 0 }
            if !own.isEmpty { shards[shard].post(.moved(own)) }
        }
    }

    private func announce(_ chats: [ChatID]) {
        post(.listed(chats), to: state.withLock { $0.readersOfAll })
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
                announce(try await listChats())
            }
            for start in stride(from: 0, to: followed.count, by: Self.checkSize) {
                let ids = Array(followed[start..<min(start + Self.checkSize, followed.count)])
                let ends = Dictionary(
                    uniqueKeysWithValues: try await fetchChats(ids).map { ($0.id, $0.lastPosition) }
                )
                publish(ends)
                for id in ids where ends[id] == nil {
                    publishDeletion(of: id)
                }
            }
        } catch {
            logger.warning("Looking after streams failed", metadata: ["reason": "\(error.reason)"])
        }
    }

    /// How many chats are asked for at once.
    private static var checkSize: Int { 1_000 }
}

extension EventHub.State {
    /// Notes how far a log has come.
    ///
    /// - Returns: For each shard, how many want to know; nil if nobody does.
    fileprivate mutating func note(_ end: Position, of chatID: ChatID) -> [Int]? {
        guard var interest = interests[chatID] else { return nil }
        interest.news.end = max(interest.news.end ?? end, end)
        interests[chatID] = interest
        return interest.counts
    }
}

extension ChatStore {
    /// The chats that were active last.
    ///
    /// - Parameter count: The most chats to return.
    func lastActiveChatIDs(upTo count: Int) async throws(StoreError) -> [ChatID] {
        // In one snapshot: page by page, a chat could move to the top unseen.
        try await chats(ChatListQuery(limit: count)).chats.map(\.id)
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
