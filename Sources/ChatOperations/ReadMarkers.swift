package import ChatDomain
import Synchronization

/// Writes users' read markers, each at most once a second: a client may send a move for each message that scrolls by.
///
/// A move forward that follows another one too soon waits in memory, for a second at most unless the store fails. Until
/// then, other servers and a crash do not know of it.
///
/// - A marker has one write at a time, in the order of the moves.
/// - A move that was accepted to wait does so until it is stored or refused, or until a later move replaces it.
/// - A move back replaces all earlier moves: none of them is written after it.
package final class ReadMarkers<Store: MemberStore>: Sendable {
    /// Waits for a duration.
    package typealias Pause = @Sendable (Duration) async -> Void

    private typealias Write = Task<Result<Void, StoreError>, Never>

    /// A marker that is being written or was written within the interval.
    private struct Slot {
        /// The latest write, which may have ended.
        var write: Write
        /// The furthest of the moves that came later, or whose write failed.
        var waiting: ReadMarkerRequest?
        /// The number of moves back, none of which an earlier move may follow.
        var movesBack = 0

        mutating func wait(with request: ReadMarkerRequest) {
            if let waiting, waiting.position >= request.position { return }
            waiting = request
        }
    }

    private let store: Store
    private let interval: Duration
    private let pause: Pause
    private let slots = Mutex<[UserID: [ChatID: Slot]]>([:])

    /// - Parameters:
    ///   - interval: The minimum time between two writes of a marker, except by `flush` and of moves back.
    ///   - pause: Waits for the interval.
    package init(
        _ store: Store,
        interval: Duration = .seconds(1),
        pause: @escaping Pause = { try? await Task.sleep(for: $0) }
    ) {
        self.store = store
        self.interval = interval
        self.pause = pause
    }

    /// Moves a marker, now or soon.
    ///
    /// A move back happens now, so that later moves and posts come after it.
    ///
    /// - Returns: Up to where the user has read if the move waits; nil if it was written.
    /// - Throws: What `MemberStore.moveReadMarker` throws; never for a move that waits.
    package func move(_ request: ReadMarkerRequest) async throws(StoreError) -> Position? {
        guard let member = request.member else {
            try await store.moveReadMarker(request)
            return nil
        }
        let (started, waiting) = slots.withLock { add(request, of: member, to: &$0) }
        guard let started else { return waiting }
        try await started.value.get()
        return nil
    }

    /// - Returns: The write, or the position of what now waits.
    private func add(
        _ request: ReadMarkerRequest,
        of member: MemberReference,
        to slots: inout [UserID: [ChatID: Slot]]
    ) -> (Write?, Position?) {
        guard var slot = slots[member.userID]?[member.chatID] else {
            let started = write(request, after: nil)
            slots[member.userID, default: [:]][member.chatID] = Slot(write: started)
            Task { await writeWaiting(of: member, after: started) }
            return (started, nil)
        }
        if request.movesBack {
            slot = Slot(write: write(request, after: slot.write), movesBack: slot.movesBack + 1)
        } else {
            slot.wait(with: request)
        }
        slots[member.userID]?[member.chatID] = slot
        return request.movesBack ? (slot.write, nil) : (nil, slot.waiting?.position)
    }

    /// Writes the moves that wait, of one user or of all, so that a read of the store shows them.
    package func flush(of user: UserID? = nil) async {
        let members = slots.withLock { slots in
            let users = user.map { [$0] } ?? Array(slots.keys)
            return users.flatMap { user in
                (slots[user] ?? [:]).keys.map { MemberReference(chatID: $0, userID: user) }
            }
        }
        _ = await flush(members)
    }

    /// Writes the moves of these members that wait.
    ///
    /// - Returns: False if no marker has moved lately: an earlier read of the store shows them all.
    package func flush(_ members: [MemberReference]) async -> Bool {
        let writes = slots.withLock { slots in members.compactMap { writeWaiting($0, &slots) } }
        for write in writes {
            _ = await write.value
        }
        return !writes.isEmpty
    }

    /// Writes what waits at each interval, until nothing does and the latest write has ended: one that fails leaves a
    /// move that waits.
    private func writeWaiting(of member: MemberReference, after started: Write) async {
        var latest: Write? = started
        while let write = latest {
            _ = await write.value
            await pause(interval)
            latest = slots.withLock { slots in
                let next = writeWaiting(member, &slots)
                if next != write { return next }
                slots[member.userID]?[member.chatID] = nil
                if slots[member.userID]?.isEmpty == true {
                    slots[member.userID] = nil
                }
                return nil
            }
        }
    }

    /// Starts to write the move that waits.
    ///
    /// - Returns: The marker's latest write.
    private func writeWaiting(_ member: MemberReference, _ slots: inout [UserID: [ChatID: Slot]]) -> Write? {
        guard var slot = slots[member.userID]?[member.chatID] else { return nil }
        if let request = slot.waiting {
            slot.write = write(request, after: slot.write, waitingSince: slot.movesBack)
            slot.waiting = nil
            slots[member.userID]?[member.chatID] = slot
        }
        return slot.write
    }

    /// - Parameter movesBack: The number of moves back before the move, if it waits again when the store is not available
    ///   and no other followed; nil if it does not wait again.
    private func write(
        _ request: ReadMarkerRequest,
        after previous: Write?,
        waitingSince movesBack: Int? = nil
    ) -> Write {
        Write {
            _ = await previous?.value
            do throws(StoreError) {
                return .success(try await self.store.moveReadMarker(request))
            } catch {
                if error.isTemporary, let member = request.member {
                    self.slots.withLock { slots in
                        guard slots[member.userID]?[member.chatID]?.movesBack == movesBack else { return }
                        slots[member.userID]?[member.chatID]?.wait(with: request)
                    }
                }
                return .failure(error)
            }
        }
    }
}

extension StoreError {
    fileprivate var isTemporary: Bool {
        switch self {
        case .unavailable, .outcomeUnknown: true
        default: false
        }
    }
}
