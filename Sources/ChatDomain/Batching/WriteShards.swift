import Hashing

/// Takes all writes of a store through admission control: each waits in a bounded queue for its turn in a batch.
///
/// Changes of logs, creations, and deletions with purges wait in queues of their own and share the batches equally, so that
/// a flood of one kind does not starve the others. Batches of several lanes run side by side; a chat's writes all take the
/// same lane, and so do the creations under one key.
package struct WriteShards: Sendable {
    /// Carries out a batch in a lane.
    package typealias Perform = @Sendable (_ lane: Int, [WriteRequest]) async throws(StoreError) -> RecordedBatch

    private let lanes: [Batcher<WriteRequest, WriteAnswer>]
    /// That of a whole batch.
    private let maximumWeight: Int

    /// - Parameters:
    ///   - executors: Where each lane runs its batches, on which `perform` may block; at least one.
    ///   - limits: What each lane takes on.
    ///   - signals: Told of what was written, after the requesters.
    package init(
        on executors: [any TaskExecutor],
        _ limits: BatchLimits,
        _ signals: LogSignals,
        perform: @escaping Perform
    ) {
        maximumWeight = limits.maximumBatch
        lanes = executors.enumerated().map { lane, executor in
            Batcher(limits, queueCount: 3, on: executor) { requests throws(StoreError) in
                let batch = try await perform(lane, requests)
                return BatchOutcome(answers: batch.results) { signals.send(batch) }
            }
        }
    }

    /// How many requests wait for their turn.
    package var waitingCount: Int {
        lanes.reduce(0) { $0 + $1.waitingCount }
    }

    package func record(_ request: LogRequest) async throws(StoreError) -> Accepted<Message> {
        let answer = try await lane(of: request.chatID).submit(.record(request), queue: 0)
        guard case .recorded(let accepted) = answer else { throw .mismatched(answer) }
        return accepted
    }

    package func updateChat(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) async throws(StoreError) -> Chat {
        let answer = try await lane(of: id).submit(.update(id, edit, by: caller), queue: 0)
        guard case .updated(let chat) = answer else { throw .mismatched(answer) }
        return chat
    }

    package func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        let answer = try await lane(of: draft).submit(.create(draft), queue: 1)
        guard case .created(let accepted) = answer else { throw .mismatched(answer) }
        return accepted
    }

    package func deleteChat(_ id: ChatID) async throws(StoreError) {
        let answer = try await lane(of: id).submit(.delete(id), queue: 2)
        guard answer == .deleted else { throw .mismatched(answer) }
    }

    /// - Returns: Whether there is more to purge.
    package func purgeDeletedChats() async throws(StoreError) -> Bool {
        // Alone in its transaction: nobody's request fails with it.
        let answer = try await lanes[.random(in: lanes.indices)].submit(.purge, weight: maximumWeight, queue: 2)
        guard case .purged(let isMore) = answer else { throw .mismatched(answer) }
        return isMore
    }

    private func lane(of chat: ChatID) -> Batcher<WriteRequest, WriteAnswer> {
        lanes[Int(chat.rawValue.magnitude % UInt64(lanes.count))]
    }

    private func lane(of draft: ChatDraft) -> Batcher<WriteRequest, WriteAnswer> {
        guard let key = draft.idempotency?.key else { return lanes[.random(in: lanes.indices)] }
        var hash = StableHash()
        hash.combine(key.value)
        return lanes[Int(hash.value % UInt64(lanes.count))]
    }
}

extension LogSignals {
    fileprivate func send(_ batch: RecordedBatch) {
        if let epoch = batch.epoch, !batch.entries.isEmpty {
            send(.appended(batch.entries, epoch: epoch))
        }
        for chat in batch.createdChats {
            send(.created(chat))
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
