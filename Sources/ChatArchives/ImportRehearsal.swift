import ChatDomain

/// Computes what an import would do, for a dry run.
///
/// Only the last chat of a batch can continue in the next batch, so only its log is remembered.
struct ImportRehearsal {
    private var head: LogHead?
    private var messages: Set<BatchPlan.MessageReference> = []
    private var keys: Set<BatchPlan.SentKey> = []

    /// Plans a batch as if the previous ones had been imported.
    mutating func add(_ stretches: [ArchivedStretch], to stored: ImportPlan.PriorState) -> ImportResult {
        var priorState = stored
        // An import purges deleted chats before it begins.
        priorState.removedChats = []
        if let head, stretches.contains(where: { $0.chat.id == head.chat.id }) {
            priorState.heads[head.chat.id] = head
            priorState.assumedMessages = messages
            priorState.usedKeys.formUnion(keys)
        }
        let plan = ImportPlan(stretches, from: priorState)
        if let last = stretches.last?.chat {
            if last.id != head?.chat.id {
                messages = []
                keys = []
            }
            head = plan.writes.movedHeads[last.id] ?? priorState.heads[last.id] ?? last.withoutLog
            messages.formUnion(plan.newMessages.filter { $0.chatID == last.id })
            keys.formUnion(plan.newKeys.filter { $0.chatID == last.id })
        }
        return ImportResult(added: plan.count, conflicts: plan.conflicts)
    }
}
