package import ChatDomain
import Synchronization

/// An open message with the text that its readers get.
///
/// After a change, call `EventHub.grew`. Safe to call from any thread.
package final class OpenMessage: Sendable {
    fileprivate struct State {
        var text: PublishedText
        /// The events made since the last publication, by the offset at which they start.
        var events: [Int: LiveEvent] = [:]
        /// Whether the text was published within the last interval.
        var isPaced = false
        var isClosed = false
    }

    package let reference: BatchPlan.MessageReference
    /// The position at which the message was posted.
    package let position: Position
    private let state: Mutex<State>

    /// Starts with the text of a message.
    ///
    /// - Parameter isNew: Whether its readers can have no other text than this, since the message was opened with it.
    package init(_ message: Message, isNew: Bool = true) {
        reference = message.reference
        position = message.position
        state = Mutex(State(text: PublishedText(message.text, isNew: isNew)))
    }

    /// The whole text.
    package var text: String {
        state.withLock { $0.text.text }.text
    }

    /// In Unicode scalars.
    package var length: Int {
        state.withLock { $0.text.text.length }
    }

    /// What the writer is doing; nil if it did not say.
    package var status: String? {
        written(from: .max).status
    }

    /// The whole text, and what a reader has once it has read it.
    package var whole: (text: String, extent: PublishedText.Extent) {
        let (text, extent) = state.withLock { ($0.text.text, $0.text.whole) }
        return (text.text, extent)
    }

    /// Writes a text by the writer's rule.
    ///
    /// - Parameters:
    ///   - offset: In Unicode scalars.
    ///   - status: What the writer is doing. Nil keeps the current one, unless the text grows.
    /// - Returns: The length of the whole text, and whether its readers get anything new.
    /// - Throws: `AppendRejection`, and nothing has changed.
    package func write(
        _ text: String,
        at offset: Int,
        status: String?
    ) throws(AppendRejection) -> (length: Int, hasChanged: Bool) {
        try state.withLock { state throws(AppendRejection) in
            let hasChanged = try state.text.write(text, at: offset, status: status)
            return (state.text.text.length, hasChanged)
        }
    }

    /// The text from an offset on, whether its readers have it or not.
    ///
    /// - Parameter offset: In Unicode scalars; the piece starts at the end of the text if this is beyond it.
    package func written(from offset: Int) -> TextPiece {
        state.withLock { $0.text.written(from: min(offset, $0.text.text.length)) }
    }

    /// Replaces the text by the one with which another server has taken the message over, which may be shorter.
    ///
    /// Readers keep what both have in common.
    package func replace(with text: String) {
        state.withLock { state in
            state.text.replace(with: text)
            state.events = [:]
        }
    }
}

/// Delivery to readers.
extension OpenMessage {
    /// Events kept for further readers: most of them have the whole text, and some have nothing.
    private static let maximumEvents = 4

    var isClosed: Bool {
        state.withLock { $0.isClosed }
    }

    /// Ends delivery for good.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.events = [:]
        }
    }

    /// Publishes the changes, and starts an interval in which no others are published.
    ///
    /// - Returns: False if there are none, if the last interval has not ended, or if the message is closed.
    func beginInterval() -> Bool {
        state.withLock { state in
            if state.isPaced { return false }
            state.isPaced = state.publish()
            return state.isPaced
        }
    }

    /// Ends an interval; publishes the changes since, and starts another if there are any.
    ///
    /// - Returns: Whether there are any.
    func endInterval() -> Bool {
        state.withLock { state in
            state.isPaced = state.publish()
            return state.isPaced
        }
    }

    /// Returns the next event for a reader, and what the reader has then; nil if it has everything or if the message is
    /// closed.
    ///
    /// Readers that have the same part of the text get the same event, encoded once.
    ///
    /// - Parameter sent: Nil if the reader was sent nothing.
    func event(after sent: PublishedText.Extent?) -> (LiveEvent, PublishedText.Extent)? {
        state.withLock { state in
            guard !state.isClosed, let offset = state.text.offset(after: sent) else { return nil }
            if let event = state.events[offset] { return (event, state.text.extent) }
            let event = LiveEvent(state.text.piece(from: offset), of: reference)
            if state.events.count == Self.maximumEvents {
                state.events = [:]
            }
            state.events[offset] = event
            return (event, state.text.extent)
        }
    }
}

extension OpenMessage.State {
    fileprivate mutating func publish() -> Bool {
        guard !isClosed, text.publish() else { return false }
        events = [:]
        return true
    }
}
