/// Reads the newest messages of chats in batches that form while earlier ones run.
///
/// Batches of several lanes run side by side; a chat's reads all take the same lane.
package struct ReadShards: Sendable {
    /// Reads a batch in one snapshot.
    ///
    /// The results are in the order of the requests; nil stands for an unchanged log.
    package typealias Perform =
        @Sendable ([LogTailRequest]) async throws(StoreError) -> [Result<LatestMessages?, StoreError>]

    private let lanes: [Batcher<LogTailRequest, LatestMessages?>]

    /// - Parameters:
    ///   - executors: Where each lane runs its batches, at least one; nil stands for Swift's pool, on which `perform` must not
    ///     block.
    ///   - limits: The limits of each lane.
    package init(on executors: [(any TaskExecutor)?], _ limits: BatchLimits, perform: @escaping Perform) {
        lanes = executors.map { executor in
            Batcher(limits, on: executor) { requests throws(StoreError) in
                BatchOutcome(answers: try await perform(requests))
            }
        }
    }

    /// Never throws `StoreError.outcomeUnknown`.
    package func tail(_ request: LogTailRequest) async throws(StoreError) -> LatestMessages? {
        let lane = Int(request.tail.chatID.rawValue.magnitude % UInt64(lanes.count))
        do throws(StoreError) {
            return try await lanes[lane].submit(request, weight: request.weight)
        } catch {
            throw error.ofRead
        }
    }
}
