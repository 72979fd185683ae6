import ChatDomain

/// Computes what an import would do.
///
/// Only the last chat of a batch can continue in the next one, so only its log is remembered.
struct ImportRehearsal {
    private var head: LogHead?
    private var messages: Set<LogPlan.MessageReference> = []
    private var keys: Set<LogPlan.SentKey> = []

    /// Plans a batch as if the previous ones had been imported.
    mutating func add(_ stretches: [ArchivedStretch], to stored: ImportPlan.Knowledge) -> ImportResult {
        var knowledge = stored
        // An import removes what is left of deleted chats before it begins.
        knowledge.removedChats = []
        if let head, stretches.contains(where: { $0.chat.id == head.chat.id }) {
            knowledge.heads[head.chat.id] = head
            knowledge.assumedMessages = messages
            knowledge.usedKeys.formUnion(keys)
        }
        let plan = ImportPlan(stretches, knowing: knowledge)
        if let last = stretches.last?.chat {
            if last.id != head?.chat.id {
                messages = []
                keys = []
            }
            head = plan.writes.movedHeads[last.id] ?? knowledge.heads[last.id] ?? last.withoutLog
            messages.formUnion(plan.newMessages.filter { $0.chatID == last.id })
            keys.formUnion(plan.newKeys.filter { $0.chatID == last.id })
        }
        return ImportResult(added: plan.count, conflicts: plan.conflicts)
    }
}
