/// A committed change, as a hint for listeners to read.
///
/// A signal may be lost, duplicated or late.
package enum LogSignal: Equatable, Sendable {
    /// Entries that this process appended; those of each chat have consecutive positions.
    ///
    /// Other processes receive them as `moved`.
    case appended([LogEntry], epoch: Epoch)
    /// Logs that have reached at least these positions, no matter which process appended to them.
    case moved([ChatID: Position])
    /// A chat that was created or that users joined, through any process.
    case created(ChatID)
    /// A chat deleted by any process; readers must not see it any more.
    case deleted(ChatID)
    /// Memberships that began or whose read markers moved, through any process: the inboxes of these users changed, and
    /// the logs of the chats may not say so.
    case membershipsChanged([MemberReference])
    /// Users or server keys gained or lost access through any process; see `IdentityStore.accessChanges`.
    case accessChanged
    /// Signals may have been lost: listeners must re-read the chats they are interested in.
    case missed
}

/// A store's signals, sent after the change is committed and its requester has been answered.
///
/// Signals about one chat from this process arrive in commit order.
package typealias LogSignals = Broadcast<LogSignal>
