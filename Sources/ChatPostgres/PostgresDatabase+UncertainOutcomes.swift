import ChatDomain
import PostgresClient

/// A batch whose COMMIT was sent but not answered.
struct UncertainOutcome {
    let plan: BatchPlan
    let reason: String
    /// Whether a node of a distributed database could not be reached.
    var isNodeFailure = false
}

/// Whether an uncertain batch was committed.
private enum BatchFate {
    case committed(RecordedBatch)
    case rolledBack
    /// Nothing in the database tells.
    case unknown
}

extension PostgresDatabase {
    /// Finds out whether a batch was committed.
    ///
    /// An error of the query says nothing about the batch, so the query is retried until the statement timeout has
    /// passed. If a node is unreachable, it is not retried, so that chats on other nodes do not wait.
    ///
    /// - Returns: Nil if the batch was rolled back.
    func resolve(_ outcome: UncertainOutcome, shard: Int) async throws(StoreError) -> RecordedBatch? {
        let deadline = ContinuousClock.now + configuration.statementTimeout
        var reason = outcome.reason
        repeat {
            let fate: BatchFate
            do throws(PostgresError) {
                fate = try await writers[shard].pool.withConnection { connection throws(PostgresError) in
                    try connection.fate(of: outcome)
                }
            } catch {
                reason = error.description
                if error == .shutDown || outcome.isNodeFailure { break }
                try? await Task.sleep(for: .milliseconds(50))
                continue
            }
            switch fate {
            case .committed(let batch): return batch
            case .rolledBack: return nil
            case .unknown: throw StoreError(.connectionLost(reason: outcome.reason))
            }
        } while ContinuousClock.now < deadline
        throw .outcomeUnknown(reason: "PostgreSQL: \(reason)")
    }
}

extension PostgresConnection {
    /// Searches for the batch's entries at their planned positions.
    ///
    /// Locking the chats waits until the batch's transaction has ended, in whichever session it runs. `pg_xact_status`
    /// is not reliable here: after a crash, the server reuses the id of a lost transaction.
    fileprivate func fate(of outcome: UncertainOutcome) throws(PostgresError) -> BatchFate {
        let (plan, writes) = (outcome.plan, outcome.plan.writes)
        // What it replayed may not be on a standby that has taken over meanwhile.
        if writes.isEmpty { return .rolledBack }
        // Deleted chats have no log to check, and created chats cannot be found: their ids are lost.
        let deletedChats = writes.deletedChats
        let chats = Set(writes.movedHeads.keys).subtracting(deletedChats)
        let changes = writes.changes.filter { !deletedChats.contains($0.chatID) }
        if chats.isEmpty || writes.appends.contains(where: { deletedChats.contains($0.chatID) }) { return .unknown }
        var chatCount = 0
        var changeCount = 0
        var ids: [LogPlace: MessageID] = [:]
        var epoch: Epoch?
        try transact([.lockHeads(of: chats), .find(writes.appends), .find(changes)]) {
            index,
            result throws(PostgresError) in
            switch index {
            case 0:
                chatCount += result.rowCount
                if result.rowCount > 0 { epoch = try result.epoch() }
            case 1: ids.merge(try result.messageIDs()) { $1 }
            default: changeCount += result.rowCount
            }
        }
        if ids.count == writes.appends.count, changeCount == changes.count {
            let ids = try ids.ordered(as: writes.appends)
            let chatIDs: [ChatID]? = writes.creations.isEmpty ? [] : nil
            let written = LogWrites.Written(messageIDs: ids, chatIDs: chatIDs, hasMoreToPurge: true)
            var batch = plan.recorded(written)
            // A standby may have taken over since the plan was made.
            batch.epoch = epoch
            return .committed(batch)
        }
        return chatCount == chats.count ? .rolledBack : .unknown
    }
}
