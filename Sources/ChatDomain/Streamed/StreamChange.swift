/// How a streamed message is to end.
package struct MessageFinish: Sendable {
    package let end: StreamEnd
    /// The whole text; nil keeps the text as it is.
    package let text: StreamedText?
    /// The length that the text has, as far as its writer knows; nil if the writer did not say.
    ///
    /// Only the server that holds the message checks it.
    package let length: Int?
    /// What to do with the message's metadata.
    package let metadata: MetadataEdit
    /// The revisions of the open message that it may end.
    package let condition: RevisionCondition

    package init(
        _ end: StreamEnd,
        text: StreamedText? = nil,
        length: Int? = nil,
        metadata: MetadataEdit = .keep,
        onlyIf condition: RevisionCondition = .any
    ) {
        self.end = end
        self.text = text
        self.length = length
        self.metadata = metadata
        self.condition = condition
    }

    /// Returns a message that is not open, if it ended as requested: the response to an earlier request may have been
    /// lost.
    ///
    /// - Throws: `StoreError.revisionMismatch`, and `StoreError.messageNotOpen` if this request would change anything.
    package func repeated(on message: Message) throws(StoreError) -> Message {
        let isText = text.map { areIdentical($0.value, message.text) }
        let isLength = length.map { $0 == message.text.unicodeScalars.count }
        if message.stream?.end == end, isText ?? isLength ?? true,
            areIdentical(metadata.applied(to: message.metadata)?.json, message.metadata?.json)
        {
            return message
        }
        guard condition.holds(for: message) else { throw .revisionMismatch }
        throw .messageNotOpen
    }
}

/// A requested change of an open message that adds no entry to the log.
package enum StreamChange: Sendable {
    /// The caller's server takes the message over.
    case hold
    /// Stores the text so far and renews the lease.
    ///
    /// - Parameter epoch: The epoch in which the caller's server holds the message.
    case checkpoint(StreamedText, epoch: Int64, expiresAt: Instant)
    /// Asks the writer to stop; a second request changes nothing.
    case cancel
}

/// A requested change of an open message with its chat and caller.
package struct StreamRequest: Sendable {
    /// May name a message that does not exist, or is not open.
    package let message: BatchPlan.MessageReference
    package let change: StreamChange
    /// Only the author and administrators write; everyone who may post may cancel.
    package let caller: Caller

    package init(_ change: StreamChange, of message: BatchPlan.MessageReference, by caller: Caller) {
        self.change = change
        self.message = message
        self.caller = caller
    }
}
