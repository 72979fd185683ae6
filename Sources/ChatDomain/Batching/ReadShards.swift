/// Reads chats' latest messages in batches that form while earlier ones run.
///
/// Each shard runs its own batches, in parallel with the others; all reads of a chat go to the same shard.
package struct ReadShards: Sendable {
    /// Reads a batch in one snapshot.
    ///
    /// The results are in the order of the reads; nil means that the log is unchanged.
    package typealias Perform =
        @Sendable ([LatestMessagesRead]) async throws(StoreError) -> [Result<LatestMessages?, StoreError>]

    private let shards: [Batcher<LatestMessagesRead, LatestMessages?>]

    /// - Parameters:
    ///   - executors: Where each shard runs its batches, one per shard and at least one; nil stands for Swift's global
    ///     executor, on which `perform` must not block.
    ///   - limits: The limits of each shard.
    package init(on executors: [(any TaskExecutor)?], _ limits: BatchLimits, perform: @escaping Perform) {
        shards = executors.map { executor in
            Batcher(limits, on: executor) { reads throws(StoreError) in
                BatchOutcome(answers: try await perform(reads))
            }
        }
    }

    /// Reads that no batch has picked up yet, over all shards.
    package var waitingCount: Int {
        shards.reduce(0) { $0 + $1.load.waiting }
    }

    /// Reads a chat's latest messages; nil if the log still ends where the request says.
    ///
    /// It never throws `StoreError.outcomeUnknown`.
    package func latestMessages(_ read: LatestMessagesRead) async throws(StoreError) -> LatestMessages? {
        let shard = shards[read.request.query.chatID.shard(of: shards.count)]
        do throws(StoreError) {
            return try await shard.submit(read, weight: read.request.weight)
        } catch {
            throw error.ofRead
        }
    }
}
