import ChatDomain
import Synchronization

/// The shards that are interested in each chat, and the latest news about the chat.
///
/// Safe to call from any thread.
final class InterestTable: Sendable {
    /// The latest news about a chat, kept while at least one shard is interested in it.
    struct News {
        var end: Position?
        /// The epoch that `end` belongs to; nil if only other processes have reported it.
        var epoch: Epoch?
        /// The last position that this process appended.
        var appended: Position?
        var isDeleted = false
    }

    /// The number of interests per shard, indexed by shard.
    typealias Counts = [Int]

    fileprivate struct Interest {
        var counts: Counts
        var news = News()
    }

    fileprivate struct State {
        var interests: [ChatID: Interest] = [:]
        /// The number of streams of all chats per shard.
        var allChats: Counts
    }

    private let state: Mutex<State>
    private let none: Counts

    init(shardCount: Int) {
        none = Array(repeating: 0, count: shardCount)
        state = Mutex(State(allChats: none))
    }

    var chatIDs: [ChatID] {
        state.withLock { Array($0.interests.keys) }
    }

    var allChats: Counts {
        state.withLock { $0.allChats }
    }

    func changeAllChats(by count: Int, ofShard shard: Int) {
        state.withLock { $0.allChats[shard] += count }
    }

    /// - Returns: Whether no shard was interested before.
    func add(_ chatID: ChatID, ofShard shard: Int) -> Bool {
        state.withLock { state in
            let isFirst = state.interests[chatID] == nil
            state.interests[chatID, default: Interest(counts: none)].counts[shard] += 1
            return isFirst
        }
    }

    func remove(_ chatID: ChatID, ofShard shard: Int) {
        state.withLock { state in
            guard var interest = state.interests[chatID] else { return }
            interest.counts[shard] -= 1
            state.interests[chatID] = interest.counts.allSatisfy { $0 == 0 } ? nil : interest
        }
    }

    /// - Returns: Nil if no shard is interested.
    func counts(of chatID: ChatID) -> Counts? {
        state.withLock { $0.interests[chatID]?.counts }
    }

    func news(of chatID: ChatID) -> News? {
        state.withLock { $0.interests[chatID]?.news }
    }

    func news(of chatIDs: [ChatID]) -> [News?] {
        state.withLock { state in chatIDs.map { state.interests[$0]?.news } }
    }
}

extension InterestTable {
    /// An entry of a chat that at least one shard is interested in.
    struct WantedEntry {
        let entry: LogEntry
        let chatID: ChatID
        let counts: Counts
    }

    /// Records entries that this process appended, in commit order.
    ///
    /// - Returns: The entries that shards are interested in, and the chats whose log had gone backward before them.
    func noteAppended(_ entries: [LogEntry], in epoch: Epoch) -> (wanted: [WantedEntry], rewound: Set<ChatID>) {
        state.withLock { state in
            var rewound: Set<ChatID> = []
            if state.interests.isEmpty { return ([], []) }
            let wanted = entries.compactMap { entry -> WantedEntry? in
                let chatID = entry.subject.chatID
                guard let counts = state.noteEnd(entry.position, of: chatID, in: epoch) else { return nil }
                if state.noteAppended(entry.position, of: chatID) { rewound.insert(chatID) }
                return WantedEntry(entry: entry, chatID: chatID, counts: counts)
            }
            return (wanted, rewound)
        }
    }

    /// Records the ends of logs.
    ///
    /// - Parameter epoch: Nil if another process reported the ends.
    /// - Returns: The interests per chat, without the chats that have none.
    func noteEnds(_ ends: [ChatID: Position], in epoch: Epoch?) -> [ChatID: Counts] {
        state.withLock { state in
            Dictionary(
                uniqueKeysWithValues: ends.compactMap { id, end in
                    state.noteEnd(end, of: id, in: epoch).map { (id, $0) }
                }
            )
        }
    }

    func noteEnd(_ end: Position, of chatID: ChatID, in epoch: Epoch) {
        state.withLock { _ = $0.noteEnd(end, of: chatID, in: epoch) }
    }

    /// - Returns: The interests in the chat; nil if there are none.
    func noteDeleted(_ chatID: ChatID) -> Counts? {
        state.withLock { state in
            state.interests[chatID]?.news.isDeleted = true
            return state.interests[chatID]?.counts
        }
    }

    /// Records the ends of logs that have gone backward, which lowers the known ends.
    func noteRewound(_ ends: [ChatID: Position]) {
        state.withLock { state in
            for (chatID, end) in ends where state.interests[chatID] != nil {
                state.interests[chatID]?.news.end = end
                state.interests[chatID]?.news.appended = nil
            }
        }
    }
}

extension InterestTable.State {
    /// - Parameter epoch: Nil if another process reported the end.
    /// - Returns: The interests in the chat; nil if there are none.
    fileprivate mutating func noteEnd(_ end: Position, of chatID: ChatID, in epoch: Epoch?) -> InterestTable.Counts? {
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

    /// - Returns: Whether the log had gone backward before this entry.
    fileprivate mutating func noteAppended(_ position: Position, of chatID: ChatID) -> Bool {
        let isRewound = interests[chatID]?.news.appended.map { position <= $0 } ?? false
        if isRewound {
            interests[chatID]?.news.end = position
        }
        interests[chatID]?.news.appended = position
        return isRewound
    }
}
