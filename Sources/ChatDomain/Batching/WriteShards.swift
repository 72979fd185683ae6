import Hashing

/// Queues all writes of a store and runs them in batches.
///
/// Log changes, creations, and deletions with purges each have a bounded queue of their own and equal shares of the
/// batches, so that a flood of one kind does not starve the others. Shards run batches in parallel; all log changes and
/// deletions of a chat go to the same shard, as do all creations under the same key.
package struct WriteShards: Sendable {
    /// Carries out a batch in a shard; an error applies to the whole batch.
    package typealias Perform = @Sendable (_ shard: Int, [WriteRequest]) async throws(StoreError) -> RecordedBatch

    private let shards: [Batcher<WriteRequest, WriteAnswer>]
    /// The weight of a full batch.
    private let maximumWeight: Int

    /// - Parameters:
    ///   - executors: Where each shard runs its batches, one per shard and at least one; `perform` may block there.
    ///   - limits: The limits of each shard.
    ///   - signals: Receives the changes of a batch after its requests are answered.
    ///   - onBatch: Receives a report of every batch; nil for none.
    package init(
        on executors: [any TaskExecutor],
        _ limits: BatchLimits,
        _ signals: LogSignals,
        onBatch: BatchObserver? = nil,
        perform: @escaping Perform
    ) {
        maximumWeight = limits.maximumBatch
        shards = executors.enumerated().map { shard, executor in
            Batcher(limits, queueCount: 3, on: executor) { requests throws(StoreError) in
                let batch = try await Self.perform(requests, reportingTo: onBatch) { requests throws(StoreError) in
                    try await perform(shard, requests)
                }
                return BatchOutcome(answers: batch.results) { signals.send(batch) }
            }
        }
    }

    /// What waits, and the batches so far, over all shards.
    package var load: WriteLoad {
        shards.reduce(WriteLoad()) { $0 + $1.load }
    }

    /// Posts, edits or deletes a message; see `ChatStore.recordMessage`.
    package func record(_ request: LogRequest) async throws(StoreError) -> Accepted<Message> {
        let answer = try await shard(of: request.chatID).submit(.record(request), queue: 0)
        guard case .recorded(let accepted) = answer else { throw .mismatched(answer) }
        return accepted
    }

    /// Changes an open message without an entry; see `ChatStore.changeStream`.
    package func changeStream(_ request: StreamRequest) async throws(StoreError) -> Message {
        let answer = try await shard(of: request.message.chatID).submit(.stream(request), queue: 0)
        guard case .recorded(let accepted) = answer else { throw .mismatched(answer) }
        return accepted.value
    }

    /// Shares a queue with messages, so changes of one chat run in order of arrival.
    package func updateChat(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) async throws(StoreError) -> Chat {
        let answer = try await shard(of: id).submit(.update(id, edit, by: caller), queue: 0)
        guard case .updated(let chat) = answer else { throw .mismatched(answer) }
        return chat
    }

    /// Shares a queue with messages, so that a chat's members post in order of arrival.
    package func changeMembers(_ request: MemberRequest) async throws(StoreError) -> [Member] {
        let answer = try await shard(of: request.chatID).submit(.changeMembers(request), queue: 0)
        guard case .membersChanged(let members) = answer else { throw .mismatched(answer) }
        return members
    }

    /// Shares a queue with messages, whose authors' markers move along.
    package func moveReadMarker(_ request: ReadMarkerRequest) async throws(StoreError) {
        let answer = try await shard(of: request.chatID).submit(.moveReadMarker(request), queue: 0)
        guard answer == .readMarkerMoved else { throw .mismatched(answer) }
    }

    /// Picks a shard by the idempotency key, or at random without one.
    package func createChat(_ draft: ChatDraft, by caller: Caller) async throws(StoreError) -> Accepted<Chat> {
        let answer = try await shard(of: draft).submit(.create(draft, by: caller), queue: 1)
        guard case .created(let accepted) = answer else { throw .mismatched(answer) }
        return accepted
    }

    /// Runs in the shard of the chat's other changes; see `ChatStore.deleteChat`.
    package func deleteChat(_ id: ChatID, by caller: Caller) async throws(StoreError) {
        let answer = try await shard(of: id).submit(.delete(id, by: caller), queue: 2)
        guard answer == .deleted else { throw .mismatched(answer) }
    }

    /// Runs one purge step in a random shard.
    ///
    /// - Returns: Whether there may be more to purge.
    package func purgeDeletedChats() async throws(StoreError) -> Bool {
        // Its weight fills a batch, so no other request fails with it.
        let answer = try await shards[.random(in: shards.indices)].submit(.purge, weight: maximumWeight, queue: 2)
        guard case .purged(let isMore) = answer else { throw .mismatched(answer) }
        return isMore
    }

    private func shard(of chat: ChatID) -> Batcher<WriteRequest, WriteAnswer> {
        shards[chat.shard(of: shards.count)]
    }

    private func shard(of draft: ChatDraft) -> Batcher<WriteRequest, WriteAnswer> {
        guard let key = draft.idempotency?.key else { return shards[.random(in: shards.indices)] }
        var hash = StableHash()
        hash.combine(key.value)
        return shards[Int(hash.value % UInt64(shards.count))]
    }
}

extension ChatID {
    /// The index of the shard that a chat belongs to, for its writes as for its reads.
    func shard(of count: Int) -> Int {
        Int(rawValue.magnitude % UInt64(count))
    }
}

extension WriteShards {
    /// Runs a batch, and reports it if there is an observer.
    private static func perform(
        _ requests: [WriteRequest],
        reportingTo observer: BatchObserver?,
        _ perform: ([WriteRequest]) async throws(StoreError) -> RecordedBatch
    ) async throws(StoreError) -> RecordedBatch {
        guard let observer else { return try await perform(requests) }
        let start = ContinuousClock.now
        var isFailed = true
        defer {
            observer(BatchReport(requests: requests.count, duration: start.duration(to: .now), isFailed: isFailed))
        }
        let batch = try await perform(requests)
        isFailed = false
        return batch
    }
}

extension LogSignals {
    fileprivate func send(_ batch: RecordedBatch) {
        if let epoch = batch.epoch, !batch.entries.isEmpty {
            send(.appended(batch.entries, epoch: epoch))
        }
        for chat in batch.createdChats + batch.joinedChats {
            send(.created(chat))
        }
        if !batch.changedMemberships.isEmpty {
            send(.membershipsChanged(batch.changedMemberships))
        }
        for chat in batch.deletedChats {
            send(.deleted(chat))
        }
    }
}

extension StoreError {
    fileprivate static func mismatched(_ answer: WriteAnswer) -> StoreError {
        .failed(reason: "a write was answered with \(answer)")
    }
}
