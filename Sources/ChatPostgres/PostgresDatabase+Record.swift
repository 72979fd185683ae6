import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Carries out a batch of writes in one transaction.
    ///
    /// If another session holds a chat's lock for long, only the requests for that chat fail: a second attempt leaves
    /// locked chats out. If a node of a distributed database cannot be reached, each node has a transaction of its own.
    func record(_ requests: [WriteRequest], shard: Int) async throws(StoreError) -> RecordedBatch {
        var outcome = try await write(shard: shard) { connection throws(PostgresError) in
            try connection.record(requests, leavingOutLocked: nil, at: clock.now())
        }
        if case .locked(let error) = outcome {
            outcome = try await write(shard: shard) { connection throws(PostgresError) in
                try connection.record(requests, leavingOutLocked: error, at: clock.now())
            }
        }
        switch outcome {
        case .committed(let batch): return batch
        case .uncertain(let outcome):
            if let batch = try await resolve(outcome, shard: shard) { return batch }
            let error = StoreError(.transactionLost(reason: outcome.reason))
            guard outcome.isNodeFailure else { throw error }
            return try await recordByNode(requests, after: error, shard: shard)
        case .locked(let error): throw StoreError(error)
        case .unreachable(let error): return try await recordByNode(requests, after: StoreError(error), shard: shard)
        }
    }

    /// Carries out a batch in a transaction for each node that stores its chats.
    ///
    /// - Parameter error: Thrown if all requests belong to one node.
    private func recordByNode(
        _ requests: [WriteRequest],
        after error: StoreError,
        shard: Int
    ) async throws(StoreError) -> RecordedBatch {
        let groups = try await read { connection throws(PostgresError) in
            try connection.groupByNode(requests.map(\.chatID))
        }
        guard groups.count > 1 else { throw error }
        var whole = RecordedBatch(
            results: requests.map { _ in .failure(error) },
            entries: [],
            epoch: nil,
            createdChats: [],
            deletedChats: [],
            erasesText: false
        )
        for group in groups {
            do {
                whole.add(try await record(group.map { requests[$0] }, shard: shard), ofRequests: group)
            } catch {
                for index in group {
                    whole.results[index] = .failure(error)
                }
            }
        }
        return whole
    }
}

extension RecordedBatch {
    /// Adds the result of some of the requests, which are about chats of their own.
    fileprivate mutating func add(_ part: RecordedBatch, ofRequests indices: [Int]) {
        for (index, result) in zip(indices, part.results) {
            results[index] = result
        }
        if let epoch, let other = part.epoch, epoch != other {
            // Another server has taken over, which may lack them.
            entries = []
        }
        entries += part.entries
        epoch = part.epoch ?? epoch
        createdChats += part.createdChats
        deletedChats.formUnion(part.deletedChats)
        changedMemberships += part.changedMemberships
        erasesText = erasesText || part.erasesText
    }
}

/// How the transaction of a batch ended.
private enum RecordOutcome {
    case committed(RecordedBatch)
    case uncertain(UncertainOutcome)
    /// Nothing was written, because another session has locked one of the chats or the table.
    case locked(PostgresError)
    /// Nothing was written, because a node of a distributed database cannot be reached.
    case unreachable(PostgresError)
}

extension PostgresConnection {
    /// Locks the chats in id order, plans, writes and commits, in two round trips for any number of requests.
    ///
    /// - Parameter lock: The error for requests whose chat another session has locked; nil waits for those chats.
    /// - Throws: `PostgresError.transactionLost` if the connection breaks before COMMIT is sent.
    fileprivate func record(
        _ requests: [WriteRequest],
        leavingOutLocked lock: PostgresError?,
        at now: Instant
    ) throws(PostgresError) -> RecordOutcome {
        let priorState: BatchPlan.PriorState
        do throws(PostgresError) {
            priorState = try fetchLastPosts(
                for: requests,
                into: begin(BatchPlan.Needs(requests), leavingOutLocked: lock)
            )
        } catch .connectionLost(let reason) {
            throw .transactionLost(reason: reason)
        } catch .server(.lockNotAvailable, let message) {
            return .locked(.server(.lockNotAvailable, message: message))
        } catch  where isNodeFailure(error) {
            return .unreachable(error)
        }
        let plan = BatchPlan(requests, from: priorState, at: now)
        do throws(PostgresError) {
            return .committed(plan.recorded(try commit(plan.writes, at: now)))
        } catch .server(.uniqueViolation, let message)
            where plan.writes.creations.contains(where: { $0.draft.idempotency != nil })
        {
            // Another session is creating a chat under the same key.
            throw .server(.serializationFailure, message: message)
        } catch .connectionLost(let reason), .unexpectedResult(let reason) {
            // None of these errors tells whether the COMMIT took effect.
            return .uncertain(UncertainOutcome(plan: plan, reason: reason))
        } catch .server(.transactionResolutionUnknown, let reason) {
            // Not on all servers that must have it.
            return .uncertain(UncertainOutcome(plan: plan, reason: reason, isNodeFailure: isDistributed))
        } catch  where isNodeFailure(error) {
            // Several nodes commit in two phases, so none has. A single one may commit before the coordinator does.
            let nodes = try? groupByNode(Array(plan.writes.changedChats))
            if let nodes, nodes.count > 1 { return .unreachable(error) }
            return .uncertain(UncertainOutcome(plan: plan, reason: error.description, isNodeFailure: true))
        }
    }

    /// Adds the instants that slow mode needs; costs a round trip only if a chat has slow mode.
    private func fetchLastPosts(
        for requests: [WriteRequest],
        into priorState: BatchPlan.PriorState
    ) throws(PostgresError) -> BatchPlan.PriorState {
        let users = BatchPlan.slowedUsers(of: requests, in: priorState.heads)
        if users.isEmpty { return priorState }
        var priorState = priorState
        let statements = users.compactMap { chat, users in
            priorState.heads[chat].map { PostgresStatement.fetchLastPosts(of: users, in: $0) }
        }
        var posts = priorState.lastPosts
        try continueTransaction(statements) { _, result throws(PostgresError) in
            posts.merge(try result.lastPosts()) { $1 }
        }
        priorState.lastPosts = posts
        return priorState
    }

    private enum Part {
        case heads, existing, sent, messages, opened, members, owners, memberCounts, created
    }

    /// Opens the transaction, locks the chats and reads what the plan needs.
    private func begin(
        _ needs: BatchPlan.Needs,
        leavingOutLocked lock: PostgresError?
    ) throws(PostgresError) -> BatchPlan.PriorState {
        var parts: [(part: Part, statement: PostgresStatement)] = []
        // Statements after the lock see everything that other sessions committed before it was granted.
        if !needs.chats.isEmpty {
            parts.append((.heads, .lockHeads(of: needs.chats, skippingLocked: lock != nil)))
            if lock != nil { parts.append((.existing, .find(needs.chats))) }
        }
        if !needs.keys.isEmpty { parts.append((.sent, .fetchSent(needs.keys))) }
        if !needs.messages.isEmpty { parts.append((.messages, .fetchMessages(needs.messages))) }
        if !needs.openingChats.isEmpty { parts.append((.opened, .countOpenMessages(of: needs.openingChats))) }
        if !needs.members.isEmpty { parts.append((.members, .fetchMembers(needs.members))) }
        if !needs.ownedChats.isEmpty { parts.append((.owners, .countOwners(of: needs.ownedChats))) }
        if !needs.deletedChats.isEmpty {
            parts.append((.memberCounts, .countMembers(of: needs.deletedChats, upTo: BatchPlan.removalLimit)))
        }
        if !needs.creationKeys.isEmpty { parts.append((.created, .fetchCreated(needs.creationKeys))) }
        var priorState = BatchPlan.PriorState()
        try begin(parts.map(\.statement)) { index, result throws(PostgresError) in
            switch parts[index].part {
            case .heads:
                for head in try result.heads() {
                    priorState.heads[head.chat.id] = head
                }
                if result.rowCount > 0 { priorState.epoch = try result.epoch() }
            case .existing:
                guard let lock else { return }
                for chat in try result.chatIDs() where priorState.heads[chat] == nil {
                    priorState.busyChats[chat] = StoreError(lock)
                }
            case .sent: priorState.sent.merge(try result.sentMessages()) { $1 }
            case .messages: priorState.messages.merge(try result.messages()) { $1 }
            case .opened: priorState.openCounts.merge(try result.openCounts()) { $1 }
            case .members:
                for member in try result.members() {
                    priorState.members[member.reference] = member
                }
            case .owners: priorState.ownerCounts.merge(try result.ownerCounts()) { $1 }
            case .memberCounts: priorState.memberCounts.merge(try result.memberCounts()) { $1 }
            case .created: priorState.createdChats = try result.createdChats()
            }
        }
        return priorState
    }
}
