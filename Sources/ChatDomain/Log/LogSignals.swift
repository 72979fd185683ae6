/// Something that happened to chats' logs and is in the store by now.
///
/// A signal is a hint to read: it may get lost, come twice or come late.
package enum LogSignal: Equatable, Sendable {
    /// Entries that this process appended; those of each chat have consecutive positions.
    case appended([LogEntry], epoch: Epoch)
    /// Logs that reach at least these positions, whichever process wrote them.
    case moved([ChatID: Position])
    case created(ChatID)
    case deleted(ChatID)
    /// Signals may have been lost: listeners must check what they follow.
    case missed
}

/// A store's signals, sent once a change is on disk and its writer has its response.
///
/// A chat's signals from this process come in the order of its commits.
package typealias LogSignals = Broadcast<LogSignal>
