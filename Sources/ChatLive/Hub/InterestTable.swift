import ChatDomain
import Synchronization

/// Which shards are interested in which chats, and what was last signalled about these chats.
final class InterestTable: Sendable {
    /// What was signalled about a chat while a shard was interested in it.
    struct News {
        var end: Position?
        /// The history in which the log ended there; nil if only other processes said so.
        var epoch: Epoch?
        /// The last position that this process appended.
        var appended: Position?
        var isDeleted = false
    }

    /// A number for each shard: how many interests it has.
    typealias Counts = [Int]

    fileprivate struct Interest {
        var counts: Counts
        var news = News()
    }

    fileprivate struct State {
        var interests: [ChatID: Interest] = [:]
        /// For streams of all chats.
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

    func add(_ chatID: ChatID, ofShard shard: Int) {
        state.withLock { $0.interests[chatID, default: Interest(counts: none)].counts[shard] += 1 }
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
    /// An entry that shards are interested in.
    struct WantedEntry {
        let entry: LogEntry
        let chatID: ChatID
        let counts: Counts
    }

    /// Notes entries that this process appended, in the order of the commits.
    ///
    /// - Returns: Those that shards are interested in, and the chats whose logs went backward before.
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

    /// Notes how far logs have come.
    ///
    /// - Parameter epoch: Nil if another process said so.
    /// - Returns: The interests in those that have any.
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

    /// Notes where logs end that have gone backward.
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
    /// - Parameter epoch: Nil if another process said so.
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

    /// - Returns: Whether the log went backward before.
    fileprivate mutating func noteAppended(_ position: Position, of chatID: ChatID) -> Bool {
        let isRewound = interests[chatID]?.news.appended.map { position <= $0 } ?? false
        if isRewound {
            interests[chatID]?.news.end = position
        }
        interests[chatID]?.news.appended = position
        return isRewound
    }
}

extension LogSubject {
    fileprivate var chatID: ChatID {
        switch self {
        case .message(let message): message.chatID
        case .chat(let chat): chat.id
        }
    }
}
