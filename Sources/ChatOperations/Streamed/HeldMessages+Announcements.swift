import ChatDomain
import ChatLive

/// What other servers are told of the messages that this one holds.
extension HeldMessages {
    /// Pieces of a message's text are merged over this time.
    private static var announcementInterval: Duration { .milliseconds(50) }
    /// How long text that could not be stored waits.
    private static var retryInterval: Duration { .milliseconds(250) }

    /// Tells other servers what is new of a message, now and at the end of each interval in which it grows.
    func announce(_ message: HeldMessage) {
        guard growth.hasRelays, message.beginAnnouncing() else { return }
        Task {
            repeat {
                if let piece = message.takeNews() {
                    growth.send(GrowthNotice(message.reference, .grew(piece, epoch: message.epoch)))
                }
                if message.isWanted { await announceStored(message) }
                try? await Task.sleep(for: message.isWanted ? Self.retryInterval : Self.announcementInterval)
            } while !message.endAnnouncing()
        }
    }

    /// Stores a text that other servers want, and tells them its length.
    private func announceStored(_ message: HeldMessage) async {
        let length = message.text.length
        if !message.isStored(upTo: length) { await store(message) }
        guard message.isStored(upTo: length) else { return }
        growth.send(GrowthNotice(message.reference, .stored(length: message.satisfy(), epoch: message.epoch)))
    }
}
